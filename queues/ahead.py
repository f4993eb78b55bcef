"""What a batch of mails will ask for, looked up for all of them at once and kept true while it goes on.

A question has its answer here only if it was foreseen; else, and outside of a batch, ask the database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mailcore.parsed import Automatic
from mailstore.batch import note, noted
from queues.models import Conversation, Message

TOPIC = "queues.ahead"


@dataclass(frozen=True, slots=True)
class Ahead:
    """`ids`: of messages, each with (message, conversation), the newest first; an id without is a new one.

    `homes`: messages of ours with the conversations that they are in. `parties`: see `naming.parties`.
    `locked`: conversations whose rows are ours until the end of the transaction; by the ids of those that
    were merged into them as well.
    """

    ids: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    homes: dict[int, int] = field(default_factory=dict)
    parties: dict[int, set[str]] = field(default_factory=dict)
    locked: dict[int, Conversation] = field(default_factory=dict)


def begin(known: Ahead) -> None:
    """Answer with this for the rest of the batch."""
    note(TOPIC, known)


def is_perhaps_here(message_id: str) -> bool:
    """Whether it is worth looking for mails with this id."""
    known = _known()
    return known is None or bool(known.ids.get(message_id[:1000], True))


def stored(ids: Sequence[str]) -> list[tuple[int, str, int]] | None:
    """The messages with these ids as (message, id, conversation), the newest first; None if not foreseen."""
    known = _known()
    if known is None or not known.ids.keys() >= set(ids):
        return None
    return sorted(((pk, each, home) for each in ids for pk, home in known.ids[each]), reverse=True)


def homes(messages: Sequence[int]) -> dict[int, int] | None:
    """The conversation that each of our messages is in; None if they were not foreseen."""
    known = _known()
    if known is None or not known.homes.keys() >= set(messages):
        return None
    return {pk: known.homes[pk] for pk in messages if known.homes[pk]}


def locked(pk: int) -> Conversation | None:
    """The conversation, or the one that it was merged into, if its row is locked already."""
    known = _known()
    return known.locked.get(pk) if known is not None else None


def parties(conversation_id: int) -> set[str] | None:
    """Who takes part in it; None if that was not foreseen."""
    known = _known()
    return known.parties.get(conversation_id) if known is not None else None


def is_locked(conversation: Conversation) -> None:
    """The row is ours from now on."""
    are_locked({conversation.pk: conversation})


def are_locked(conversations: dict[int, Conversation]) -> None:
    """These rows are ours from now on, by the ids of what was merged into them as well."""
    known = _known()
    if known is not None:
        known.locked.update(conversations)


def has_begun(conversation: Conversation, parties: set[str]) -> None:
    """The batch has made this conversation: nobody else knows of it before the end of the transaction."""
    known = _known()
    if known is not None:
        known.locked[conversation.pk] = conversation
        known.parties[conversation.pk] = parties


def has_come(message: Message) -> None:
    """A mail of the batch is a message now, though perhaps not written yet."""
    known = _known()
    if known is None:
        return
    known.ids.setdefault(message.message_id, []).insert(0, (message.pk, message.conversation_id))
    here = known.parties.get(message.conversation_id)
    if here is not None and message.automatic == Automatic.NO:
        here |= addresses([message.from_email], message.to, message.cc, message.reply_to)


def addresses(emails: Iterable[str], *groups: Iterable[dict[str, str]]) -> set[str]:
    """Addresses, and those of people as they are stored, in lower case."""
    everybody = [*emails, *(person.get("email", "") for group in groups for person in group)]
    return {email.lower() for email in everybody if email}


def _known() -> Ahead | None:
    known: Ahead | None = noted(TOPIC)
    return known
