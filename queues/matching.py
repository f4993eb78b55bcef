"""Where a mail belongs: which conversation it joins, or none, and why.

A mail joins a conversation if it names a mail of it (References, In-Reply-To) *and* its sender takes part in
it already. What a machine sends (a bounce, a report) may come from anywhere, but must name one of our signed
ids. A number in the subject proves nothing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from crm.models import ContactAddress
from mailcore.compose import read_message_id
from mailcore.parsed import Automatic, ParsedMail
from mailstore.models import RawMail
from queues.letters import own_addresses
from queues.models import Conversation, EmailQueue, Message
from queues.posting import message_id_key

MOST_IDS = 60
MOST_NAMED = 20  # conversations, of ids that aren't ours: some mailers give one id to all their mails
MOST_SEARCHED = 1_000_000  # octets
COPY_WITHIN = timedelta(days=1)  # the same mail over a second mailbox comes at almost the same time

_OUR_ID = re.compile(rb"\bucs\.\d{1,19}\.\d{1,19}\.[a-z2-7]{26}@[a-z0-9.-]{1,253}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A conversation that the mail names; the one named last in the thread comes first."""

    conversation_id: int
    number: int
    is_here: bool  # in the queue that the mail came to
    is_party: bool  # the sender takes part in it
    has_copy: bool = False  # this very mail is in it already


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What was decided: the conversation to join, or None for a new one, with a hint for people."""

    conversation_id: int | None = None
    is_copy: bool = False
    hint: str = ""
    bounced_id: int | None = None  # the message of ours that could not be delivered


def decide(found: Sequence[Found]) -> Match:
    """Choose among the conversations that a mail names."""
    parties = [each for each in found if each.is_party]
    for each in parties:
        if not each.has_copy:
            return Match(conversation_id=each.conversation_id)
    for each in parties:
        if each.is_here:
            return Match(conversation_id=each.conversation_id, is_copy=True)
    if parties:
        return Match(hint=f"The same mail came to #{parties[0].number} as well.")
    if found:
        return Match(
            hint=f"May belong to #{found[0].number}: it answers a mail of it, but from a stranger to it."
        )
    return Match()


def find(queue: EmailQueue, mail: ParsedMail, raw: RawMail) -> Match:
    """Look up what the mail names, and decide."""
    if mail.automatic != Automatic.NO:
        signed = _signed([*_bounced_first(mail), *_inside(raw)])
        if signed is not None:
            is_bounce = mail.automatic == Automatic.BOUNCE
            return Match(conversation_id=signed.conversation_id, bounced_id=signed.pk if is_bounce else None)
    match = decide(_found(queue, mail))
    if match.conversation_id is None and not match.hint:
        return _same_mail(queue, mail) or match
    return match


def _bounced_first(mail: ParsedMail) -> list[str]:
    named = [mail.bounce.message_id] if mail.bounce and mail.bounce.message_id else []
    return [*named, *_named(mail)]


def _named(mail: ParsedMail) -> list[str]:
    """The ids of a thread, the nearest first."""
    ids = [mail.in_reply_to, *reversed(mail.references)]
    return list(dict.fromkeys(each for each in ids if each))[:MOST_IDS]


def _inside(raw: RawMail) -> list[str]:
    """What looks like ids of ours in the mail a machine returned to us, wherever it put them."""
    found = _OUR_ID.findall(raw.as_bytes()[:MOST_SEARCHED])
    return list(dict.fromkeys(each.decode() for each in found))[:MOST_IDS]


def _signed(ids: Iterable[str]) -> Message | None:
    """The message of ours that the first of our signed ids names."""
    for each in ids:
        pair = read_message_id(each, message_id_key())
        if pair is not None:
            message = Message.objects.filter(pk=pair[1], conversation=pair[0], direction="out").first()
            if message is not None:
                return message
    return None


def _found(queue: EmailQueue, mail: ParsedMail) -> list[Found]:
    pks = _named_conversations(_named(mail))
    rows = Conversation.objects.select_related("contact").in_bulk(pks)
    sender = mail.from_.email.lower()
    is_ours = sender in own_addresses() if rows else False
    copies = set(
        Message.objects.filter(
            conversation__in=list(rows), message_id=mail.message_id[:1000], direction=Message.Direction.IN
        ).values_list("conversation", flat=True)
    )
    return [
        Found(
            conversation_id=pk,
            number=rows[pk].number,
            is_here=rows[pk].queue_id == queue.pk,
            # Our own addresses are public, so they prove nothing when they stand in From.
            is_party=bool(sender) and not is_ours and sender in parties(rows[pk]),
            has_copy=pk in copies,
        )
        for pk in pks
        if pk in rows
    ]


def answers_us(mail: ParsedMail) -> bool:
    """Whether the mail names one of our mails as what it answers, whoever wrote it."""
    return any(read_message_id(each, message_id_key()) for each in _named(mail))


def _named_conversations(ids: list[str]) -> list[int]:
    stored: dict[str, list[int]] = {}
    rows = Message.objects.filter(message_id__in=ids).order_by("-pk") if ids else Message.objects.none()
    for message_id, pk in rows.values_list("message_id", "conversation")[:MOST_NAMED]:
        stored.setdefault(message_id, []).append(pk)
    found: list[int] = []
    for each in ids:
        pair = read_message_id(each, message_id_key())
        found += [pair[0]] if pair else []
        found += stored.get(each, [])
    return list(dict.fromkeys(found))


def parties(conversation: Conversation) -> set[str]:
    """The addresses that take part: the contact's, and of people who wrote, received or were copied in."""
    found = set(
        ContactAddress.objects.filter(contact=conversation.contact_id).values_list("email", flat=True)
    )
    # A machine's mail may join on a signed id alone, so whoever it names takes no part yet.
    trusted = conversation.messages.filter(Q(direction=Message.Direction.OUT) | Q(automatic=Automatic.NO))
    for sender, *groups in trusted.values_list("from_email", "to", "cc", "reply_to"):
        found.add(sender)
        found.update(person.get("email", "") for group in groups for person in group)
    return {email.lower() for email in found if email}


def _same_mail(queue: EmailQueue, mail: ParsedMail) -> Match | None:
    """The same mail came to this queue over another mailbox a moment ago: one conversation is enough."""
    rows = Message.objects.filter(
        message_id=mail.message_id[:1000],
        direction=Message.Direction.IN,
        conversation__queue=queue,
        from_email=mail.from_.email[:320],
        created_at__gt=timezone.now() - COPY_WITHIN,
    ).order_by("pk")
    for message in rows[:3]:
        if message.text == mail.text and message.subject == mail.subject[:1000]:
            return Match(conversation_id=message.conversation_id, is_copy=True)
    return None
