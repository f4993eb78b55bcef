"""Mail of the time before we were here: filed with its own dates, and told to nobody.

    names a mail that is here, and who wrote it, or whom we wrote to, takes part there ──▶ joins that one
    else ─────────────────────────────────────────────────────────────▶ a conversation of its own, closed

No clock runs, nothing is acknowledged, offered or told to programs outside, and no rule of mail is asked.
What joins a conversation that is open changes nothing of its state. Call it in a transaction and in a batch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.models import Agent
from crm import tracking
from mailcore.clean import clean_text
from mailcore.parsed import Address, Automatic, ParsedMail
from mailstore.batch import amend, flush, touch
from mailstore.feed import untold
from mailstore.models import RawMail
from queues import ahead, cards, kinds, naming, states
from queues.finding_filed import filed, sheet_of_note
from queues.history import Kind, note_event
from queues.mailrows import SHOWN, message_of, put_into, show
from queues.models import Conversation, EmailQueue, Message, Note
from queues.naming import ids_of, named, parties, together
from queues.posting import track
from queues.recipients import own_addresses
from queues.reserved import add_conversation
from queues.written_in import assumed_language, seen_language

State = Conversation.State
CHANGED = [*SHOWN, "created_at", "closed_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMail:
    """One mail of the past.

    :param at: when it came, or when we sent it.
    :param is_ours: we wrote it; `agent` is who, if that is known.
    :param home: the conversation that it is in, where another system said so; else its headers tell.
    :param begins_anew: it joins nothing, whatever its headers tell, as another system said so.
    :param place: where it came from, in words, for the history of what it opens.
    """

    mail: ParsedMail
    raw: RawMail
    at: datetime
    place: str
    is_ours: bool = False
    agent: Agent | None = None
    home: int | None = None
    begins_anew: bool = False

    @property
    def customer(self) -> Address:
        """Whose record it belongs to."""
        if not self.is_ours:
            return self.mail.from_
        ours = own_addresses()
        people = (*self.mail.to, *self.mail.cc)
        return next((each for each in people if each.email.lower() not in ours), (*people, Address())[0])

    @property
    def others(self) -> set[str]:
        """Who must take part in a conversation that it joins."""
        people = (*self.mail.to, *self.mail.cc) if self.is_ours else (self.mail.from_,)
        return {each.email.lower() for each in people if each.email}


@dataclass(frozen=True, slots=True)
class Filed:
    """What has become of a mail; `is_opening`: its conversation was made for it."""

    message: Message
    is_opening: bool


def foresee(mails: Sequence[PastMail]) -> None:
    """Look up and lock at once what these mails, the next to be filed, will need."""
    tracking.foresee(each.customer for each in mails)
    with untold():
        tracking.make((each.customer, "" if each.is_ours else seen_language(each.mail)[0]) for each in mails)
    naming.foresee([each.mail for each in mails])
    ids = [one for each in mails if each.home is None and not each.begins_anew for one in _ids(each.mail)]
    homes = {each.home for each in mails if each.home is not None}
    wanted = {row.pk for row in named(list(dict.fromkeys(ids)))}
    wanted |= {row.pk for row in together(sorted(homes))}
    ahead.are_locked({row.pk: row for row in states.lock_together(wanted)})


def file(queue: EmailQueue, past: PastMail) -> Filed:
    """Put one mail where it belongs; `queue` is that of a conversation which it opens."""
    with untold():
        conversation = _home(past)
        message = message_of(past.mail, past.raw, past.at)
        if past.is_ours:
            message.direction, message.agent = Message.Direction.OUT, past.agent
        is_opening = conversation is None
        if conversation is None:
            conversation = _open(queue, past, message)
        else:
            _join(conversation, past, message)
        contact = tracking.contact_for(past.customer)
        track(conversation, message, contact, past.agent.user if past.agent else None)
    sender = f"from {past.mail.from_.email.lower()}"
    touch(sender, f"id {message.message_id}", f"conversation {conversation.pk}")
    ahead.has_come(message)
    return Filed(message, is_opening)


def add_note(conversation: Conversation, text: str, at: datetime) -> Note:
    """Keep what colleagues told each other then; it has no author here, so the text names them."""
    note = Note(
        conversation=conversation, text=cards.kept(conversation.queue, clean_text(text)), created_at=at
    )
    note.search = filed(sheet_of_note(note, conversation.queue_id, ""))
    note.save(force_insert=True)
    return note


def is_known(mail: ParsedMail, rows: Iterable[Message]) -> bool:
    """Whether one of these messages with the mail's id is this very mail: some use an id twice."""
    sender = mail.from_.email.lower()
    return any(
        row.from_email.lower() == sender
        and row.subject == mail.subject[:1000]
        and (row.sent_at == mail.date or row.text == mail.text)
        for row in rows
    )


