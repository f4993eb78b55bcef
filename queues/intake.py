"""What comes in: a parsed mail becomes a message of a conversation in its queue.

    contact → conversation, joined or new (`matching`) → message, attachments, search words → state, due time
    → CRM → acknowledgement, once, to a person → what mail rules want besides (`ruled`)

Machine mail (bounces, out-of-office, lists) is kept like any other, but moves no state and is never answered;
only a bounce (never a delay) puts the conversation back to work, as the customer got nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from crm import tracking
from crm.models import Contact
from mailcore.parsed import Automatic, Bounce, ParsedMail
from mailstore.announce import announce
from mailstore.batch import amend, flush, note, noted, touch
from mailstore.models import RawMail
from queues import (
    ahead,
    answering,
    bounces,
    brakes,
    feeding,
    following,
    junk,
    kinds,
    live,
    matching,
    naming,
    outside,
    ruled,
    states,
    tasks,
)
from queues.history import Kind, note_event
from queues.mailrows import SHOWN, message_of, put_into, show
from queues.matching import Match
from queues.models import Conversation, EmailQueue, Message
from queues.naming import ids_of
from queues.posting import track
from queues.reserved import add_conversation
from queues.ruled import Ruled
from queues.written_in import SURE, assumed_language, seen_language

logger = logging.getLogger(__name__)

State = Conversation.State


def foresee(mails: Sequence[ParsedMail]) -> None:
    """Look up and lock at once what the mails of a batch, the next to be delivered, will need."""
    tracking.foresee(mail.from_ for mail in mails)
    newcomers = (mail for mail in mails if _is_new(mail))
    tracking.make((mail.from_, seen_language(mail)[0]) for mail in newcomers)
    joinable = naming.foresee(mails)
    rows = {row.pk: row for row in states.lock_together(set(joinable.values()))} if joinable else {}
    ahead.are_locked({pk: rows[end] for pk, end in joinable.items() if end in rows})


def _is_new(mail: ParsedMail) -> bool:
    """Whether the mail begins a conversation in any case."""
    return mail.automatic == Automatic.NO and not ids_of(mail)


def find(queue: EmailQueue, mail: ParsedMail, raw: RawMail) -> Match:
    """Where the mail belongs, for rules that ask before it is delivered, in the same transaction."""
    if mail.automatic == Automatic.NO:
        flush(_sender(mail), *(f"id {each}" for each in (mail.message_id, *ids_of(mail))))
    else:
        flush()
    return matching.find(queue, mail, raw)


@transaction.atomic(savepoint=False)
def deliver(
    queue: EmailQueue,
    mail: ParsedMail,
    raw: RawMail,
    received_at: datetime,
    *,
    acknowledge: bool = True,
    by_rules: Ruled | None = None,
) -> Message:
    """Put the mail into the queue, or into the conversation that it answers, and return its message.

    :param acknowledge: False for mail that lay in the mailbox before we came: nobody expects a word on it.
    :param by_rules: what rules want done with it, and where it belongs as `find` said.
    """
    received_at = min(received_at, timezone.now())
    by_rules = by_rules or Ruled(find(queue, mail, raw))
    conversation = joined(by_rules.match)
    if conversation is None:
        queue, match = ruled.place(by_rules, queue, mail, raw)
        by_rules = Ruled(match) if match.is_copy else replace(by_rules, match=match)
        conversation = joined(match)
    if conversation is None:
        message = _open(queue, mail, raw, received_at, by_rules, is_new=acknowledge)
        _touch(message, _sender(mail))
        is_wanted = acknowledge and by_rules.is_acknowledged
        if is_wanted and not answering.is_refused(message.conversation, mail):
            answering.acknowledge(message.conversation, message, mail)
        ruled.on_new(by_rules, message.conversation, message, mail)
    else:
        message = _join(conversation, mail, raw, received_at, by_rules)
        _touch(message, _sender(mail))
    if mail.has_cards:
        answering.tell_of_card(queue, message, mail, is_expected=acknowledge, is_first=conversation is None)
    return message


def _sender(mail: ParsedMail) -> str:
    """What mails of the same sender touch."""
    return f"from {mail.from_.email.lower()}"


def _touch(message: Message, sender: str) -> None:
    """What a later mail of the batch may ask for, while the message is not written yet."""
    touch(sender, f"id {message.message_id}", f"conversation {message.conversation_id}")
    ahead.has_come(message)


def joined(match: Match) -> Conversation | None:
    """The conversation that the mail joins, its row locked; None for a new one."""
    if match.conversation_id is None:
        return None
    locked = ahead.locked(match.conversation_id)
    if locked is None or locked._state.adding:  # not written yet
        flush(f"conversation {match.conversation_id}")
    if locked is not None:
        return locked
    try:
        row = states.lock_following(match.conversation_id)
    except Conversation.DoesNotExist:  # erased a moment ago
        return None
    ahead.is_locked(row)
    return row


def _open(
    queue: EmailQueue, mail: ParsedMail, raw: RawMail, received_at: datetime, by_rules: Ruled, *, is_new: bool
) -> Message:
    match = by_rules.match
    seen, confidence = seen_language(mail)
    contact = tracking.contact_for(mail.from_, seen)
    if by_rules.language:
        seen, confidence = by_rules.language, 1.0
    before = _continued(match)
    tag = seen or contact.language or assumed_language(queue)
    conversation = Conversation(
        queue=queue,
        contact=before.contact if before else contact,
        subject=mail.subject[:1000],
        language=tag,
        kind_id=None if by_rules.demands else kinds.usual(queue.pk, tag),
        language_confidence=confidence,
        priority=by_rules.priority or contact.priority,
        created_at=received_at,
        last_message_at=received_at,
    )
    message = message_of(mail, raw, received_at)
    show(conversation, message, mail)
    is_first = _is_first(conversation.contact)
    held = by_rules.held or ("" if is_first or not is_new else _why_held(conversation, received_at))
    if held:
        conversation.state = State.HELD
    else:
        states.start_clock(conversation, received_at, queue.first_response)
    add_conversation(conversation)
    put_into(conversation, message, mail)
    track(conversation, message, contact)
    note_event(conversation, Kind.OPENED, f"A mail came to {queue}.", data={"message": message.pk})
    feeding.tell_of_mail(conversation, message.pk, message.automatic)
    if held:
        logger.warning("conversation %s is held: %s", conversation.pk, held)
        note_event(conversation, Kind.HELD, held)
    if match.hint:
        note_event(conversation, Kind.HINT, match.hint, data={"conversation": match.hint_id})
    if before is not None:
        _link(before, conversation, match.ended, mail)
    _announce(conversation)
    _foresee_answers(conversation, contact, mail)
    return message


def _foresee_answers(conversation: Conversation, writer: Contact, mail: ParsedMail) -> None:
    """Answers are often neighbours of what they answer, in one batch."""
    if conversation.contact == writer and tracking.is_new(writer):
        ahead.has_begun(conversation, {mail.from_.email.lower()} - {""})
    else:  # the contact has an address, or more, that aren't known here
        ahead.is_locked(conversation)


def _is_first(contact: Contact) -> bool:
    """Whether the contact came with this very mail, so that there is nothing of it to be counted."""
    topic = f"queues.intake: {contact.pk} has a conversation"
    is_first = tracking.is_new(contact) and not noted(topic)
    note(topic, answer=True)
    return is_first


def _why_held(conversation: Conversation, received_at: datetime) -> str:
    contact = conversation.contact
    return brakes.too_many(contact, received_at) or junk.known(contact, conversation.queue_id)


def _continued(match: Match) -> Conversation | None:
    if match.continues_id is None:
        return None
    return Conversation.objects.select_related("contact").filter(pk=match.continues_id).first()


def _link(before: Conversation, conversation: Conversation, ended: str, mail: ParsedMail) -> None:
    """Let a conversation and the new one that goes on with it name each other."""
    who = mail.from_.name or mail.from_.email
    sentence = f"It goes on with #{before.number}, {ended}."
    note_event(conversation, Kind.CONTINUES, sentence, data={"conversation": before.pk})
    sentence = f"{who} wrote again: it goes on in #{conversation.number}."
    note_event(before, Kind.CONTINUED, sentence, data={"conversation": conversation.pk})
    live.changed(before.pk, before.queue_id, before.agent_id)
    touch(f"conversation {before.pk}")  # who answers it as well goes on in the same new one


def _join(
    conversation: Conversation, mail: ParsedMail, raw: RawMail, received_at: datetime, by_rules: Ruled
) -> Message:
    match = by_rules.match
    message = message_of(mail, raw, received_at)
    if conversation.has_outside:
        flush(f"conversation {conversation.pk}")
    message.is_outside = outside.is_from_outside(conversation, mail, match.about_id)
    put_into(conversation, message, mail)
    feeding.tell_of_mail(conversation, message.pk, message.automatic)
    show(conversation, message, mail)
    amend(conversation, SHOWN)
    ruled.on_answer(by_rules, conversation, message, mail)
    if match.is_copy:
        track(conversation, message, conversation.contact)
        note_event(conversation, Kind.RECEIVED, "The same mail came over another mailbox too.")
    elif mail.automatic == Automatic.NO:
        _answered(conversation, message, mail)
    else:
        track(conversation, message, conversation.contact)
        bounce = bounces.implied(mail)
        if match.bounced_id is not None and bounce is not None:
            _returned(conversation, message, bounce, match.bounced_id)
    ruled.move(by_rules, conversation, message, timezone.now())
    _announce(conversation)
    return message


def _answered(conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """A person has written: it is our turn."""
    seen, confidence = seen_language(mail)
    contact = tracking.contact_for(mail.from_, seen)
    track(conversation, message, contact)
    who = mail.from_.name or mail.from_.email or "The customer"
    if message.is_outside:
        _our_turn(conversation, message.created_at)
        following.wrote(conversation, "outside")
        sentence = f"{who}, who was asked about it, answered; {states.where(conversation)}."
        note_event(conversation, Kind.ANSWERED_OUTSIDE, sentence, data={"message": message.pk})
        return
    if seen and conversation.language_confidence < SURE:
        conversation.language, conversation.language_confidence = seen, confidence
        conversation.kind = None
        conversation.save(update_fields=["language", "language_confidence", "kind"])
    before = State(conversation.state)
    _our_turn(conversation, message.created_at)
    following.wrote(conversation)
    if before not in (State.WAITING, State.ASSIGNED, State.HELD):
        note_event(
            conversation, Kind.RECEIVED, f"{who} wrote; {states.where(conversation)}.", data={"was": before}
        )


def _our_turn(conversation: Conversation, since: datetime) -> None:
    # Who writes too much lets nothing go by writing more, and what is spam stays so.
    if conversation.state == State.HELD or conversation.spam_at is not None:
        return
    runs = conversation.due_at is not None
    states.start_clock(conversation, since, conversation.queue.next_response)
    if conversation.state in (State.WAITING, State.ASSIGNED):
        if not runs:
            states.save(conversation, states.MOVED)
    else:
        states.come_back(conversation, timezone.now())


def _returned(conversation: Conversation, message: Message, bounce: Bounce, sent_id: int) -> None:
    """A mail of ours did not arrive: the customer still waits."""
    loss = bounces.note(conversation, bounce, sent_id, message.created_at)
    if loss is None:
        return
    _our_turn(conversation, message.created_at)
    note_event(
        conversation,
        Kind.BOUNCED,
        f"{loss.sentence} Check the address; {states.where(conversation)}.",
        data={"message": loss.message.pk, "recipients": loss.recipients, "status": bounce.status},
    )


def _announce(conversation: Conversation) -> None:
    live.changed(conversation.pk, conversation.queue_id, conversation.agent_id)
    if conversation.state != State.WAITING:
        return
    if conversation.queue.mode == EmailQueue.Mode.NOTIFY:
        announce(tasks.tell, conversation_id=conversation.pk)
    elif conversation.queue.mode == EmailQueue.Mode.PUSH:
        topic = f"queues.dispatch {conversation.queue_id}"  # once for all mails of a batch
        if not noted(topic):
            note(topic, answer=True)
            announce(tasks.dispatch, queue_id=conversation.queue_id)
