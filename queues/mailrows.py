"""The rows of a mail from outside: its message, its files, and what lists show of its conversation."""

from datetime import datetime, timedelta

from mailcore.parsed import AttachmentPart, Automatic, ParsedMail
from mailstore.models import RawMail
from queues import genuine
from queues.enclosures import keep, split_files
from queues.finding_filed import filed, sheet_of
from queues.models import Conversation, Message
from queues.posting import keep_attachments, people, preview
from queues.reserved import add_message

MOMENT = timedelta(microseconds=1)
SHOWN = [
    *("messages_count", "last_message_at", "last_direction", "preview", "has_attachments", "has_cards"),
    "stripped_at",
]
"""What lists show of a conversation."""


def message_of(mail: ParsedMail, raw: RawMail, received_at: datetime) -> Message:
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
        authentication=genuine.keep(mail.findings),
        message_id=mail.message_id[:1000],
        in_reply_to=mail.in_reply_to[:1000],
        references=list(mail.references),
        defects=list(mail.defects),
        has_cards=mail.has_cards,
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


def put_into(conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """Write the message and its files into the conversation, findable by its words."""
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


def show(conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """What lists show of the conversation; the caller writes it."""
    conversation.messages_count += 1
    conversation.last_message_at = max(conversation.last_message_at, message.created_at)
    if conversation.stripped_at is not None:  # also what was on its way while it was emptied is there now
        conversation.stripped_at = min(conversation.stripped_at, message.created_at - MOMENT)
    if message.automatic == Automatic.NO or conversation.messages_count == 1:
        conversation.last_direction = message.direction
        conversation.preview = preview(message)
    conversation.has_attachments = conversation.has_attachments or bool(_sent_files(mail))
    conversation.has_cards = conversation.has_cards or mail.has_cards
