"""What people do with a move, and the turns in which a worker does it: seconds each, after live mail."""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from celery import signature
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from audit.actors import Actor
from audit.acts import Act
from audit.log import record
from mailsources.claims import is_passing
from mailsources.models import FetchedMail
from mailsources.parser import ParserUnavailable
from mailstore.announce import announce
from movein import bring, ending, places, scan, tickets
from movein.job import AT_WORK, Job, Later, Stopped, claim
from movein.models import Move, MoveItem
from movein.places import PlaceRefused

logger = logging.getLogger(__name__)

State = Move.State

TURN_SECONDS = 10.0
PAUSE_SECONDS = 2
"""Between two turns, while live mail waits to be delivered."""

FIRST_PAUSE, LONGEST_PAUSE = 15, 600
TASK = "movein.tasks.work"

ZERO = dict.fromkeys(
    (
        "found",
        "octets",
        "ours",
        "foreseen_known",
        "taken",
        "known",
        "skipped",
        "failures",
        "messages",
        "opened",
    ),
    0,
)


class MoveRefused(Exception):
    """It can't be done now; the text is a sentence for the administrator."""


def begin_scan(move: Move, actor: User | Actor | None) -> None:
    """Look at what is there, from the beginning; what was taken by an earlier run is known then.

    :raises MoveRefused: it is at work.
    :raises PlaceRefused: there are no such files.
    """
    if not move.is_system:
        places.located(move.place)
    fresh: dict[str, Any] = {**ZERO, "first_at": None, "last_at": None, "started_at": None, "ended_at": None}
    before = [State.DRAFT, State.SCANNED, State.DONE, State.FAILED, State.PAUSED]
    with transaction.atomic():
        _change(move, before, State.SCANNING, actor, "Began to scan it.", cursor={}, **fresh)
        MoveItem.objects.filter(move=move).delete()


def start(move: Move, actor: User | Actor | None) -> None:
    """Bring in what the scan has found.

    :raises MoveRefused: it was not scanned, or is at work.
    """
    with transaction.atomic():
        note = f"Began to move in {move.found} from {move.place}."
        _change(move, [State.SCANNED], State.RUNNING, actor, note, cursor={}, started_at=timezone.now())


def pause(move: Move, actor: User | Actor | None) -> None:
    """Stop after the portion that is being written.

    :raises MoveRefused: it is not at work.
    """
    with transaction.atomic():
        _change(move, list(AT_WORK), State.PAUSED, actor, "Paused it.", before_pause=move.state)


def go_on(move: Move, actor: User | Actor | None) -> None:
    """Go on where it was paused, or stopped by an error.

    :raises MoveRefused: it is neither.
    """
    with transaction.atomic():
        to = State(move.before_pause or State.SCANNING)
        _change(move, [State.PAUSED, State.FAILED], to, actor, "Let it go on.", ended_at=None)


def cancel(move: Move, actor: User | Actor | None) -> None:
    """Stop for good; what is in stays.

    :raises MoveRefused: it is over.
    """
    before = [State.DRAFT, State.SCANNED, State.PAUSED, State.FAILED, *AT_WORK]
    with transaction.atomic():
        _change(move, before, State.CANCELLED, actor, "Cancelled it.", ended_at=timezone.now())
        told = [MoveItem.State.FAILED, MoveItem.State.SKIPPED]
        MoveItem.objects.filter(move=move).exclude(state__in=told).delete()
    places.tidy(move)


def _change(
    move: Move, before: list[State], after: State, actor: User | Actor | None, note: str, **more: Any
) -> None:
    changes = {"state": after, "error": "", "tries": 0, "lease_until": timezone.now(), **more}
    if not Move.objects.filter(pk=move.pk, state__in=before).update(**changes, fence=F("fence") + 1):
        move.refresh_from_db(fields=["state"])
        raise MoveRefused(
            f"“{move}” is {move.get_state_display().lower()}: that can't be done now. Its buttons are what "
            "can."
        )
    move.refresh_from_db()
    record(actor, Act.DID, move, note=note)
    if after in AT_WORK:
        announce(signature(TASK), move_id=move.pk)


def work(pk: int, seconds: float = TURN_SECONDS) -> None:
    """Do a turn of it; nothing when another worker does, or nothing is to be done."""
    job = claim(pk)
    if job is None:
        return
    try:
        is_over = _turn(job, time.monotonic() + seconds)
    except Stopped:
        return
    except PlaceRefused as refused:
        _stop(job, str(refused))
    except (Later, ParserUnavailable) as away:
        _put_off(job, away)
    except DatabaseError as error:
        if not is_passing(error):
            raise
        _put_off(job, Later("Others were writing the same rows at the same time: it is tried again."))
    else:
        if not is_over:
            _go_on_later(job)


def _turn(job: Job, until: float) -> bool:
    """Whether the move has come to its end, or the scan to its."""
    for _ in _steps(job):
        if time.monotonic() > until or is_live_mail_waiting():
            return False
    over = {"lease_until": None, "ended_at": timezone.now(), "error": ""}
    after = State.SCANNED if job.move.state == State.SCANNING else State.DONE
    job.rows.update(state=after, **over)
    return True


def _steps(job: Job) -> Iterator[None]:
    if job.move.state == State.SCANNING:
        yield from tickets.scan(job) if job.move.is_system else scan.scan(job)
    else:
        yield from tickets.bring(job) if job.move.is_system else bring.bring(job)
        yield from ending.end(job)


def is_live_mail_waiting() -> bool:
    """Mail that has just come is delivered first."""
    return FetchedMail.objects.filter(state=FetchedMail.State.WAITING, attempts=0).exists()


def _go_on_later(job: Job) -> None:
    if not job.rows.update(lease_until=timezone.now()):
        return
    countdown = PAUSE_SECONDS if is_live_mail_waiting() else 0
    announce(signature(TASK, countdown=countdown), move_id=job.move.pk)


def _put_off(job: Job, away: Exception) -> None:
    tries = min(job.move.tries, 10)
    pause_ = getattr(away, "seconds", 0) or min(FIRST_PAUSE * 2**tries, LONGEST_PAUSE)
    logger.warning("move %s waits %s s: %s", job.move.pk, pause_, away)
    until = timezone.now() + timedelta(seconds=pause_)
    job.rows.update(lease_until=until, tries=F("tries") + 1, error=str(away))


def _stop(job: Job, why: str) -> None:
    logger.warning("move %s stopped: %s", job.move.pk, why)
    over = {"lease_until": None, "ended_at": timezone.now(), "before_pause": job.move.state}
    job.rows.update(state=State.FAILED, error=why, **over)


def broke_off(pk: int) -> None:
    """Of one whose worker met something unforeseen: it is tried again in a while, and the page says so."""
    until = timezone.now() + timedelta(seconds=LONGEST_PAUSE)
    said = "It broke off: the log says why. It goes on by itself in ten minutes."
    Move.objects.filter(pk=pk, state__in=AT_WORK).update(lease_until=until, tries=F("tries") + 1, error=said)


def left_alone() -> list[int]:
    """Those that nobody is at work on, and somebody should be."""
    rows = Move.objects.filter(state__in=AT_WORK, lease_until__lte=timezone.now())
    return list(rows.order_by("pk").values_list("pk", flat=True)[:10])
