"""A mail that a rule passes on to an outside address, by itself and through the outbox: never in a circle.

    to an address of ours, or to who wrote it ───────▶ not sent
    of a machine that answers, or naming a mail of ours ─▶ not sent
    more than so many in an hour from one queue ──────▶ not sent

It is marked as automatic, so that no machine answers it, and what a person answers comes into the
conversation as from somebody who was asked.
"""

import logging
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mailcore.compose import OutFile
from mailcore.headers import thread_subject
from mailcore.parse import PartNotFound, part_bytes
from mailcore.parsed import Automatic, ParsedMail
from mailstore.batch import flush
from queues import scanning
from queues.letters import Reply, body, from_whom, own_addresses
from queues.models import Conversation, Message
from queues.naming import answers_us, signed
from queues.outside import forwarded
from queues.posting import Posting, post, sender_of
from queues.recipients import Recipients, typed_addresses
from queues.refusals import ActionRefused

logger = logging.getLogger(__name__)

MOST_IN_AN_HOUR = 200
"""From one queue."""

ANSWERING = frozenset((Automatic.AUTO_REPLY, Automatic.CHALLENGE, Automatic.BOUNCE, Automatic.DELAY))


def told(conversation: Conversation, message: Message, mail: ParsedMail, addresses: str) -> str:
    """Pass it on, and say so; or why not, which is no reason to lose the mail."""
    named = ", ".join(addresses.split())
    why_not = _why_not(conversation, mail, addresses) or _pass_on(conversation, message, mail, addresses)
    if why_not:
        logger.warning("conversation %s is not passed on: %s", conversation.pk, why_not)
        return f"did not forward it to {named}. {why_not}"
    return f"forwarded it to {named}."


def is_ours(email: str) -> bool:
    """Whether mail to this address comes to us again."""
    domain = settings.INBOUND_DOMAIN.lower() if settings.INBOUND_DOMAIN else ""
    email = email.lower()
    return email in own_addresses() or (bool(domain) and email.rpartition("@")[2] == domain)


def _why_not(conversation: Conversation, mail: ParsedMail, addresses: str) -> str:
    for email in addresses.split():
        if is_ours(email):
            return f"{email} is an address of ours: it would come back."
        if email.lower() == mail.from_.email.lower():
            return f"{email} wrote it."
    if mail.automatic in ANSWERING:
        return "It is a machine's answer."
    if answers_us(mail) or signed([mail.message_id]) is not None:
        return "It names a mail of ours: perhaps what was forwarded comes back."
    lately = Message.objects.filter(
        conversation__queue=conversation.queue_id,
        direction=Message.Direction.OUT,
        automatic=Automatic.AUTO_REPLY,
        is_outside=True,
        created_at__gt=timezone.now() - timedelta(hours=1),
    )
    if lately[:MOST_IN_AN_HOUR].count() >= MOST_IN_AN_HOUR:
        return f"{MOST_IN_AN_HOUR} mails of {conversation.queue} were forwarded in an hour."
    return ""


def _pass_on(conversation: Conversation, message: Message, mail: ParsedMail, addresses: str) -> str:
    flush()
    try:
        with transaction.atomic():
            people = Recipients(typed_addresses(addresses.split()), ())
            files = _files(message, mail)
            letter = body(Reply(text="", files=files), people, "", forwarded(conversation, message))
            subject = " ".join(f"Fwd: {thread_subject(message.subject) or conversation.subject}".split())
            letter = replace(
                letter, subject=subject, from_=from_whom(conversation, message, None), is_outside=True
            )
            post(
                conversation, Posting(letter=letter, sender=sender_of(conversation.queue), is_automatic=True)
            )
    except ActionRefused as refused:
        return refused.sentence
    return ""


def _files(message: Message, mail: ParsedMail) -> tuple[OutFile, ...]:
    """The files of the mail; where a virus scanner is set none, as it has not looked at them yet."""
    if message.raw is None or not mail.attachments or scanning.first_state(message.direction):
        return ()
    raw = message.raw.as_bytes()
    found = []
    for each in mail.attachments:
        try:
            found.append(OutFile(each.name or "file", each.type, part_bytes(raw, each.part)))
        except PartNotFound:
            logger.warning("part %s of message %s is not there", each.part, message.pk)
    return tuple(found)