def _ids(mail: ParsedMail) -> list[str]:
    """The ids of its thread; of a report, that of the mail it is about."""
    about = [mail.bounce.message_id] if mail.bounce is not None and mail.bounce.message_id else []
    return [*about, *ids_of(mail)]


def _home(past: PastMail) -> Conversation | None:
    if past.home is not None:
        return _locked(past.home)
    if past.begins_anew:
        return None
    about = past.mail.bounce.message_id if past.mail.bounce is not None else ""
    flush(*(f"id {each}" for each in _ids(past.mail)))
    for row in named(_ids(past.mail)):
        if about or not past.others.isdisjoint(parties(row)):
            return _locked(row.pk)
    return None


def _locked(pk: int) -> Conversation | None:
    row = ahead.locked(pk)
    if row is not None:
        return row
    flush(f"conversation {pk}")
    try:
        row = states.lock_following(pk)
    except Conversation.DoesNotExist:  # erased a moment ago
        return None
    ahead.is_locked(row)
    return row


def _open(queue: EmailQueue, past: PastMail, message: Message) -> Conversation:
    mail = past.mail
    seen, confidence = ("", 0.0) if past.is_ours else seen_language(mail)
    contact = tracking.contact_for(past.customer, seen)
    tag = seen or contact.language or assumed_language(queue)
    conversation = Conversation(
        queue=queue,
        contact=contact,
        subject=mail.subject[:1000],
        state=State.CLOSED,
        language=tag,
        kind_id=kinds.usual(queue.pk, tag),
        language_confidence=confidence,
        priority=contact.priority,
        created_at=past.at,
        last_message_at=past.at,
        closed_at=past.at,
    )
    show(conversation, message, mail)
    add_conversation(conversation)
    put_into(conversation, message, mail)
    note_event(
        conversation, Kind.MOVED_IN, f"It was moved in from {past.place}.", data={"message": message.pk}
    )
    ahead.has_begun(conversation, past.others | ({mail.from_.email.lower()} - {""}))
    return conversation


def _join(conversation: Conversation, past: PastMail, message: Message) -> None:
    is_newest = past.at >= conversation.last_message_at
    was = conversation.preview, conversation.last_direction
    put_into(conversation, message, past.mail)
    show(conversation, message, past.mail)
    if not is_newest:
        conversation.preview, conversation.last_direction = was
    conversation.created_at = min(conversation.created_at, past.at)
    if conversation.state == State.CLOSED and conversation.closed_at is not None:
        conversation.closed_at = max(conversation.closed_at, past.at)
    if past.mail.automatic == Automatic.NO and not past.is_ours and conversation.language_confidence == 0:
        seen, confidence = seen_language(past.mail)
        if seen and conversation.state == State.CLOSED:
            conversation.language, conversation.language_confidence = seen, confidence
            conversation.kind_id = kinds.usual(conversation.queue_id, seen)
            amend(conversation, ["language", "language_confidence", "kind"])
    amend(conversation, CHANGED)
