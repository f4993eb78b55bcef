"""What a mail names: our mails by their ids, the conversations that these are in now, and who takes part.

Mails move: a conversation is merged into another, a mail is split off. So an id names the conversation in
which its mail is today. A signed id of ours names its message, which we look up; only if that one is gone, or
if the id stands for a whole conversation, the conversation in the id counts, wherever it was merged into.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import Q

from crm.models import ContactAddress
from mailcore.compose import read_message_id
from mailcore.parsed import Automatic, ParsedMail
from mailstore.batch import flush
from mailstore.models import RawMail
from queues import ahead, reserved
from queues.ahead import Ahead
from queues.history import Kind
from queues.models import Conversation, Event, Message
from queues.posting import ANCHOR, message_id_key

MOST_IDS = 60
MOST_NAMED = 20  # conversations, of ids that aren't ours: some mailers give one id to all their mails
MOST_SEARCHED = 1_000_000  # octets
LONGEST_CHAIN = 50  # of conversations merged one into the next

STORED = """
SELECT asked.id, message.id, message.conversation_id
FROM unnest(%s::text[]) AS asked (id) CROSS JOIN LATERAL (
    SELECT id, conversation_id FROM queues_message WHERE message_id = asked.id ORDER BY id DESC LIMIT %s
) AS message
ORDER BY message.id DESC
"""

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
    return together(_named(ids))


def _named(ids: Sequence[str]) -> list[int]:
    ours = {each: pair for each in ids if (pair := read_message_id(each, message_id_key()))}
    moved = _homes([pair[1] for pair in ours.values() if pair[1] != ANCHOR])
    foreign = _stored([each for each in ids if each not in ours])
    found: list[int] = []
    for each in ids:
        if each in ours:
            conversation, message = ours[each]
            found.append(moved.get(message, conversation))
        found += foreign.get(each, [])
    return list(dict.fromkeys(found))


def _homes(messages: list[int]) -> dict[int, int]:
    """The conversation that each message of ours is in now."""
    known = ahead.homes(messages)
    if known is not None:
        return known
    rows = Message.objects.filter(pk__in=messages, direction=Message.Direction.OUT)
    return dict(rows.values_list("pk", "conversation")) if messages else {}


def _stored(ids: list[str]) -> dict[str, list[int]]:
    rows = ahead.stored(ids)
    if rows is None:
        newest = Message.objects.filter(message_id__in=ids).order_by("-pk")
        rows = list(newest.values_list("pk", "message_id", "conversation")[:MOST_NAMED]) if ids else []
        rows += _renamed(set(ids) - {message_id for _, message_id, _ in rows})
    found: dict[str, list[int]] = {}
    for _, message_id, conversation in rows[:MOST_NAMED]:
        found.setdefault(message_id, []).append(conversation)
    return found


def _renamed(ids: set[str]) -> list[tuple[int, str, int]]:
    """Of ids that providers gave to mails of ours: the messages and their conversations."""
    rows = Message.objects.filter(outgoing__alias__in=ids)
    return list(rows.values_list("pk", "outgoing__alias", "conversation")) if ids else []


def renamed(message_id: str) -> Message | None:
    """The message of ours to which a provider gave this id of its own."""
    rows = Message.objects.filter(outgoing__alias=message_id) if message_id else Message.objects.none()
    return rows.first()


def foresee(mails: Sequence[ParsedMail]) -> dict[int, int]:
    """Ask once for a batch what its mails name and who takes part there.

    :return: the conversations that they may join, each by its id and by those of what was merged into it.
    """
    others = {each: list[tuple[int, int]]() for mail in mails for each in ids_of(mail)}
    ids = others | {mail.message_id[:1000]: [] for mail in mails}
    with connection.cursor() as cursor:
        cursor.execute(STORED, [[each for each in ids if each], MOST_NAMED])
        for message_id, message, conversation in cursor.fetchall():
            ids[message_id].append((message, conversation))
    for message, alias, conversation in _renamed({each for each in others if each and not ids[each]}):
        ids[alias].append((message, conversation))
    pairs = (read_message_id(each, message_id_key()) for each in ids)
    ours = [pair[1] for pair in pairs if pair is not None and pair[1] != ANCHOR]
    known = Ahead(ids=ids, homes=dict.fromkeys(ours, 0) | _homes(ours))
    ahead.begin(known)
    new = sum(1 for mail in mails if mail.automatic == Automatic.NO and not ids_of(mail))
    reserved.expect(new, len(mails))
    return _joinable(known, mails)


def _joinable(known: Ahead, mails: Sequence[ParsedMail]) -> dict[int, int]:
    named_by = [(mail.from_.email.lower(), _named(ids_of(mail))) for mail in mails]
    ends, contacts = _ends({pk for _, pks in named_by for pk in pks})
    known.parties.update(_parties(contacts))
    senders = defaultdict[int, set[str]](set)
    for sender, pks in named_by:
        for pk in pks:
            senders[pk].add(sender)
    return {pk: end for pk, end in ends.items() if not known.parties[end].isdisjoint(senders[pk] - {""})}


def _ends(pks: set[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Where everything of these conversations is by now, and the contacts of those conversations."""
    steps: dict[int, tuple[int | None, int]] = {}
    wanted = pks
    for _ in range(LONGEST_CHAIN):
        if not wanted:
            break
        rows = Conversation.objects.filter(pk__in=wanted).values_list("pk", "merged_into", "contact")
        steps |= {pk: (into, contact) for pk, into, contact in rows}
        wanted = {into for into, _ in steps.values() if into is not None} - steps.keys()
    ends: dict[int, int] = {}
    for pk in pks & steps.keys():
        end = pk
        while (into := steps[end][0]) is not None and into in steps:
            end = into
        ends[pk] = end
    return ends, {end: steps[end][1] for end in ends.values()}


