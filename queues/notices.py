"""What agents are told about a conversation: kept for the desk, and by mail to who has an address.

Mails are gathered: nobody gets more than one in ten minutes, whatever happens.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from mailcore.compose import Draft, compose
from mailcore.parsed import Address
from mailcore.writing import ComposeError
from mailsenders import outbox
from mailsenders.models import EmailSender
from queues.models import Conversation, Notice

logger = logging.getLogger(__name__)

PAUSE = timedelta(minutes=10)
FORGOTTEN = timedelta(days=1)
MOST_TOLD = 30
BATCH = 500


def tell(people: Iterable[Agent], conversation: Conversation, sentence: str, now: datetime) -> None:
    """Write it down for each of them."""
    Notice.objects.bulk_create(
        [Notice(agent=each, conversation=conversation, sentence=sentence, at=now) for each in people]
    )


def unseen(agent: Agent, limit: int = MOST_TOLD) -> list[Notice]:
    """What the agent has not looked at, the newest first."""
    rows = agent.notices.filter(seen_at=None, at__gt=timezone.now() - FORGOTTEN)
    return list(rows.select_related("conversation")[:limit])


def see(agent: Agent, conversation: Conversation) -> None:
    """The agent has opened the conversation."""
    agent.notices.filter(conversation=conversation, seen_at=None).update(seen_at=timezone.now())


@transaction.atomic
def mail_due(now: datetime | None = None) -> int:
    """Mail what was told and not yet mailed; return the number of mails."""
    now = now or timezone.now()
    rows = Notice.objects.filter(mailed_at=None, at__gt=now - FORGOTTEN).exclude(agent__user__email="")
    rows = rows.exclude(agent__in=_mailed_lately(now)).order_by("pk")
    locked = list(rows.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)[:BATCH])
    told: dict[Agent, list[Notice]] = defaultdict(list)
    people = Notice.objects.filter(pk__in=locked).order_by("pk")
    for notice in people.select_related("agent__user", "conversation__queue__sender"):
        told[notice.agent].append(notice)
    done = [agent for agent, found in told.items() if _mail(agent, found, now)]
    Notice.objects.filter(pk__in=locked, agent__in=done).update(mailed_at=now)
    return len(done)


def _mailed_lately(now: datetime) -> list[int]:
    rows = Notice.objects.filter(mailed_at__gt=now - PAUSE).order_by()
    return list(rows.values_list("agent", flat=True).distinct())


def _mail(agent: Agent, found: list[Notice], now: datetime) -> bool:
    senders = (notice.conversation.queue.sender for notice in found)
    sender = next((each for each in senders if each is not None and each.is_active), None)
    if sender is None:
        return False
    try:
        outbox.enqueue(_envelope(agent, found, sender, now))
    except (ComposeError, outbox.EnvelopeError) as error:
        logger.warning("agent %s can't be told by mail: %s", agent.pk, error)
        return False
    return True


def _envelope(agent: Agent, found: list[Notice], sender: EmailSender, now: datetime) -> outbox.Envelope:
    recipient = agent.user.email
    message_id = f"notice.{uuid4().hex}@{sender.email_address.rpartition('@')[2]}"
    plural = f"{len(found)} conversations need care" if len(found) > 1 else found[0].sentence.rstrip(".")
    draft = Draft(
        from_=Address("UCS Email", sender.email_address), to=(Address(str(agent), recipient),),
        subject=plural, text=_text(found), date=now, message_id=message_id, automatic=True,
    )  # fmt: skip
    return outbox.Envelope(
        sender,
        compose(draft),
        message_id,
        mail_from="",
        recipients=(recipient,),
        order_key=-1 - uuid4().int % 2**62,  # below zero, as alarms: none waits for another
        is_automatic=True,
    )


def _text(found: list[Notice]) -> str:
    lines: list[str] = []
    for notice in found[:MOST_TOLD]:
        lines += [notice.sentence, f"{settings.BASE_URL}/conversations/{notice.conversation_id}/", ""]
    rest = len(found) - MOST_TOLD
    return "\n".join([*lines, *([f"And {rest} more."] if rest > 0 else [])])
