"""Which other conversations a history names, and what of that may be told to whom.

What was merged, split and moved is written down with the number and the subject of the other conversation.
Rights change and queues differ, so what is written is never shown as it is: who may not see the other
conversation reads the same without its number, its subject and its queue. That holds for old rows, too.
"""

import re
from collections.abc import Container, Iterable

from agents.rights import Person
from queues.access import conversations_for
from queues.history import Kind
from queues.models import Conversation, Event

OPEN = {Kind.MERGED, Kind.SPLIT, Kind.MOVED}
"""The kinds of events that name the subject of another conversation."""

_OTHER = r"#\d+ “"
_WORDED = (
    (rf"(?P<who>.+?) merged it into {_OTHER}", "{who} merged it into a conversation of another queue."),
    (rf"(?P<who>.+?) merged {_OTHER}", "{who} merged a conversation of another queue into it."),
    (rf"(?P<who>.+?) split it off {_OTHER}", "{who} split it off a conversation of another queue."),
    (rf"(?P<who>.+?) split (?P<said>a mail|[\d,]+ mails) off: {_OTHER}",
     "{who} split {said} off, into what is a conversation of another queue now."),
    (rf"(?P<who>.+?) moved a mail of (?P<writer>.+?) here from {_OTHER}",
     "{who} moved a mail of {writer} here from a conversation of another queue."),
    (rf"(?P<who>.+?) moved a mail of (?P<writer>.+?) to {_OTHER}",
     "{who} moved a mail of {writer} to a conversation of another queue."),
)  # fmt: skip
WORDED = [(re.compile(pattern, re.DOTALL), plain) for pattern, plain in _WORDED]
UNKNOWN = "Mails were moved between this and a conversation of another queue."


def named_in(event: Event) -> int | None:
    """The id of the conversation that an event is about, beside its own."""
    pk = event.data.get("conversation")
    return pk if isinstance(pk, int) else None


def others(user: Person, events: Iterable[Event]) -> dict[int, Conversation]:
    """The other conversations that these events name, by id, as far as the user may see them: one query."""
    pks = {named_in(event) for event in events} - {None}
    return conversations_for(user).in_bulk([pk for pk in pks if pk]) if pks else {}


def tellable(event: Event, seen: Container[int]) -> str:
    """The sentence of an event, in English, for a reader who may see the conversations in `seen`."""
    if event.kind not in OPEN or not event.sentence or named_in(event) in seen:
        return event.sentence
    for pattern, plain in WORDED:
        found = pattern.match(event.sentence)
        if found is not None:
            return plain.format(**found.groupdict())
    return UNKNOWN
