"""A mail of ours: its rows, its frozen bytes, its place in the outbox and in the CRM.

All of it in one transaction, the caller's.
"""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Agent
from crm import tracking
from crm.models import Contact
from mailcore.cards import find
from mailcore.clean import clean_line
from mailcore.compose import ComposeError, Draft, compose, new_message_id
from mailcore.folding import new_text
from mailcore.parse import parse
from mailcore.parsed import Address, AttachmentPart
from mailsenders import outbox
from mailsenders.models import EmailSender
from mailstore.announce import announce
from mailstore.batch import write
from queues import capacity, cards, scanning
from queues.finding_filed import filed, sheet_of
from queues.folds import signature_at
from queues.letters import Letter
from queues.models import Attachment, Conversation, EmailQueue, Message
from queues.refusals import ActionRefused

PREVIEW_LENGTH = 200
ANCHOR = 0  # the message number of an id that stands for its whole conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """Who posts what, and how."""

    letter: Letter
    sender: EmailSender
    agent: Agent | None = None
    user: User | None = None
    token: str | None = None
    hold: int = 0
    is_automatic: bool = False


def message_id_key() -> bytes:
    """The key that signs our Message-IDs; made of SECRET_KEY, for this purpose alone."""
    return hmac.digest(settings.SECRET_KEY.encode(), b"queues.message-id", hashlib.sha256)


def sender_of(queue: EmailQueue) -> EmailSender:
    """The sender of a queue's answers.

    Raises:
        ActionRefused: it has none, or it is switched off.
    """
    sender = queue.sender
    if sender is None:
        raise ActionRefused(
            f"The email queue “{queue.name}” has no email sender: an administrator chooses one at "
            "☰ Messaging → Email queues."
        )
    if not sender.is_active:
        raise ActionRefused(
            f"The email sender “{sender.name}” is switched off: an administrator switches it on at "
            "☰ Messaging → Email senders."
        )
    return sender


def post(conversation: Conversation, posting: Posting) -> Message:
    """Write the message, freeze it and put it into the outbox.

    Raises:
        ActionRefused: it can't be composed, such as for an address that can't be written.
    """
    now = timezone.now()
    posting = replace(posting, letter=cards.sent(conversation.queue, posting.letter))
    message = _row(conversation, posting, now)
    domain = posting.sender.email_address.rpartition("@")[2]
    message.message_id = new_message_id(conversation.pk, message.pk, message_id_key(), domain)
    message.references = list(posting.letter.references) or [
        new_message_id(conversation.pk, ANCHOR, message_id_key(), domain)
    ]
    raw = _frozen(message, posting, now)
    try:
        message.outgoing = outbox.enqueue(_envelope(conversation, message, posting, raw))
    except outbox.EnvelopeError as error:
        raise ActionRefused(str(error)) from error
    message.raw = message.outgoing.raw
    message.save(update_fields=["message_id", "references", "outgoing", "raw"])
    if posting.letter.files:
        keep_attachments(message, parse(raw).attachments)
    _count(conversation, message, posting, now)
    return message


def _row(conversation: Conversation, posting: Posting, now: datetime) -> Message:
    letter = posting.letter
    message = Message(
        conversation=conversation,
        direction=Message.Direction.OUT,
        automatic="auto_reply" if posting.is_automatic else "no",
        from_name=letter.from_.name[:300],
        from_email=letter.from_.email,
        to=people(letter.to),
        cc=people(letter.cc),
        subject=letter.subject[:1000],
        text=letter.text,
        html=letter.html if letter.is_rich else "",
        quote_at=letter.quote_at,
        in_reply_to=letter.in_reply_to[:1000],
        is_outside=letter.is_outside,
        has_cards=conversation.queue.pci != EmailQueue.PaymentCards.OFF and bool(find(letter.text)),
        agent=posting.agent,
        compose_token=posting.token,
        sent_at=now,
        created_at=now,
    )
    message.search = filed(sheet_of(message, conversation.queue_id, [file.name for file in letter.files]))
    message.save(force_insert=True)
    return message


