"""“Move”: another queue for a source through which mail has come, in one transaction.

Where more than `AT_ONCE` conversations are open, only the source moves in it: a worker lets them follow,
portion by portion, so that nobody waits for thousands of rows (mailsources/following.py).

The source's row is locked first, so deliveries wait (mailsources/deliver.py reads the queue under a shared
lock); a look at the mailbox that is under way loses its lease. After the commit nothing comes into the old
queue any more. Then conversations in the order of their ids, then agents.
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils import timezone

from audit.acts import Act
from mailsources import following
from mailsources.lifecycle import By, LifeCycleRefused, end_look, lock, note
from mailsources.models import EmailSource, FetchedMail
from queues import rehousing
from queues.models import Conversation, EmailQueue
from queues.transactions import whole

State = Conversation.State

AT_ONCE = 200
"""Conversations that go along at once: about 15 ms each."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a move would do now: open conversations by state, and mails that were fetched but not delivered.

    :param losing: conversations in the hands of agents that don't work in the other queue.
    """

    by_state: tuple[tuple[str, int], ...]
    losing: int
    undelivered: int

    @property
    def total(self) -> int:
        return sum(number for _, number in self.by_state)

    @property
    def is_many(self) -> bool:
        """Whether they would follow later."""
        return self.total > AT_ONCE


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did."""

    source: EmailSource
    former: EmailQueue
    went: int
    stayed: int
    following: int = 0
    """Those that a worker lets go along, in the next minutes."""


def foresee(source: EmailSource, queue: EmailQueue | None = None) -> Foreseen:
    """What a move to a queue would do."""
    rows = following.open_in(source, source.queue)
    counts = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    found = tuple((str(state.label), counts[state]) for state in State if counts.get(state))
    held = rows.filter(state=State.ASSIGNED)
    losing = held.exclude(Q(agent__queues=queue)).count() if queue else 0
    waiting = FetchedMail.objects.filter(source=source, state=FetchedMail.State.WAITING).count()
    return Foreseen(found, losing, waiting)


@whole
def move(source_id: int, from_id: int, to_id: int, by: By, *, along: bool) -> Moved:
    """Bind a source to another queue.

    :param from_id: the queue that the person saw it in.
    :param along: its open conversations go, too; else they stay where they are, with their answers.
    :raises LifeCycleRefused: somebody has moved it meanwhile, or the queue is gone or the same.
    """
    source = lock(source_id)
    former = source.queue
    if former.pk != from_id:
        raise LifeCycleRefused(
            f"{source} was moved to “{former}” meanwhile: look again before you move it on."
        )
    queue = EmailQueue.objects.filter(pk=to_id).first()
    if queue is None:
        raise LifeCycleRefused(f"{source} stays: that queue is gone. Choose another one.")
    if queue.pk == former.pk:
        raise LifeCycleRefused(f"{source} delivers to “{queue}” already: choose another queue.")
    if ongoing := following.ongoing(source):
        raise LifeCycleRefused(
            f"Conversations of {source} still follow it to “{ongoing.queue}”: move it on when they are there."
        )
    source.queue = queue
    source.save(update_fields=["queue", "changed_at"])
    end_look(source)
    pks = list(following.open_in(source, former).order_by("pk").values_list("pk", flat=True))
    why = f"The email source {source} was moved from {former} to {queue}, and this went along."
    user: User | None = by.user
    if along and len(pks) > AT_ONCE:
        following.begin(source, former, user, why)
        note(source, by, Act.MOVED, *_followed(len(pks), queue, former))
        return Moved(source, former, 0, 0, len(pks))
    went = rehousing.go_along(pks, queue, user, why, timezone.now()) if along else 0
    told = f"{went} open conversations went along" if along else f"{len(pks)} open conversations stayed"
    told = f"{told}; new mail goes to {queue}."
    note(source, by, Act.MOVED, told, ("queue", str(former), str(queue)))
    return Moved(source, former, went, len(pks) - went)


def _followed(count: int, queue: EmailQueue, former: EmailQueue) -> tuple[str, tuple[str, str, str]]:
    told = f"{count} open conversations follow, a few at a time; new mail goes to {queue}."
    return told, ("queue", str(former), str(queue))
