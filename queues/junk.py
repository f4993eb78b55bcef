"""Spam, as people say: it is closed at once, and what else its sender writes to that queue is held until
one has looked. Other queues decide for themselves: their people may know the sender, and see this queue not.

Nothing is thrown away: the mail stays, is found, and goes back to the queue when somebody says it is none.
"""

from django.contrib.auth.models import User
from django.utils import timezone

from crm.models import Contact
from queues import clocks, nudges, states
from queues.history import Kind, note_event
from queues.models import Conversation
from queues.ownership import check_free, holder, lock_for, profile
from queues.refusals import ActionRefused
from queues.transactions import whole


@whole
def mark_spam(actor: User, conversation: Conversation) -> Conversation:
    """It is spam; again it changes nothing."""
    row = lock_for(actor, conversation)
    if row.spam_at is not None:
        return row
    check_free(actor, row)
    owner, now = holder(row), timezone.now()
    clocks.end_turn(row, owner, now, is_answered=False)
    states.junk(row, now)
    note_event(row, Kind.SPAM, f"{profile(actor)} said that it is spam.", actor)
    if owner:
        nudges.freed(owner)
    return row


@whole
def not_spam(actor: User, conversation: Conversation) -> Conversation:
    """It is none: it waits in its queue, due from now."""
    row = lock_for(actor, conversation)
    if row.spam_at is None:
        raise ActionRefused(f"#{row.number} is not marked as spam.")
    now = timezone.now()
    states.let_go(row, now)
    note_event(row, Kind.NOT_SPAM, f"{profile(actor)} said that it is not spam.", actor)
    nudges.waits(row)
    return row


def known(contact: Contact, queue_id: int) -> str:
    """Why a new conversation of this contact is held in a queue: one there was spam; "" when none was."""
    rows = Conversation.objects.filter(contact=contact, queue=queue_id, spam_at__isnull=False)
    row = rows.order_by("-pk").first()
    return (
        f"#{row.number} from the same sender was spam: look before it is offered to anybody." if row else ""
    )
