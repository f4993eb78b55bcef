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


def park(sender_id: int, sentence: str, seconds: int | None = None) -> None:
    """Pause a sender and say why.

    :param seconds: how long; None for the next step of the ladder, counting failures in a row.
    """
    _noted.pop(sender_id, None)
    state = SenderState.objects.get(sender=sender_id)
    if seconds is None:
        seconds = settings.RETRY_LADDER[min(state.failures, len(settings.RETRY_LADDER) - 1)]
    logger.warning("Sender %s pauses for %s seconds: %s", sender_id, seconds, sentence)
    state.failed(sentence, timezone.now() + timedelta(seconds=seconds))


def note_success(sender_id: int) -> None:
    """A server took something: whatever was wrong is over. A busy sender's row is written now and then."""
    if time.monotonic() - _noted.get(sender_id, -REMEMBER_SECONDS) < REMEMBER_SECONDS:
        return
    SenderState.objects.filter(sender=sender_id).update(
        last_success_at=timezone.now(), last_error="", failures=0, next_attempt_at=None
    )
    _noted[sender_id] = time.monotonic()
