"""What merging or moving would do, told before it is done: tried in earnest, and taken back."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from queues.merging import merge
from queues.models import Conversation, Message
from queues.presentation import contact_name
from queues.refusals import ActionRefused
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
        return Foreseen(refusal=refused.sentence)
    return Foreseen(_sentence(outcome), tuple(_warnings(before, into)))


def _sentence(row: Conversation) -> str:
    mails = f"{row.messages_count} mail{'s' if row.messages_count != 1 else ''}"
    who = f" with {row.agent}" if row.agent and row.state == Conversation.State.ASSIGNED else ""
    return f"#{row.number} then has {mails} and is {row.get_state_display().lower()}{who} in {row.queue}."


def _warnings(before: Conversation, into: Conversation) -> list[str]:
    found = []
    if before.contact_id != into.contact_id:
        one, other = contact_name(before.contact), contact_name(into.contact)
        found.append(
            f"The contacts differ: {one} here, {other} there. Whoever answers sees the mails of both, and "
            "both take part from then on."
        )
    if before.queue_id != into.queue_id:
        found.append(f"It leaves {before.queue} for {into.queue}, where others work.")
    return found
