"""Open conversations that follow a source to another queue after it was moved there, portion by portion.

A portion that breaks off is undone, and done one by one: what can't follow is passed by, so it holds up no
other, and is tried again later. After `ROUNDS` rounds it stays where it is; then the alarms and the page of
the move name it, and a person lets it follow again or stay.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from celery import signature
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from audit.acts import Act
from mailsources.claims import is_away, is_passing
from mailsources.lifecycle import By, LifeCycleRefused, lock, note, of_source
from mailsources.models import EmailSource
from mailsources.moved_models import OngoingMove
from mailstore.announce import announce
from queues import rehousing
from queues.models import Conversation, EmailQueue
from queues.transactions import whole

logger = logging.getLogger(__name__)

TASK = signature("mailsources.tasks.follow_moves")
PORTION = 50
SLICE = 20.0
"""Seconds that a task works before others get their turn."""

LEASE = timedelta(minutes=5)
"""Who has done no portion for so long is gone."""

ROUNDS = 3
PAUSE = timedelta(minutes=1)
"""Before another round."""

MOST_LEFT = 100
"""Where so many can't follow, it is no fault of theirs: the round ends."""

KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Open conversations that could not follow a source."""

    move: OngoingMove
    conversations: list[Conversation]

    def __str__(self) -> str:
        count = len(self.conversations)
        more = " or more" if len(self.move.left) >= MOST_LEFT else ""
        number = f"{count} conversations{more}" if count > 1 else "1 conversation"
        return f"{number} could not follow it to {self.move.queue} and stayed in {self.move.former}"


def begin(source: EmailSource, former: EmailQueue, user: User | None, why: str) -> None:
    """Let a worker bring the open conversations of a source from its former queue, in a transaction."""
    next_at = timezone.now() + LEASE
    row = OngoingMove.objects.create(
        source=source, former=former, queue=source.queue, user=user, why=why, next_at=next_at
    )
    announce(TASK, move_id=row.pk)


def ongoing(source: EmailSource) -> OngoingMove | None:
    """The move whose conversations still follow."""
    return OngoingMove.objects.select_related("former", "queue").filter(source=source, ended_at=None).first()


def unattended() -> list[int]:
    """The moves that aren't over, and that nobody is at."""
    rows = OngoingMove.objects.filter(ended_at=None, next_at__lte=timezone.now())
    return list(rows.order_by("pk").values_list("pk", flat=True))


def follow(move_id: int) -> bool:
    """Let conversations follow for a while; returns whether some are left to do so now."""
    end, size = time.monotonic() + SLICE, PORTION
    while time.monotonic() < end:
        try:
            is_more = _portion(move_id, size)
        except Exception as error:  # whose fault it is, shows when each is on its own
            if is_away(error) or is_passing(error):
                raise
            if size > 1:
                size = 1
                continue
            logger.exception("A conversation can't follow in move %s.", move_id)
            is_more = _pass_by(move_id)
        if not is_more:
            return False
    return True


@whole
def _portion(move_id: int, size: int) -> bool:
    """Whether there may be more to do now; not while another worker is at it."""
    rows = OngoingMove.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    found = rows.select_related("source", "former", "queue", "user").filter(pk=move_id, ended_at=None).first()
    if found is None:
        return False
    pks = list(_to_come(found)[:size])
    if not pks:
        return _end_round(found)
    found.went += rehousing.go_along(pks, found.queue, found.user, found.why, timezone.now())
    found.after, found.next_at = pks[-1], timezone.now() + LEASE
    found.save(update_fields=["went", "after", "next_at"])
    return True


