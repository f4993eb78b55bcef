"""What agents are told about a conversation: kept for the bell of their desks, and mailed by `notices_mail`.

told ──opened the conversation, or said "seen"──▶ seen
  └──not seen, and an address is there──▶ mailed
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from agents.models import Agent
from queues import inbox, live
from queues.models import Conversation, Notice

Kind = Notice.Kind
KEPT = timedelta(days=30)
SHOWN = 30
MOST_COUNTED = 100
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """What a bell shows, the newest first, and the ids of all that are still to be looked at."""

    notices: list[Notice]
    unseen: frozenset[int]

    @property
    def count(self) -> int:
        """How many are still to be looked at; 100 stands for more."""
        return len(self.unseen)


def tell(
    people: Iterable[Agent],
    kind: Kind,
    conversation: Conversation,
    data: Mapping[str, Any] | None = None,
    *,
    by: Agent | None = None,
) -> None:
    """Write it down for each of them, and let their desks ring once the transaction is committed.

    :param people: who may see the conversation; who may not any more is not shown it.
    :param data: what `notices_worded` needs to word it, such as `{"what": "closed"}`.
    :param by: who did it, and isn't told of that.
    """
    now = timezone.now()
    told = [each for each in people if by is None or each.pk != by.pk]
    rows = [
        Notice(agent=each, kind=kind, conversation=conversation, data=dict(data or {}), by=by, at=now)
        for each in told
    ]
    Notice.objects.bulk_create(rows)
    live.told(conversation.queue_id, [each.pk for each in told])


def of(agent: Agent) -> Told:
    """What the agent was told lately and may still see."""
    rows = _visible(agent).filter(at__gt=timezone.now() - KEPT)
    shown = list(rows.select_related("conversation__queue", "by__user")[:SHOWN])
    # Asked after the lines: what comes between the two would be a line that looks seen, and never ring.
    new = frozenset(rows.filter(unseen()).values_list("pk", flat=True)[:MOST_COUNTED])
    return Told(shown, new)


def unseen() -> Q:
    """Not looked at, and not over: a step is over as soon as its turn of ours is."""
    on_turn = Q(conversation__due_at__isnull=False, conversation__waiting_since__lte=F("at"))
    return Q(seen_at=None) & (~Q(kind=Kind.STEP) | on_turn)


def see(agent: Agent, conversation: Conversation) -> None:
    """The agent has opened the conversation, and with it whatever was merged into it."""
    merged = Q(conversation__merged_into=conversation)
    merged |= Q(conversation__merged_into__merged_into=conversation)
    _see(agent, agent.notices.filter(Q(conversation=conversation) | merged), conversation.queue_id)


def see_one(agent: Agent, pk: int) -> None:
    """The agent has read this one."""
    row = agent.notices.filter(pk=pk).select_related("conversation").first()
    if row is not None:
        _see(agent, agent.notices.filter(pk=pk), row.conversation.queue_id)


def see_all(agent: Agent) -> None:
    """The agent has read whatever there is."""
    newest = agent.notices.select_related("conversation").first()
    if newest is not None:
        _see(agent, agent.notices.all(), newest.conversation.queue_id)


def _see(agent: Agent, rows: QuerySet[Notice], queue_id: int) -> None:
    found = list(rows.filter(seen_at=None).values_list("pk", flat=True))
    if found and Notice.objects.filter(pk__in=found, seen_at=None).update(seen_at=timezone.now()):
        live.told(queue_id, [agent.pk])  # the bells of the agent's other pages


def _visible(agent: Agent) -> QuerySet[Notice]:
    return agent.notices.filter(conversation__queue__in=inbox.queues_for(agent.user))


def forget(now: datetime | None = None) -> int:
    """Delete what is too old for any bell; return how many."""
    old = Notice.objects.filter(at__lt=(now or timezone.now()) - KEPT).order_by("pk")
    deleted, _ = Notice.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:BATCH])).delete()
    return deleted
