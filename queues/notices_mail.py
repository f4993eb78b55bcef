"""Notices by mail, to agents who have an address and haven't seen them at their desk.

Mails are gathered: nobody gets more than one in ten minutes, whatever happens. A step of escalation is mailed
at once, everything else when it was not seen for as long; not that a customer wrote in what is their own.
"""

import logging
from collections import defaultdict
from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.models import Agent
from mailcore.compose import Draft, compose
from mailcore.parsed import Address
from mailcore.writing import ComposeError
from mailsenders import outbox
from mailsenders.models import EmailSender
from queues import inbox, notices
from queues.models import Notice
from queues.notices_worded import worded

logger = logging.getLogger(__name__)

PAUSE = timedelta(minutes=10)
FORGOTTEN = timedelta(days=1)
MOST_TOLD = 30
BATCH = 500


@transaction.atomic
def mail_due(now: datetime | None = None) -> int:
    """Mail what was told and not yet mailed; return the number of mails."""
    now = now or timezone.now()
    ripe = Q(kind=Notice.Kind.STEP) | Q(at__lte=now - PAUSE)
    rows = Notice.objects.filter(notices.unseen(), ripe, mailed_at=None, at__gt=now - FORGOTTEN)
    rows = rows.exclude(data__contains={"mine": True})  # it stands among their work, with its due time
    rows = rows.exclude(agent__user__email="").exclude(agent__in=_mailed_lately(now))
    # what no sender can mail waits a day for another notice that one can, and must not fill the batch
    rows = rows.order_by(F("conversation__queue__sender__is_active").desc(nulls_last=True), "pk")
    locked = list(rows.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)[:BATCH])
    told: dict[Agent, list[Notice]] = defaultdict(list)
    people = Notice.objects.filter(pk__in=locked).order_by("pk")
    for notice in people.select_related("agent__user", "by__user", "conversation__queue__sender"):
        told[notice.agent].append(notice)
    done = [agent for agent, found in told.items() if _mail(agent, found, now)]
    Notice.objects.filter(pk__in=locked, agent__in=done).update(mailed_at=now)
    return len(done)


def _mailed_lately(now: datetime) -> list[int]:
    rows = Notice.objects.filter(mailed_at__gt=now - PAUSE).order_by()
    return list(rows.values_list("agent", flat=True).distinct())


def _mail(agent: Agent, found: list[Notice], now: datetime) -> bool:
    """Whether the notices are dealt with; what the agent may see no longer is, without a mail."""
    allowed = set(inbox.queues_for(agent.user).values_list("pk", flat=True))
    found = [notice for notice in found if notice.conversation.queue_id in allowed]
    if not found:
        return True
    senders = (notice.conversation.queue.sender for notice in found)
    sender = next((each for each in senders if each is not None and each.is_active), None)
    if sender is None:
        return False
    try:
        with translation.override(agent.interface or settings.LANGUAGE_CODE):
            outbox.enqueue(_envelope(agent, found, sender, now))
    except (ComposeError, outbox.EnvelopeError) as error:
        logger.warning("agent %s can't be told by mail: %s", agent.pk, error)
        return False
    return True


def _envelope(agent: Agent, found: list[Notice], sender: EmailSender, now: datetime) -> outbox.Envelope:
    recipient = agent.user.email
    message_id = f"notice.{uuid4().hex}@{sender.email_address.rpartition('@')[2]}"
    draft = Draft(
        from_=Address("UCS Email", sender.email_address), to=(Address(str(agent), recipient),),
        subject=_subject(found, now), text=_text(found, now), date=now, message_id=message_id, automatic=True,
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


def _subject(found: list[Notice], now: datetime) -> str:
    about = len({notice.conversation_id for notice in found})
    if len(found) == 1:
        return worded(found[0], now)
    return ngettext("%(count)d conversation needs you", "%(count)d conversations need you", about) % {
        "count": about
    }


def _text(found: list[Notice], now: datetime) -> str:
    lines: list[str] = []
    for notice in found[:MOST_TOLD]:
        lines += [
            f"{worded(notice, now)}.",
            f"{settings.BASE_URL}/conversations/{notice.conversation_id}/",
            "",
        ]
    rest = len(found) - MOST_TOLD
    return "\n".join([*lines, *([_("And %(count)d more.") % {"count": rest}] if rest > 0 else [])])
