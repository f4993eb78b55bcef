"""How promises are kept: numbers for reports, the board and alarms."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q
from django.utils import timezone

from queues.models import Conversation, EmailQueue, Turn

OPEN = (Conversation.State.WAITING, Conversation.State.ASSIGNED, Conversation.State.SNOOZED)


@dataclass(frozen=True, slots=True)
class Attainment:
    """Answers of a time: in time and not, and what is late and still open, which counts as not in time."""

    in_time: int = 0
    late: int = 0
    open_late: int = 0

    @property
    def share(self) -> float | None:
        """Part of the promises that were kept, 0 to 1; None when there were none."""
        total = self.in_time + self.late + self.open_late
        return self.in_time / total if total else None

    @property
    def words(self) -> str:
        """Such as "97 %"; "–" when nothing was promised."""
        return "–" if self.share is None else f"{self.share:.0%}".replace("%", " %")


def attainment(queue: EmailQueue, since: datetime, until: datetime | None = None) -> Attainment:
    """How a queue kept its promises of an answer since then."""
    return attainments([queue.pk], since, until).get(queue.pk, Attainment())


def attainments(
    queue_ids: Iterable[int],
    since: datetime,
    until: datetime | None = None,
    kinds: Iterable[str] = (Turn.Kind.FIRST, Turn.Kind.NEXT),
) -> dict[int, Attainment]:
    """The same for several queues, in two queries.

    :param kinds: of turns; of what is not settled yet nothing counts as open and late.
    """
    ids, now = list(queue_ids), timezone.now()
    rows = Turn.objects.filter(queue__in=ids, ended_at__gte=since, kind__in=list(kinds), is_answered=True)
    rows = rows.filter(ended_at__lt=until) if until else rows
    kept = (
        rows.order_by()
        .values_list("queue")
        .annotate(kept=Count("pk", filter=Q(ended_at__lte=F("due_at"))), all=Count("pk"))
    )
    open_late = late_counts(ids) if until is None or until > now else {}
    found = {queue_id: Attainment(kept, total - kept) for queue_id, kept, total in kept}
    return {
        queue_id: Attainment(one.in_time, one.late, open_late.get(queue_id, 0))
        for queue_id in {*found, *open_late}
        for one in [found.get(queue_id, Attainment())]
    }


def late_counts(queue_ids: Iterable[int] | None = None) -> dict[int, int]:
    """How many conversations of each queue are late now; one query over an index of what is open."""
    rows = Conversation.objects.filter(state__in=OPEN, due_at__lt=timezone.now())
    if queue_ids is not None:
        rows = rows.filter(queue__in=list(queue_ids))
    return dict(rows.order_by().values_list("queue").annotate(Count("pk")))
