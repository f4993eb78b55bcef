"""Brakes on what runs by itself, for the day when two machines answer each other or one writes without end.

    any new conversation of a contact who is blocked ─────▶ held until a person has looked
    20 new conversations of one contact within two hours ─▶ the next ones are held, too
    one acknowledgement to a contact from a queue in a day
    20 in an hour to the addresses of one domain ─────────▶ no more there (not for free mail: see the queue's)
    a queue's limit in an hour ───────────────────────────▶ no more from it, and an alarm

All of it is counted in the rows themselves: if they can't be asked, the mail isn't delivered yet, and nothing
is sent. What decides are the pure functions at the end.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from crm.models import Contact
from mailcore.freemail import FREE_MAIL
from mailcore.parsed import Automatic
from queues.models import Conversation, EmailQueue, Message

NEW_WITHIN = timedelta(hours=2)
MOST_NEW = 20
ONE_ACKNOWLEDGEMENT_IN = timedelta(hours=24)
COUNTED = timedelta(hours=1)
MOST_TO_DOMAIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How many acknowledgements went out in the last hour: to a domain, and from a queue with its limit."""

    domain: str
    to_domain: int
    queue: str
    of_queue: int
    limit: int


def too_many(contact: Contact, now: datetime) -> str:
    """Why a new conversation of the contact is to be held, "" if it isn't.

    :param now: when the mail came; what came in the two hours before it counts.
    """
    if contact.standing == Contact.Standing.BLOCKED:
        return "The contact is blocked. It is held until somebody lets it go."
    rows = Conversation.objects.filter(
        contact=contact,
        last_message_at__gt=now - NEW_WITHIN,
        created_at__gt=now - NEW_WITHIN,
        created_at__lte=now,  # a first import brings old mail after newer one
    )
    return judge_new(rows[: MOST_NEW + 1].count())


def is_acknowledged(conversation: Conversation, now: datetime) -> bool:
    """Whether the contact has got an acknowledgement from the queue lately.

    The contact is locked until the end of the transaction: two mails at once would each be acknowledged.
    """
    Contact.objects.select_for_update(no_key=True).get(pk=conversation.contact_id)
    rows = acknowledgements(now - ONE_ACKNOWLEDGEMENT_IN)
    return rows.filter(
        conversation__contact=conversation.contact_id, conversation__queue=conversation.queue_id
    ).exists()


def storm(queue: EmailQueue, email: str, now: datetime) -> str:
    """Why the queue sends no acknowledgement to this address now, "" if it does."""
    domain = email.rpartition("@")[2].lower()
    lately = acknowledgements(now - COUNTED)
    to_domain = lately.filter(outgoing__recipients__email__iendswith=f"@{domain}")
    traffic = Traffic(
        domain=domain,
        to_domain=to_domain[: MOST_TO_DOMAIN + 1].count(),
        queue=queue.name,
        of_queue=lately.filter(conversation__queue=queue).count(),
        limit=queue.acknowledgement_limit,
    )
    return judge_acknowledgement(traffic)


def counted(queues: QuerySet[EmailQueue], now: datetime) -> QuerySet[EmailQueue]:
    """The queues, each with `acknowledged_count`, of the last hour, and `held_count`."""
    sent = acknowledgements(now - COUNTED).filter(conversation__queue=OuterRef("pk"))
    held = Conversation.objects.filter(queue=OuterRef("pk"), state=Conversation.State.HELD)
    return queues.annotate(
        acknowledged_count=_count(sent, "conversation__queue"), held_count=_count(held, "queue")
    )


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values(by).annotate(n=Count("pk")).values("n")), 0)


def alarms(now: datetime) -> dict[int, list[str]]:
    """What a person should look at, by queue, a sentence each."""
    rows = counted(EmailQueue.objects.all(), now)
    return {row.pk: found for row in rows if (found := alarms_of(row))}


def alarms_of(queue: Any) -> list[str]:
    """What a person should look at in one of the `counted` queues, a sentence each."""
    return judge_queue(queue, queue.acknowledged_count, queue.held_count)


def acknowledgements(since: datetime) -> QuerySet[Message]:
    """What we have answered by ourselves since then; what a rule passed on to others is none of it."""
    return Message.objects.filter(
        direction=Message.Direction.OUT,
        automatic=Automatic.AUTO_REPLY,
        is_outside=False,
        created_at__gt=since,
    )


def judge_new(count: int) -> str:
    """Why one conversation more is too many, after so many; "" if it isn't."""
    if count < MOST_NEW:
        return ""
    return (
        f"More than {MOST_NEW} new conversations of this sender in two hours: perhaps a machine. It is held "
        "until somebody lets it go."
    )


def judge_acknowledgement(traffic: Traffic) -> str:
    """Why one acknowledgement more is too many; "" if it isn't."""
    if traffic.of_queue >= traffic.limit:
        return f"“{traffic.queue}” has sent {traffic.of_queue:,} acknowledgements in an hour: its limit."
    if traffic.to_domain >= MOST_TO_DOMAIN and traffic.domain not in FREE_MAIL:
        return f"{MOST_TO_DOMAIN} acknowledgements went to {traffic.domain} in an hour: perhaps to a machine."
    return ""


def judge_queue(queue: EmailQueue, sent: int, held: int) -> list[str]:
    """What is wrong with a queue that has sent so many acknowledgements in an hour and holds so many."""
    found = []
    if sent and sent >= queue.acknowledgement_limit:
        found.append(
            f"It has sent {sent:,} acknowledgements in an hour, its limit, and sends none now: look whether "
            "a machine answers them, or raise the limit."
        )
    if held:
        count = "1 conversation is" if held == 1 else f"{held:,} conversations are"
        found.append(f"{count} held, as one sender wrote too much: let go or close at the desk.")
    return found