def _frozen(message: Message, posting: Posting, now: datetime) -> bytes:
    letter = posting.letter
    draft = Draft(
        from_=Address(message.from_name, message.from_email),
        to=letter.to,
        cc=letter.cc,
        subject=letter.subject,
        date=now,
        text=letter.text,
        html=letter.html,
        in_reply_to=letter.in_reply_to,
        references=tuple(message.references),
        message_id=message.message_id,
        attachments=letter.files,
        automatic=posting.is_automatic,
        language=letter.language,
        utf8=capacity.check_addresses(posting.sender, everybody(letter)),
    )
    try:
        raw = compose(draft)
    except ComposeError as error:
        raise ActionRefused(str(error)) from error
    capacity.check_size(posting.sender, len(raw))
    return raw


def everybody(letter: Letter) -> tuple[str, ...]:
    """The addresses that it goes to."""
    return tuple(dict.fromkeys(address.email for address in (*letter.to, *letter.cc)))


def _envelope(conversation: Conversation, message: Message, posting: Posting, raw: bytes) -> outbox.Envelope:
    return outbox.Envelope(
        sender=posting.sender,
        raw=raw,
        message_id=message.message_id,
        # Bounces go where the sender signs in, whatever the From: SPF is checked there.
        mail_from="" if posting.is_automatic else posting.sender.email_address,
        recipients=everybody(posting.letter),
        order_key=conversation.pk,
        hold=posting.hold,
        is_automatic=posting.is_automatic,
        created_by_id=posting.user.pk if posting.user else None,
    )


def _count(conversation: Conversation, message: Message, posting: Posting, now: datetime) -> None:
    conversation.messages_count += 1
    conversation.has_cards = conversation.has_cards or message.has_cards
    fields = ["messages_count", "has_cards"]
    letter = posting.letter
    if letter.is_outside and not conversation.has_outside:
        conversation.has_outside = True
        fields.append("has_outside")
    if not posting.is_automatic and not letter.is_outside:  # the list goes on showing what the customer wrote
        conversation.last_message_at, conversation.last_direction = now, message.direction
        conversation.preview = preview(message)
        conversation.has_attachments = conversation.has_attachments or bool(letter.files)
        fields += ["last_message_at", "last_direction", "preview", "has_attachments"]
    conversation.save(update_fields=fields)
    contact = tracking.contact_for(letter.to[0]) if letter.is_outside else conversation.contact
    track(conversation, message, contact, posting.user)


def track(conversation: Conversation, message: Message, contact: Contact, user: User | None = None) -> None:
    """Tell the CRM of a message from or to this contact."""
    tracking.record(
        tracking.Entry(
            contact_id=contact.pk,
            direction=message.direction,
            message_ref=crm_reference(message),
            message_id=message.message_id,
            conversation_id=conversation.pk,
            conversation_number=conversation.number,
            queue_name=conversation.queue.name,
            subject=message.subject,
            preview=preview(message),
            at=message.created_at,
            user_id=user.pk if user else None,
        )
    )


def crm_reference(message: Message) -> str:
    """The identity of a message's communication record."""
    return f"message-{message.pk}"


def preview(message: Message) -> str:
    """The first words on one line, without what is quoted and the signature."""
    new = new_text(message.text, signature_at(message), message.quote_at).partition("\n-- \n")[0]
    line = clean_line((new.strip() or message.text)[: PREVIEW_LENGTH * 4])
    return line if len(line) <= PREVIEW_LENGTH else line[: PREVIEW_LENGTH - 1].rstrip() + "…"


def people(addresses: tuple[Address, ...]) -> list[dict[str, str]]:
    """Addresses as they are stored."""
    return [{"name": address.name, "email": address.email} for address in addresses]


def keep_attachments(message: Message, parts: tuple[AttachmentPart, ...]) -> None:
    """Note where in the raw mail its files are; those that came are scanned before anybody opens them."""
    scan = scanning.first_state(message.direction)
    if scan:
        announce(scanning.TASK)
    for part in parts:
        write(
            Attachment(
                message=message,
                part=part.part[:200],
                name=part.name[:300],
                type=part.type[:200],
                size=part.size,
                inline=part.inline,
                content_id=part.content_id[:500],
                scan=scan,
            )
        )
