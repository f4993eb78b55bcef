"""What merging or moving would do, told before it is done: tried in earnest, and taken back."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from queues.merging import merge
from queues.models import Conversation, Message
from queues.presentation import contact_name
from queues.refusals import ActionRefused
from queues.sayings import told
from queues.splitting import move_message


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would be, what to think of, or why it can't be done."""

    sentence: str = ""
    warnings: tuple[str, ...] = ()
    refusal: str = ""


class _Tried(Exception):
    """Takes everything back."""

    def __init__(self, outcome: Conversation) -> None:
        self.outcome = outcome
        super().__init__(outcome.pk)


def foresee_merge(actor: User, conversation: Conversation, into: Conversation) -> Foreseen:
    """What merging a conversation into another one would do."""
    return _foresee(lambda: merge(actor, conversation, into), conversation, into)


def foresee_move(actor: User, message: Message, into: Conversation) -> Foreseen:
    """What moving a mail into a conversation would do."""
    return _foresee(lambda: move_message(actor, message, into), message.conversation, into)


def _foresee(act: Callable[[], Conversation], before: Conversation, into: Conversation) -> Foreseen:
    try:
        with transaction.atomic():
            raise _Tried(act())
    except _Tried as tried:
        outcome = tried.outcome
    except ActionRefused as refused:
        return Foreseen(refusal=told(refused.sentence))
    return Foreseen(_sentence(outcome), tuple(_warnings(before, into)))


def _sentence(row: Conversation) -> str:
    count = row.messages_count
    values = {
        "number": row.number,
        "mails": ngettext("%(count)s mail", "%(count)s mails", count) % {"count": count},
        "state": told(row.get_state_display().lower()),
        "queue": row.queue,
        "agent": row.agent,
    }
    if row.agent and row.state == Conversation.State.ASSIGNED:
        return _("#%(number)s then has %(mails)s and is %(state)s with %(agent)s in %(queue)s.") % values
    return _("#%(number)s then has %(mails)s and is %(state)s in %(queue)s.") % values


def _warnings(before: Conversation, into: Conversation) -> list[str]:
    found = []
    if before.contact_id != into.contact_id:
        one, other = contact_name(before.contact), contact_name(into.contact)
        found.append(
            _(
                "The contacts differ: %(one)s here, %(other)s there. Whoever answers sees the mails of both, "
                "and both take part from then on."
            )
            % {"one": one, "other": other}
        )
    if before.queue_id != into.queue_id:
        values = {"before": before.queue, "into": into.queue}
        found.append(_("It leaves %(before)s for %(into)s, where others work.") % values)
    return found
