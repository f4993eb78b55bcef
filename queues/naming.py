"""What a mail names: our mails by their ids, the conversations that these are in now, and who takes part.

Mails move: a conversation is merged into another, a mail is split off. So an id names the conversation in
which its mail is today. A signed id of ours names its message, which we look up; only if that one is gone, or
if the id stands for a whole conversation, the conversation in the id counts, wherever it was merged into.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from django.db.models import Q

from crm.models import ContactAddress
from mailcore.compose import read_message_id
from mailcore.parsed import Automatic, ParsedMail
from mailsenders.models import OutgoingMail
from mailstore.batch import note, noted
from mailstore.models import RawMail
from queues import reserved
from queues.history import Kind
from queues.models import Conversation, Event, Message
from queues.posting import ANCHOR, message_id_key

MOST_IDS = 60
MOST_NAMED = 20  # conversations, of ids that aren't ours: some mailers give one id to all their mails
MOST_SEARCHED = 1_000_000  # octets
PERHAPS_HERE = "queues.naming"
LONGEST_CHAIN = 50  # of conversations merged one into the next

_OUR_ID = re.compile(rb"\bucs\.\d{1,19}\.\d{1,19}\.[a-z2-7]{26}@[a-z0-9.-]{1,253}", re.IGNORECASE)


def ids_of(mail: ParsedMail) -> list[str]:
    """The ids of a mail's thread, the nearest first."""
    ids = [mail.in_reply_to, *reversed(mail.references)]
    return list(dict.fromkeys(each for each in ids if each))[:MOST_IDS]


def ids_inside(raw: RawMail) -> list[str]:
    """What looks like ids of ours in the mail a machine returned to us, wherever it put them."""
    found = _OUR_ID.findall(raw.as_bytes()[:MOST_SEARCHED])
    return list(dict.fromkeys(each.decode() for each in found))[:MOST_IDS]


def answers_us(mail: ParsedMail) -> bool:
    """Whether the mail names one of our mails as what it answers, whoever wrote it."""
    return any(read_message_id(each, message_id_key()) for each in ids_of(mail))


def signed(ids: Iterable[str]) -> Message | None:
    """The message of ours that the first of our signed ids names."""
    for each in ids:
        pair = read_message_id(each, message_id_key())
        if pair is not None:
            message = Message.objects.filter(pk=pair[1], direction=Message.Direction.OUT).first()
            if message is not None:
                return message
    return None


def named(ids: Sequence[str]) -> list[Conversation]:
    """The conversations, with queue and contact, that the mails with these ids are in, in the same order."""
    ours = {each: pair for each in ids if (pair := read_message_id(each, message_id_key()))}
    moved = _homes(pair[1] for pair in ours.values() if pair[1] != ANCHOR)
    foreign = _stored([each for each in ids if each not in ours])
    found: list[int] = []
    for each in ids:
        if each in ours:
            conversation, message = ours[each]
            found.append(moved.get(message, conversation))
        found += foreign.get(each, [])
    return together(list(dict.fromkeys(found)))


def _homes(messages: Iterable[int]) -> dict[int, int]:
    """The conversation that each message of ours is in now."""
    pks = list(messages)
    rows = Message.objects.filter(pk__in=pks, direction=Message.Direction.OUT) if pks else None
    return dict(rows.values_list("pk", "conversation")) if rows is not None else {}


def foresee(mails: Sequence[ParsedMail]) -> None:
    """Ask once for a batch which of its mails' ids, and of the ids they name, there are already."""
    own = Counter(mail.message_id[:1000] for mail in mails)
    others = {each for mail in mails for each in ids_of(mail)}
    rows = Message.objects.filter(message_id__in=[*own, *others]).values_list("message_id", flat=True)
    aliases = OutgoingMail.objects.filter(alias__in=others).values_list("alias", flat=True)
    twice = {each for each, count in own.items() if count > 1}
    reserved.expect(
        sum(1 for mail in mails if mail.automatic == Automatic.NO and not ids_of(mail)), len(mails)
    )
    note(PERHAPS_HERE, {*rows.order_by().union(aliases.order_by()), *twice, *(others & own.keys())})


def is_perhaps_here(message_id: str) -> bool:
    """Whether it is worth looking for mails with this id."""
    ids = noted(PERHAPS_HERE)
    return ids is None or message_id[:1000] in ids


def _stored(ids: list[str]) -> dict[str, list[int]]:
    ids = [each for each in ids if is_perhaps_here(each)]
    found: dict[str, list[int]] = {}
    rows = Message.objects.filter(message_id__in=ids).order_by("-pk") if ids else Message.objects.none()
    for message_id, pk in rows.values_list("message_id", "conversation")[:MOST_NAMED]:
        found.setdefault(message_id, []).append(pk)
    others = Message.objects.filter(outgoing__alias__in=[each for each in ids if each not in found])
    for alias, pk in others.values_list("outgoing__alias", "conversation") if len(found) < len(ids) else ():
        found.setdefault(alias, []).append(pk)
    return found


def renamed(message_id: str) -> Message | None:
    """The message of ours to which a provider gave this id of its own."""
    rows = Message.objects.filter(outgoing__alias=message_id) if message_id else Message.objects.none()
    return rows.first()


def together(pks: Sequence[int]) -> list[Conversation]:
    """These conversations in this order; for one that was merged, the one where everything of it is."""
    rows = Conversation.objects.select_related("queue", "contact")
    known: dict[int, Conversation] = {}
    wanted = set(pks)
    for _ in range(LONGEST_CHAIN):
        if not wanted:
            break
        read = rows.in_bulk(wanted)
        known |= read
        wanted = {row.merged_into_id for row in read.values() if row.merged_into_id} - known.keys()
    ends = [_end(known, pk) for pk in pks if pk in known]
    return list({row.pk: row for row in ends}.values())


def _end(known: dict[int, Conversation], pk: int) -> Conversation:
    row = known[pk]
    while row.merged_into_id is not None and row.merged_into_id in known:
        row = known[row.merged_into_id]
    return row


def continuations(pks: Sequence[int]) -> list[Conversation]:
    """The conversations that began when these were over, the newest first."""
    rows = Event.objects.filter(conversation__in=pks, kind=Kind.CONTINUED).order_by("-pk")
    return together([int(data["conversation"]) for data in rows.values_list("data", flat=True)[:MOST_NAMED]])


def parties(conversation: Conversation) -> set[str]:
    """The addresses that take part: the contact's, and of people who wrote, received or were copied in."""
    merged = Conversation.objects.filter(merged_into=conversation.pk).values("contact")
    contacts = ContactAddress.objects.filter(Q(contact=conversation.contact_id) | Q(contact__in=merged))
    found = set(contacts.values_list("email", flat=True))
    # A machine's mail may join on a signed id alone, so whoever it names takes no part yet.
    trusted = conversation.messages.filter(Q(direction=Message.Direction.OUT) | Q(automatic=Automatic.NO))
    for sender, *groups in trusted.values_list("from_email", "to", "cc", "reply_to"):
        found.add(sender)
        found.update(person.get("email", "") for group in groups for person in group)
    return {email.lower() for email in found if email}
