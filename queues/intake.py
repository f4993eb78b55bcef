"""What comes in: a parsed mail becomes a message of a conversation in its queue.

    contact → conversation, joined or new (`matching`) → message, attachments, search words → state, due time
    → CRM → acknowledgement, once, to a person

Machine mail (bounces, out-of-office, lists) is kept like any other, but moves no state and is never answered;
only a bounce (never a delay) puts the conversation back to work, as the customer got nothing.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agents.models import Language
from crm import tracking
from mailcore import language
from mailcore.automatic import is_daemon
from mailcore.parsed import AttachmentPart, Automatic, Bounce, ParsedMail
from mailstore.announce import announce
from mailstore.batch import amend, flush, note, noted, once, touch
from mailstore.models import RawMail
from queues import (
    acknowledging,
    ahead,
    bounces,
    brakes,
    kinds,
    live,
    matching,
    naming,
    outside,
    states,
    tasks,
)
from queues.enclosures import keep, split_files
from queues.finding_filed import filed, sheet_of
from queues.history import Kind, note_event
from queues.letters import own_addresses, write_acknowledgement
from queues.matching import Match
from queues.models import Conversation, EmailQueue, Message
from queues.naming import answers_us, ids_of
from queues.posting import Posting, keep_attachments, people, post, preview, sender_of, track
from queues.refusals import ActionRefused
from queues.reserved import add_conversation, add_message

logger = logging.getLogger(__name__)

State = Conversation.State
SURE = 0.8  # of the language
ENOUGH_TEXT = 60  # characters; shorter mails are helped by their subject
SHOWN = ["messages_count", "last_message_at", "last_direction", "preview", "has_attachments"]


def foresee(mails: Sequence[ParsedMail]) -> None:
    """Look up and lock at once what the mails of a batch, the next to be delivered, will need."""
    tracking.foresee(mail.from_ for mail in mails)
    newcomers = (mail for mail in mails if _is_new(mail))
    tracking.make((mail.from_, _seen_language(mail)[0]) for mail in newcomers)
    joinable = naming.foresee(mails)
    rows = {row.pk: row for row in states.lock_together(set(joinable.values()))} if joinable else {}
    ahead.are_locked({pk: rows[end] for pk, end in joinable.items() if end in rows})


def _is_new(mail: ParsedMail) -> bool:
    """Whether the mail begins a conversation in any case."""
    return mail.automatic == Automatic.NO and not ids_of(mail)


@transaction.atomic(savepoint=False)
def deliver(
    queue: EmailQueue, mail: ParsedMail, raw: RawMail, received_at: datetime, *, acknowledge: bool = True
) -> Message:
    """Put the mail into the queue, or into the conversation that it answers, and return its message.

    :param acknowledge: False for mail that lay in the mailbox before we came: nobody expects a word on it.
    """
    received_at = min(received_at, timezone.now())
    sender = f"from {mail.from_.email.lower()}"
    if mail.automatic == Automatic.NO:
        flush(sender, *(f"id {each}" for each in (mail.message_id, *ids_of(mail))))
    else:
        flush()
    match = matching.find(queue, mail, raw)
    conversation = _joined(match)
    if conversation is None:
        message = _open(queue, mail, raw, received_at, match, is_new=acknowledge)
        _touch(message, sender)
        if acknowledge:
            _acknowledge(message.conversation, message, mail)
        return message
    message = _join(conversation, mail, raw, received_at, match)
    _touch(message, sender)
    return message


def _touch(message: Message, sender: str) -> None:
    """What a later mail of the batch may ask for, while the message is not written yet."""
    touch(sender, f"id {message.message_id}", f"conversation {message.conversation_id}")
    ahead.has_come(message)


def _joined(match: Match) -> Conversation | None:
    if match.conversation_id is None:
        return None
    locked = ahead.locked(match.conversation_id)
    if locked is not None:
        return locked
    flush(f"conversation {match.conversation_id}")
    try:
        row = states.lock_following(match.conversation_id)
    except Conversation.DoesNotExist:  # erased a moment ago
        return None
    ahead.is_locked(row)
    return row


def _open(
    queue: EmailQueue, mail: ParsedMail, raw: RawMail, received_at: datetime, match: Match, *, is_new: bool
) -> Message:
    seen, confidence = _seen_language(mail)
    contact = tracking.contact_for(mail.from_, seen)
    before = _continued(match)
    tag = seen or contact.language or _assumed_language(queue)
    conversation = Conversation(
        queue=queue,
        contact=before.contact if before else contact,
        subject=mail.subject[:1000],
        language=tag,
        kind_id=kinds.usual(queue.pk, tag),
        language_confidence=confidence,
        priority=contact.priority,
        created_at=received_at,
        last_message_at=received_at,
    )
    message = _message(mail, raw, received_at)
    _show(conversation, message, mail)
    # A batch is smaller than what brakes a contact, so one that came with it needs no counting.
    counts = is_new and not tracking.is_new(conversation.contact)
    held = brakes.too_many(conversation.contact, received_at) if counts else ""
    if held:
        conversation.state = State.HELD
    else:
        states.start_clock(conversation, received_at, queue.first_response)
    add_conversation(conversation)
    _keep(conversation, message, mail)
    track(conversation, message, contact)
    note_event(conversation, Kind.OPENED, f"A mail came to {queue}.", data={"message": message.pk})
    if held:
        logger.warning("conversation %s is held: %s", conversation.pk, held)
        note_event(conversation, Kind.HELD, held)
    if match.hint:
        note_event(conversation, Kind.HINT, match.hint, data={"conversation": match.hint_id})
    if before is not None:
        _link(before, conversation, match.ended, mail)
    _announce(conversation)
    return message


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
    conversation: Conversation, mail: ParsedMail, raw: RawMail, received_at: datetime, match: Match
) -> Message:
    message = _message(mail, raw, received_at)
    if conversation.has_outside:
        flush(f"conversation {conversation.pk}")
    message.is_outside = outside.is_from_outside(conversation, mail, match.about_id)
    _keep(conversation, message, mail)
    _show(conversation, message, mail)
    amend(conversation, SHOWN)
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
    _announce(conversation)
    return message


def _message(mail: ParsedMail, raw: RawMail, received_at: datetime) -> Message:
    """The row of the mail, not yet written."""
    return Message(
        direction=Message.Direction.IN,
        automatic=mail.automatic,
        from_name=mail.from_.name[:300],
        from_email=mail.from_.email[:320],
        reply_to=people(mail.reply_to),
        to=people(mail.to),
        cc=people(mail.cc),
        subject=mail.subject[:1000],
        text=mail.text,
        html=mail.html,
        quote_at=mail.quote_at,
        signature_at=mail.signature_at if mail.signature_at < mail.quote_at else None,
        forwarded=_original(mail),
        invitations=keep(mail.invitations),
        protection=mail.protection,
        message_id=mail.message_id[:1000],
        in_reply_to=mail.in_reply_to[:1000],
        references=list(mail.references),
        defects=list(mail.defects),
        raw=raw,
        sent_at=mail.date or received_at,
        created_at=received_at,
    )


def _original(mail: ParsedMail) -> dict[str, str]:
    """Who wrote what was forwarded to us by hand."""
    if mail.forwarded is None:
        return {}
    writer = mail.forwarded.from_
    return {"name": writer.name, "email": writer.email, "subject": mail.forwarded.subject}


def _keep(conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    message.conversation = conversation
    message.search = filed(sheet_of(message, conversation.queue_id, *_searched(mail)))
    add_message(message)
    if mail.attachments:
        keep_attachments(message, mail.attachments)


def _sent_files(mail: ParsedMail) -> list[AttachmentPart]:
    return split_files(mail.attachments, is_signed=mail.protection == "signed")[0]


def _searched(mail: ParsedMail) -> tuple[list[str], list[str]]:
    """The names of its files, and what else it is found by."""
    names = [attachment.name for attachment in mail.attachments]
    return names, [text for event in mail.invitations for text in (event.summary, event.location)]


def _show(conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """What lists show of the conversation; the caller writes it."""
    conversation.messages_count += 1
    conversation.last_message_at = max(conversation.last_message_at, message.created_at)
    if message.automatic == Automatic.NO or conversation.messages_count == 1:
        conversation.last_direction = message.direction
        conversation.preview = preview(message)
    conversation.has_attachments = conversation.has_attachments or bool(_sent_files(mail))


def _answered(conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """A person has written: it is our turn."""
    seen, confidence = _seen_language(mail)
    contact = tracking.contact_for(mail.from_, seen)
    track(conversation, message, contact)
    who = mail.from_.name or mail.from_.email or "The customer"
    if message.is_outside:
        _our_turn(conversation, message.created_at)
        sentence = f"{who}, who was asked about it, answered; {states.where(conversation)}."
        note_event(conversation, Kind.ANSWERED_OUTSIDE, sentence, data={"message": message.pk})
        return
    if seen and conversation.language_confidence < SURE:
        conversation.language, conversation.language_confidence = seen, confidence
        conversation.kind = None
        conversation.save(update_fields=["language", "language_confidence", "kind"])
    before = State(conversation.state)
    _our_turn(conversation, message.created_at)
    if before not in (State.WAITING, State.ASSIGNED, State.HELD):
        note_event(
            conversation, Kind.RECEIVED, f"{who} wrote; {states.where(conversation)}.", data={"was": before}
        )


def _our_turn(conversation: Conversation, since: datetime) -> None:
    if conversation.state == State.HELD:  # who writes too much lets nothing go by writing more
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


def _seen_language(mail: ParsedMail) -> tuple[str, float]:
    """The language that the new text is surely written in, of those that agents write; ("", 0.0) else."""
    topic = f"queues.intake: language of {id(mail)}"
    known: tuple[str, float] | None = noted(topic)
    if known is None:
        text = mail.new_text
        if len(text) < ENOUGH_TEXT:
            text = f"{mail.subject}\n{text}"
        tag, confidence = language.detect(text, _written_languages())
        known = (tag, confidence) if confidence >= SURE else ("", 0.0)
        note(topic, known)
    return known


@once
def _written_languages() -> list[str]:
    return list(Language.objects.values_list("tag", flat=True))


def _assumed_language(queue: EmailQueue) -> str:
    if queue.default_language_id:
        return queue.default_language_id
    topic = f"queues.intake: first language of {queue.pk}"
    known: str | None = noted(topic)
    if known is None:
        known = queue.languages.order_by("tag").values_list("tag", flat=True).first() or ""
        note(topic, known)
    return known


def _acknowledge(conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """Tell a person that their mail has come; once a day, and never in answer to a machine."""
    queue = conversation.queue
    text = acknowledging.text_for(conversation, timezone.now())
    if not text or not _may_be_acknowledged(conversation, mail):
        return
    storm = brakes.storm(queue, mail.from_.email, timezone.now())
    if storm:
        logger.warning("conversation %s is not acknowledged: %s", conversation.pk, storm)
        note_event(conversation, Kind.ACKNOWLEDGED, f"No acknowledgement was sent. {storm}")
        return
    flush()
    try:
        with transaction.atomic():
            letter = write_acknowledgement(conversation, message, text)
            posting = Posting(letter=letter, sender=sender_of(queue), is_automatic=True)
            sent = post(conversation, posting)
    except ActionRefused as refused:
        logger.warning("conversation %s is not acknowledged: %s", conversation.pk, refused.sentence)
        note_event(conversation, Kind.ACKNOWLEDGED, f"No acknowledgement was sent. {refused.sentence}")
        return
    note_event(conversation, Kind.ACKNOWLEDGED, "The acknowledgement was sent.", data={"message": sent.pk})


def _may_be_acknowledged(conversation: Conversation, mail: ParsedMail) -> bool:
    sender = mail.from_.email.lower()
    if conversation.state == State.HELD:
        return False
    if mail.automatic != Automatic.NO or not sender or is_daemon(mail.from_) or sender in own_addresses():
        return False
    if answers_us(mail):  # maybe a robot that answers from another address each time
        return False
    return not brakes.is_acknowledged(conversation, timezone.now())


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