@whole
def _pass_by(move_id: int) -> bool:
    """Leave the next one where it is, and return whether there may be more to do now."""
    rows = OngoingMove.objects.select_for_update(of=("self",), no_key=True)
    found = rows.select_related("source", "former", "queue", "user").filter(pk=move_id, ended_at=None).first()
    following = _to_come(found).first() if found else None
    if found is None or following is None:
        return False
    found.left, found.after = [*found.left, following], following
    found.next_at = timezone.now() + LEASE
    found.save(update_fields=["left", "after", "next_at"])
    return len(found.left) < MOST_LEFT or _end_round(found)


def _end_round(found: OngoingMove) -> bool:
    """Those that could not follow are tried again in a while; False, as there is nothing to do until then."""
    found.rounds += 1
    if found.left and found.rounds < ROUNDS:
        found.left, found.after, found.next_at = [], 0, timezone.now() + PAUSE
    else:
        found.ended_at = timezone.now()
        told = f"{found.went} open conversations went along to {found.queue}."
        told += f" {LeftBehind(found, _still_there(found))}." if found.left else ""
        note(found.source, By(found.user), Act.MOVED, told)
    found.save(update_fields=["left", "after", "next_at", "rounds", "ended_at"])
    return False


def left_behind() -> Iterator[LeftBehind]:
    """What stayed in a former queue, and nobody has seen to."""
    rows = OngoingMove.objects.exclude(ended_at=None).exclude(left=[]).order_by("pk")
    for row in rows.select_related("former", "queue", "source"):
        if found := _still_there(row):
            yield LeftBehind(row, found)


@whole
def again(source_id: int, by: By) -> None:
    """Let those that were left behind follow once more, to where the source delivers now.

    :raises LifeCycleRefused: others of it follow at this moment, or nothing was left behind.
    """
    source = lock(source_id)
    if ongoing(source):
        raise LifeCycleRefused(f"Conversations of {source} follow it already: wait until they are there.")
    found = [each for each in left_behind() if each.move.source_id == source.pk]
    if not found:
        raise LifeCycleRefused(f"Nothing of {source} was left behind: all of it is where it belongs.")
    row = found[0].move
    if row.former_id == source.queue_id:
        raise LifeCycleRefused(f"{source} delivers to {row.former} again, where they are: let them stay.")
    row.queue, row.left, row.after, row.rounds, row.went = source.queue, [], 0, 0, 0
    row.ended_at, row.next_at = None, timezone.now() + LEASE
    row.save()
    note(source, by, Act.MOVED, f"What was left behind in {row.former} follows it to {row.queue}.")
    announce(TASK, move_id=row.pk)


@whole
def let_stay(source_id: int, by: By) -> None:
    """Those that were left behind stay where they are, and nobody is told of them any more."""
    source = lock(source_id)
    rows = OngoingMove.objects.filter(source=source).exclude(ended_at=None).exclude(left=[])
    if rows.update(left=[]):
        note(source, by, Act.MOVED, "What was left behind stays where it is.")


def tidy() -> None:
    """Delete what is long over, and forget what was left behind and has gone since."""
    ended = OngoingMove.objects.exclude(ended_at=None)
    for row in ended.exclude(left=[]):
        if not _still_there(row):
            ended.filter(pk=row.pk).update(left=[])
    ended.filter(left=[], ended_at__lt=timezone.now() - KEPT).delete()


def _to_come(found: OngoingMove) -> QuerySet[Conversation, int]:
    here = open_in(found.source, found.former).filter(pk__gt=found.after)
    return here.order_by("pk").values_list("pk", flat=True)


def _still_there(row: OngoingMove) -> list[Conversation]:
    return list(_open(Conversation.objects.filter(pk__in=row.left, queue=row.former_id)).order_by("pk"))


def open_in(source: EmailSource, queue: EmailQueue) -> QuerySet[Conversation]:
    """A source's open conversations in a queue; those that people moved elsewhere stay there."""
    return _open(of_source(source).filter(queue=queue))


def _open(rows: QuerySet[Conversation]) -> QuerySet[Conversation]:
    return rows.filter(merged_into=None).exclude(state=Conversation.State.CLOSED)
