"""What we answer by ourselves to a mail that came: that it has come, or was refused. Never to a machine."""

import logging

from django.db import transaction
from django.utils import timezone

from crm.models import Contact
from mailcore.automatic import is_daemon
from mailcore.parsed import Automatic, ParsedMail
from mailstore.batch import flush
from queues import acknowledging, brakes, cards, states
from queues.history import Kind, note_event
from queues.letters import own_addresses, write_acknowledgement
from queues.models import Conversation, EmailQueue, Message
from queues.naming import answers_us
from queues.posting import Posting, post, sender_of
from queues.refusals import ActionRefused

logger = logging.getLogger(__name__)

State = Conversation.State


def acknowledge(conversation: Conversation, message: Message, mail: ParsedMail) -> None:
    """Tell a person that their mail has come; once a day, and never in answer to a machine."""
    if conversation.contact.standing != Contact.Standing.PERSON:
        return
    text = acknowledging.text_for(conversation, timezone.now())
    if not text or conversation.state == State.HELD or not _is_from_person(mail):
        return
    if answers_us(mail):  # maybe a robot that answers from another address each time
        return
    if brakes.is_acknowledged(conversation, timezone.now()):
        return
    why_not, sent = _answer_by_itself(conversation, message, text)
    told = f"No acknowledgement was sent. {why_not}" if why_not else "The acknowledgement was sent."
    note_event(conversation, Kind.ACKNOWLEDGED, told, data={"message": sent.pk} if sent else None)


def _is_from_person(mail: ParsedMail) -> bool:
    sender = mail.from_.email.lower()
    return (
        mail.automatic == Automatic.NO
        and bool(sender)
        and not is_daemon(mail.from_)
        and sender not in own_addresses()
    )


def _answer_by_itself(conversation: Conversation, message: Message, text: str) -> tuple[str, Message | None]:
    """Send an automatic answer; return why that wasn't possible, or the answer."""
    why_not = brakes.storm(conversation.queue, message.from_email, timezone.now())
    if not why_not:
        flush()
        try:
            with transaction.atomic():
                letter = write_acknowledgement(conversation, message, text)
                posting = Posting(letter=letter, sender=sender_of(conversation.queue), is_automatic=True)
                return "", post(conversation, posting)
        except ActionRefused as refused:
            why_not = refused.sentence
    logger.warning(
        "the mail that opened conversation %s is not answered by itself: %s", conversation.pk, why_not
    )
    return why_not, None


def is_refused(conversation: Conversation, mail: ParsedMail) -> bool:
    """Whether nothing of the mail was kept, as it held a card number."""
    return mail.has_cards and conversation.queue.pci == EmailQueue.PaymentCards.REJECT


def tell_of_card(
    queue: EmailQueue, message: Message, mail: ParsedMail, *, is_expected: bool, is_first: bool
) -> None:
    """Note that the mail held a card number; tell who sent it if it was refused.

    :param queue: that it came to. Its conversation may be in another one: the stricter rule holds.
    :param is_first: it opened its conversation, which nobody needs to answer when nothing was kept of it.
    """
    conversation, told = message.conversation, ""
    rule = cards.stricter(queue, conversation.queue)
    if rule == EmailQueue.PaymentCards.REJECT:
        told = " The sender was not told."
        if is_first:
            flush()
            states.finish(conversation, timezone.now())
        if is_expected and _is_from_person(mail):
            why_not, _ = _answer_by_itself(conversation, message, cards.refusal(conversation.language))
            told = f"{told} {why_not}" if why_not else " The sender was told."
    sentence = cards.FOUND[rule] + told
    note_event(conversation, Kind.CARD_FOUND, sentence, data={"message": message.pk})