def together(pks: Sequence[int]) -> list[Conversation]:
    """These conversations in this order; for one that was merged, the one where everything of it is."""
    rows = Conversation.objects.select_related("queue", "contact")
    known: dict[int, Conversation] = {}
    wanted = set(pks)
    for _ in range(LONGEST_CHAIN):
        locked = {pk: row for pk in wanted if (row := ahead.locked(pk)) is not None}
        wanted -= locked.keys()
        read = rows.in_bulk(wanted) if wanted else {}
        known |= locked | read
        wanted = {row.merged_into_id for row in read.values() if row.merged_into_id} - known.keys()
        if not wanted:
            break
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
    known = ahead.parties(conversation.pk)
    if known is not None:
        return known
    flush(f"conversation {conversation.pk}")
    return _parties({conversation.pk: conversation.contact_id})[conversation.pk]


def _parties(contacts: dict[int, int]) -> dict[int, set[str]]:
    """The parties of several conversations, given with their contacts."""
    found: dict[int, set[str]] = {pk: set() for pk in contacts}
    if not found:
        return found
    merged = Conversation.objects.filter(merged_into__in=contacts).values_list("merged_into", "contact")
    of_contact = defaultdict[int, set[int]](set)
    for pk, contact in [*contacts.items(), *merged]:
        of_contact[contact].add(pk or 0)
    rows = ContactAddress.objects.filter(contact__in=of_contact).values_list("contact", "email")
    for contact, email in rows:
        for pk in of_contact[contact]:
            found[pk] |= ahead.addresses([email])
    # A machine's mail may join on a signed id alone, so whoever it names takes no part yet.
    trusted = Message.objects.filter(
        Q(direction=Message.Direction.OUT) | Q(automatic=Automatic.NO), conversation__in=contacts
    )
    for pk, sender, *groups in trusted.values_list("conversation", "from_email", "to", "cc", "reply_to"):
        found[pk] |= ahead.addresses([sender], *groups)
    return found
