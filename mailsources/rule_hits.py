"""How often rules held lately, and when last."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Max, OuterRef, Q
from django.utils import timezone

from mailsources.rule_models import RuleHit

DAYS = 30
KEPT = timedelta(days=100)
AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Hits:
    """Of one rule: in the last 30 days, and the last one of all."""

    count: int = 0
    last_at: datetime | None = None


def of_list(list_id: int) -> dict[int, Hits]:
    """By the ids of a list's rules; rules that never held are left out."""
    since = timezone.now() - timedelta(days=DAYS)
    rows = RuleHit.objects.filter(rule__list=list_id).values("rule").order_by()
    counted = rows.annotate(count=Count("pk", filter=Q(at__gt=since)), last=Max("at"))
    return {row["rule"]: Hits(row["count"], row["last"]) for row in counted}


def forget_old() -> int:
    """Delete what is older than 100 days, but for the last hit of each rule; how many."""
    later = RuleHit.objects.filter(rule=OuterRef("rule"), at__gt=OuterRef("at"))
    rows = RuleHit.objects.filter(Exists(later), at__lt=timezone.now() - KEPT)
    pks = list(rows.order_by("at").values_list("pk", flat=True)[:AT_ONCE])
    return RuleHit.objects.filter(pk__in=pks).delete()[0] if pks else 0
