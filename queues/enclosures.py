"""What comes with the words of a mail: files, appointments, a signature. As pure as `presentation`."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailcore.parsed import Invitation
from queues.models import Attachment, Message

MOST_PEOPLE = 8  # named on a card
_SIGNATURES = frozenset({
    "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
})  # fmt: skip
_CONTAINERS = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_WRAPPING = frozenset({"application/pgp-encrypted", "application/applefile"})
_CALENDARS = frozenset({"text/calendar", "application/ics"})
_LINK = re.compile(r"https?://[^\s\"<>]+")
_BADGES = {
    "REQUEST": gettext_lazy("Invitation"),
    "CANCEL": gettext_lazy("Cancelled"),
    "REPLY": gettext_lazy("Answer"),
    "COUNTER": gettext_lazy("Another time is proposed"),
    "DECLINECOUNTER": gettext_lazy("The other time was declined"),
}


class FileLike(Protocol):
    """An attachment, kept or not yet."""

    @property
    def part(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def size(self) -> int: ...


F = TypeVar("F", bound=FileLike)


def split_files(files: Sequence[F], *, is_signed: bool = False) -> tuple[list[F], list[F]]:
    """Part the files that somebody sent from those that are only wrapping.

    Wrapping are signatures, containers whose files stand beside them, and the second copy of an invitation.

    :param is_signed: the mail is signed, so an S/MIME container has been unwrapped.
    """
    unpacked = {each.part.partition("#")[0] for each in files if "#" in each.part}
    copies = Counter(each.size for each in files if _is_calendar(each))
    shown: list[F] = []
    aside: list[F] = []
    for each in files:
        is_wrapping = (
            each.type in _SIGNATURES
            or each.type in _WRAPPING
            or (each.part in unpacked and each.type != "message/rfc822")
            or (is_signed and each.type in _CONTAINERS)
        )
        if not is_wrapping and _is_calendar(each):
            copies[each.size] -= 1
            is_wrapping = copies[each.size] > 0
        (aside if is_wrapping else shown).append(each)
    return shown, aside


def _is_calendar(file: FileLike) -> bool:
    return file.type in _CALENDARS or file.name.lower().endswith(".ics")


def keep(invitations: Sequence[Invitation]) -> list[dict[str, Any]]:
    """Invitations as they are stored and as the API gives them."""
    return [asdict(each) for each in invitations]


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An invitation on its card.

    ``when`` is in the calendar's own zone; ``starts`` and ``ends`` are ISO texts for the browser, which adds
    the reader's time if that is another one, and "" when there is no such moment (whole days, no zone).
    """

    badge: str
    is_cancelled: bool
    title: str
    when: str
    zone: str
    starts: str
    ends: str
    repeats: str
    where: str
    organiser: str
    people: str
    more_people: int
    description: str

    @property
    def link(self) -> str:
        """The place, if it is an address on the web: a meeting by video."""
        return self.where if _LINK.fullmatch(self.where) else ""


def appointments(message: Message) -> tuple[Appointment, ...]:
    """The invitations of a mail, formatted; the description only where it isn't the mail's own text."""
    text = " ".join(message.text.split())
    return tuple(_appointment(each, text) for each in message.invitations)


def _appointment(kept: dict[str, Any], text: str) -> Appointment:
    starts, ends = _read(kept.get("starts", "")), _read(kept.get("ends", ""))
    method = str(kept.get("method", ""))
    people = [_named(each) for each in kept.get("attendees", [])]
    description = str(kept.get("description", ""))
    is_exact = isinstance(starts, datetime) and starts.tzinfo is not None
    return Appointment(
        badge=_badge(method, kept, people),
        is_cancelled=method == "CANCEL",
        title=str(kept.get("summary", "")) or _("Appointment without a title"),
        when=when(starts, ends),
        zone=str(kept.get("zone", "")) if isinstance(starts, datetime) else "",
        starts=starts.isoformat() if is_exact and starts else "",
        ends=ends.isoformat() if is_exact and isinstance(ends, datetime) else "",
        repeats=str(kept.get("repeats", "")),
        where=str(kept.get("location", "")),
        organiser=_named(kept.get("organiser", {})),
        people=", ".join(people[:MOST_PEOPLE]),
        more_people=max(len(people) - MOST_PEOPLE, 0),
        description="" if " ".join(description.split()) in text else description,
    )


def _badge(method: str, kept: dict[str, Any], people: list[str]) -> str:
    answer = str(kept.get("answer", ""))
    if method == "REPLY" and answer and people:
        return f"{people[0]}: {answer}"
    return str(_BADGES.get(method) or _("Calendar entry"))


def _named(person: dict[str, Any]) -> str:
    return str(person.get("name") or person.get("email") or "")


def _read(text: str) -> date | datetime | None:
    """Read an ISO text; a date alone stays one."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-03-05") else datetime.fromisoformat(text)
    except ValueError:
        return None


def when(starts: date | datetime | None, ends: date | datetime | None) -> str:
    """Say when, as "Thursday 5 March 2026, 10:00–11:30"; whole days end the day before ``ends``."""
    if starts is None:
        return _("No time is given")
    if not isinstance(starts, datetime):
        last = ends - timedelta(days=1) if ends and not isinstance(ends, datetime) else starts
        return _day(starts) if last <= starts else f"{_day(starts)} – {_day(last)}"
    begin = f"{_day(starts)}, {starts:%H:%M}"
    if not isinstance(ends, datetime) or ends.replace(tzinfo=None) <= starts.replace(tzinfo=None):
        return begin
    if ends.date() == starts.date():
        return f"{begin}–{ends:%H:%M}"
    return f"{begin} – {_day(ends)}, {ends:%H:%M}"


def _day(at: date) -> str:
    return date_format(at, "WEEKDAY_AND_YEAR")


@dataclass(frozen=True, slots=True)
class Protection:
    """That a mail is signed or encrypted, and by what; nothing about whether it is true."""

    is_encrypted: bool
    method: str

    @property
    def label(self) -> str:
        """A quiet word beside the subject."""
        return _("Signed (%(method)s)") % {"method": self.method} if self.method else _("Signed")


def protection(message: Message, files: Iterable[Attachment]) -> Protection | None:
    """How a mail is protected, None when it isn't."""
    if not message.protection:
        return None
    types = " ".join(each.type for each in files)
    method = "S/MIME" if "pkcs7" in types else "PGP" if "pgp" in types else ""
    return Protection(message.protection == "encrypted", method)
