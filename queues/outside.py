"""Asking somebody else about a customer's matter: a supplier, a carrier, a colleague without a seat here.

A mail of the conversation is forwarded to an outside address; what comes back is put into the same
conversation, marked `is_outside`. The customer gets none of it: it is neither quoted nor answered nor counted
when an answer to the customer is made, and no answer goes to both sides by itself.
"""

from collections.abc import Sequence
from dataclasses import replace

from django.db.models import Q

from agents.models import Agent
from mailcore.compose import OutFile, read_message_id
from mailcore.headers import thread_subject
from mailcore.parse import PartNotFound, part_bytes
from mailcore.parsed import Address, ParsedMail
from mailcore.quotation import MOST_CHARACTERS, Quotation, quotation, shortened
from mailcore.text import text_to_html
from queues import scanning, texts
from queues.letters import Letter, Reply, body, chosen_recipients, from_whom, our_time, said, threaded
from queues.models import Attachment, Conversation, Message
from queues.naming import ids_of
from queues.posting import message_id_key
from queues.refusals import ActionRefused

FORWARDED = "---------- Forwarded message ---------"  # as Gmail has it, so mail programs know it for one


def message_about(conversation: Conversation, about_id: int | None) -> Message:
    """The mail that somebody else is asked about, or their own that is answered.

    Raises:
        ActionRefused: it is in another conversation by now.
    """
    message = conversation.messages.filter(pk=about_id).first() if about_id else None
    if message is None:
        raise ActionRefused("The mail that this is about is not here any more: load the page again.")
    return message


def write_outside(conversation: Conversation, reply: Reply, agent: Agent | None) -> Letter:
    """The mail to who is asked: a mail forwarded to them, or an answer to theirs.

    Raises:
        ActionRefused: to nobody, or to the customer.
    """
    about = message_about(conversation, reply.about_id)
    is_answer = about.is_outside
    if not (is_answer or any(each.strip() for each in reply.to)):
        raise ActionRefused("Nobody would get it: type an address into “To”.")
    people = chosen_recipients(reply, about)
    _check_apart(conversation, [*people.to, *people.cc])
    if is_answer:
        quote = quotation([said(conversation, about, about.text)], conversation.language)
    else:
        quote = forwarded(conversation, about)
    letter = body(reply, people, texts.signature(conversation, agent), quote)
    bare = thread_subject(about.subject) or conversation.subject
    letter = replace(
        letter,
        subject=" ".join(f"{'Re' if is_answer else 'Fwd'}: {bare}".split()),
        from_=from_whom(conversation, about, agent),
        is_outside=True,
    )
    return threaded(letter, about) if is_answer else letter


def _check_apart(conversation: Conversation, addresses: list[Address]) -> None:
    customer = set(conversation.contact.addresses.values_list("email", flat=True))
    both = [each.email for each in addresses if each.email.lower() in customer]
    if both:
        raise ActionRefused(
            f"{both[0]} is the customer, who must not get what others are asked: answer the customer instead."
        )


def forwarded(conversation: Conversation, message: Message) -> Quotation:
    """The mail as it is forwarded, with its head."""
    head = [
        FORWARDED,
        f"From: {Address(message.from_name, message.from_email)}",
        f"Date: {our_time(conversation, message.sent_at):%d %b %Y %H:%M %z}",
        f"Subject: {message.subject}",
        f"To: {', '.join(str(Address(each.get('name', ''), each.get('email', ''))) for each in message.to)}",
    ]
    text = "\n".join([*head, "", shortened(message.text.strip(), MOST_CHARACTERS)])
    return Quotation(text, f'<div class="gmail_quote">{text_to_html(text)}</div>')


def files_of(conversation: Conversation, attachment_ids: Sequence[int]) -> tuple[OutFile, ...]:
    """Files that came with mails of the conversation, to go along with one that is forwarded.

    Raises:
        ActionRefused: one of them is gone.
    """
    if not attachment_ids:
        return ()
    rows = Attachment.objects.filter(pk__in=attachment_ids, message__conversation=conversation)
    found = list(rows.select_related("message__raw").order_by("pk"))
    if len(found) != len(set(attachment_ids)):
        raise ActionRefused("A file that was to go along is not here any more: load the page again.")
    return tuple(_file(each) for each in found)


def _file(attachment: Attachment) -> OutFile:
    scanning.check_open(attachment, attachment.message.direction)
    raw = attachment.message.raw
    try:
        data = part_bytes(raw.as_bytes() if raw else b"", attachment.part)
    except PartNotFound as error:
        raise ActionRefused(f"“{attachment.name}” is not kept any more: forward without it.") from error
    return OutFile(attachment.name or "file", attachment.type, data)


def is_from_outside(conversation: Conversation, mail: ParsedMail, about_id: int | None = None) -> bool:
    """Whether a mail that joins the conversation comes from who was asked, not from the customer.

    :param about_id: the message of ours that a machine's mail is about, whatever its headers name.
    """
    if not conversation.has_outside:
        return False
    sender = mail.from_.email.lower()
    if _is_customer(conversation, sender):
        return False
    rows = conversation.messages.filter(is_outside=True)
    answered = _answered(conversation, mail)
    if answered is not None and not answered.is_outside and sender in _written_to(answered):
        return False  # on both sides, and answers what both got
    ours = [pair[1] for each in ids_of(mail) if (pair := read_message_id(each, message_id_key()))]
    if (answered is not None and answered.is_outside) or rows.filter(pk__in=[*ours, about_id or 0]).exists():
        return True
    if rows.filter(message_id=mail.in_reply_to[:1000]).exists():
        return True
    asked = {
        each.get("email", "").lower() for to, cc in rows.values_list("to", "cc") for each in (*to, *cc)
    } | {email.lower() for email in rows.values_list("from_email", flat=True)}
    return sender in asked


def _answered(conversation: Conversation, mail: ParsedMail) -> Message | None:
    """The mail of ours that it answers: the one that the nearest of its ids names."""
    sent = conversation.messages.filter(direction=Message.Direction.OUT)
    for each in ids_of(mail):
        pair = read_message_id(each, message_id_key())
        named = Q(pk=pair[1]) if pair else Q(outgoing__alias=each)
        found = sent.filter(named).first()
        if found is not None:
            return found
    return None


def _written_to(message: Message) -> set[str]:
    return {each.get("email", "").lower() for each in (*message.to, *message.cc)}


def _is_customer(conversation: Conversation, sender: str) -> bool:
    return conversation.contact.addresses.filter(email=sender).exists()
