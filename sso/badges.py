"""Small pieces of the admin's lists: health badges and times as people say them."""

import re
from datetime import datetime, timedelta
from typing import Literal

from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from sso import causes
from sso.health import Health

Tone = Literal["good", "bad", "warn", "calm"]
LONGEST_ERROR = 500


def badge(tone: Tone, text: str, more: str = "") -> SafeString:
    """A coloured word, with a sentence below it if there is one."""
    below = more if len(more) <= LONGEST_ERROR else more[:LONGEST_ERROR].rstrip() + "…"
    return format_html(
        '<span class="ucs-cell"><span class="ucs-badge ucs-badge-{}">{}</span>{}</span>',
        tone,
        text,
        format_html('<span class="ucs-below" title="{}">{}</span>', more, below) if more else "",
    )


def health_badge(state: Health, *, active: bool = True) -> SafeString:
    """How a connection does: working, failing with the reason, needs sign-in, not tried yet, off."""
    if not active:
        return badge("calm", "switched off")
    if state.is_failing:
        when = f" Tried again {moment(state.next_attempt_at)}." if state.next_attempt_at else ""
        is_ended = state.last_cause in causes.of_sign_in()
        return badge("bad", "needs sign-in" if is_ended else "failing", state.last_error + when)
    if state.last_success_at is None:
        return badge("calm", "not tried yet")
    return badge("good", "working")


def breakable(words: object) -> SafeString:
    """Addresses that may break where people read them apart: after the @, before the port."""
    return mark_safe(re.sub(r"@|:(?=\d+$)", _break, escape(words)))  # noqa: S308 - escaped here


def _break(found: re.Match[str]) -> str:
    return "@<wbr>" if found[0] == "@" else "<wbr>:"


def moment(at: datetime | None, now: datetime | None = None) -> str:
    """A time as a distance: “in 52 min”, “3 h ago”, “now”; “–” for none."""
    if at is None:
        return "–"
    distance = at - (now or timezone.now())
    words = _words(abs(distance))
    if not words:
        return "now"
    return f"in {words}" if distance > timedelta(0) else f"{words} ago"


def when(at: datetime | None) -> SafeString | str:
    """The same with the exact time in its tooltip."""
    if at is None:
        return "–"
    exact = timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S %Z")
    return format_html(
        '<time class="ucs-firm" datetime="{}" title="{}">{}</time>', at.isoformat(), exact, moment(at)
    )


def span(distance: timedelta) -> str:
    """How long something takes or has waited: “12 min”, “3 h”, “a moment”."""
    return _words(distance) or "a moment"


def _words(distance: timedelta) -> str:
    seconds = int(distance.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s" if seconds >= 5 else ""
