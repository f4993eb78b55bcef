"""When a sender pauses as a whole: wrong password, server away, quota used up.

Its mails wait, none is failed. A pause ends at `next_attempt_at`, and at once when the sender's settings
are saved anew, as that may have been the remedy.
"""

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from mailsenders.models import SenderState

logger = logging.getLogger(__name__)

BLOCKED = "blocked"  # the cause of that name: the provider lets the sender send no more
REMEMBER_SECONDS = 10.0
_noted: dict[int, float] = {}  # sender → when this process last wrote down a success


def is_parked(state: SenderState, now: datetime) -> bool:
    """Whether the sender pauses; `state.sender` should be at hand."""
    if state.next_attempt_at is None or state.next_attempt_at <= now:
        return False
    return state.last_error_at is None or state.sender.changed_at <= state.last_error_at


def not_parked(now: datetime) -> Q:
    """The same as a condition on `SenderState`."""
    return (
        Q(next_attempt_at=None) | Q(next_attempt_at__lte=now) | Q(sender__changed_at__gt=F("last_error_at"))
    )


def park(sender_id: int, sentence: str, seconds: int | None = None, cause: str = "") -> None:
    """Pause a sender and say why.

    :param seconds: how long; None for the next step of the ladder, counting failures in a row.
    :param cause: its name in sso/causes, if it is a known one.
    """
    _noted.pop(sender_id, None)
    state = SenderState.objects.get(sender=sender_id)
    if seconds is None:
        seconds = settings.RETRY_LADDER[min(state.failures, len(settings.RETRY_LADDER) - 1)]
    logger.warning("Sender %s pauses for %s seconds: %s", sender_id, seconds, sentence)
    if cause == BLOCKED and state.blocked_at is None:
        state.blocked_at = timezone.now()
        state.save(update_fields=["blocked_at"])
    state.failed(sentence, timezone.now() + timedelta(seconds=seconds), cause)


def end_pause(sender_id: int) -> None:
    """A test has shown that it works again: the mails go on at once."""
    _noted.pop(sender_id, None)
    note_success(sender_id)


def note_success(sender_id: int, began_at: datetime | None = None) -> None:
    """A server took something: whatever was wrong is over. A busy sender's row is written now and then.

    :param began_at: when that try began; what went wrong on another connection since then is not over.
    """
    if time.monotonic() - _noted.get(sender_id, -REMEMBER_SECONDS) < REMEMBER_SECONDS:
        return
    states = SenderState.objects.filter(sender=sender_id)
    if began_at is not None:
        states = states.filter(Q(last_error_at=None) | Q(last_error_at__lt=began_at))
    states.update(
        last_success_at=timezone.now(),
        last_error="",
        last_cause="",
        failures=0,
        next_attempt_at=None,
        blocked_at=None,
    )
    _noted[sender_id] = time.monotonic()
