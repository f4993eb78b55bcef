"""Held conversations: too many at once from one sender. A person lets them go, or closes them.

Nothing is lost by holding: the mail is kept and found, but offered to nobody, acknowledged to nobody, and due
for nobody until somebody has looked.
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils import timezone

from agents.rights import is_supervisor
from crm.models import Contact
from queues import inbox, nudges, states
from queues.history import Kind, note_event
from queues.models import Conversation, EmailQueue
from queues.ownership import lock_for, profile
from queues.refusals import ActionRefused
from queues.transactions import whole

State = Conversation.State
BATCH = 500


@dataclass(frozen=True, slots=True)
class Held:
    """Which held conversations: of one contact, in one queue, or all that the user may see."""

    contact: Contact | None = None
    queue: EmailQueue | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """How many were let go or closed, and how many such are left."""

    count: int
    left: int


@whole
def let_go(actor: User, conversation: Conversation) -> Conversation:
    """Let it wait like any other, due from now."""
    row = lock_for(actor, conversation)
    if row.state != State.HELD:
        raise ActionRefused(f"#{row.number} is not held: somebody has let it go already.")
    states.let_go(row, timezone.now())
    note_event(row, Kind.LET_GO, f"{profile(actor)} let it go.", actor)
    nudges.waits(row)
    return row


def let_all_go(actor: User, which: Held) -> Done:
    """Let them go, the oldest first, at most `BATCH` at once."""
    return _each(actor, which, is_closing=False)


def close_all(actor: User, which: Held) -> Done:
    """Close them unread, at most `BATCH` at once.

    Raises:
        ActionRefused: the user is no supervisor; who is not may close one by one.
    """
    if not is_supervisor(actor):
        raise ActionRefused("Only a supervisor may close them all at once: close them one by one.")
    return _each(actor, which, is_closing=True)


def held(actor: User, which: Held) -> list[int]:
    """The ids of these held conversations, the oldest first."""
    rows = inbox.conversations_for(actor).filter(state=State.HELD)
    if which.contact is not None:
        rows = rows.filter(contact=which.contact)
    if which.queue is not None:
        rows = rows.filter(queue=which.queue)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _each(actor: User, which: Held, *, is_closing: bool) -> Done:
    profile(actor)
    pks = held(actor, which)
    done = sum(_one(actor, pk, is_closing=is_closing) for pk in pks[:BATCH])
    return Done(done, max(len(pks) - BATCH, 0))


@whole
def _one(actor: User, pk: int, *, is_closing: bool) -> bool:
    row = states.lock_free(pk)
    if row is None or row.state != State.HELD:  # a colleague was faster
        return False
    if is_closing:
        states.finish(row, timezone.now())
        note_event(row, Kind.CLOSED, f"{profile(actor)} closed it with all that was held.", actor)
    else:
        states.let_go(row, timezone.now())
        note_event(row, Kind.LET_GO, f"{profile(actor)} let it go with all that was held.", actor)
        nudges.waits(row)
    return True
