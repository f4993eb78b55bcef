"""What waits and nobody on duty can do: found by the sweep, shown on the board, told as an alarm."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, Min, OuterRef, QuerySet
from django.utils import timezone

from agents.models import Agent
from queues import hours
from queues.abilities import Candidate, Demand, Team, lacks, teams
from queues.models import AgentKind, Conversation, Kind

State = Conversation.State


@dataclass(frozen=True, slots=True)
class Gap:
    """A kind that nobody on duty can do.

    :ivar missing: which skills or languages nobody on duty has, such as ("cs ≥ 3",); empty when somebody has
        each, but nobody all of them.
    """

    kind_id: int
    queue_id: int
    queue: str
    words: str
    wanted: tuple[str, ...]
    missing: tuple[str, ...]
    since: datetime
    waiting: int
    oldest: datetime | None
    is_open: bool

    @property
    def sentence(self) -> str:
        """Such as "Nobody on duty has cs ≥ 3: 4 conversations of Support wait"."""
        wait = "1 conversation waits" if self.waiting == 1 else f"{self.waiting:,} conversations wait"
        return f"{self.who}: {wait} in {self.queue}"

    @property
    def who(self) -> str:
        """What nobody has."""
        if self.missing:
            return f"Nobody on duty has {', '.join(self.missing)}"
        return (
            f"Nobody on duty has {' together with '.join(self.wanted)}"
            if self.wanted
            else "Nobody is on duty"
        )


def note(now: datetime | None = None) -> int:
    """Write down since when each gap is there; return how many there are now. The sweep does it."""
    gone = Kind.objects.filter(gap_since__isnull=False).exclude(pk__in=_open_kinds().values("pk"))
    gone.update(gap_since=None)
    fresh = _open_kinds().filter(gap_since=None)
    Kind.objects.filter(pk__in=list(fresh.values_list("pk", flat=True))).update(
        gap_since=now or timezone.now()
    )
    return Kind.objects.filter(gap_since__isnull=False).count()


def _open_kinds() -> QuerySet[Kind]:
    """Kinds of which something waits and that nobody on duty can do."""
    waits = Conversation.objects.filter(kind=OuterRef("pk"), state=State.WAITING, reserved_for=None)
    able = AgentKind.objects.filter(kind=OuterRef("pk"), eased=False, agent__user__is_active=True)
    there = able.exclude(agent__presence=Agent.Presence.OFFLINE)
    return Kind.objects.filter(Exists(waits)).exclude(Exists(there))


def current(queue_ids: Iterable[int] | None = None, now: datetime | None = None) -> list[Gap]:
    """The gaps that the last sweep found, longest first; a few queries, whatever waits.

    :param queue_ids: of these queues; None for all.
    """
    rows = Kind.objects.filter(gap_since__isnull=False).select_related("queue__calendar")
    if queue_ids is not None:
        rows = rows.filter(queue__in=list(queue_ids))
    kinds = list(rows.order_by("gap_since", "pk"))
    if not kinds:
        return []
    waiting = Conversation.objects.filter(kind__in=kinds, state=State.WAITING).order_by().values_list("kind")
    numbers = {
        pk: (count, oldest)
        for pk, count, oldest in waiting.annotate(count=Count("pk"), oldest=Min("waiting_since"))
    }
    found = teams({kind.queue_id for kind in kinds})
    moment = now or timezone.now()
    return [
        _gap(kind, found[kind.queue_id], *numbers[kind.pk], now=moment)
        for kind in kinds
        if kind.pk in numbers
    ]


def _gap(kind: Kind, team: Team, count: int, oldest: datetime | None, *, now: datetime) -> Gap:
    there = [member for member in team.members if member.is_on_duty]
    return Gap(
        kind_id=kind.pk,
        queue_id=kind.queue_id,
        queue=team.name,
        words=kind.words,
        wanted=kind.wanted,
        missing=missing(kind, there),
        since=kind.gap_since or now,
        waiting=count,
        oldest=oldest,
        is_open=hours.of(kind.queue).is_open(now),
    )


def missing(kind: Kind, there: Iterable[Candidate]) -> tuple[str, ...]:
    """What a kind demands that none of these has, each for itself."""
    parts = [Demand(((name, level),)) for name, level in kind.demands]
    if kind.language:
        parts.append(Demand((), kind.language, kind.language_level))
    names = kind.wanted
    people = list(there)
    return tuple(
        name for name, part in zip(names, parts, strict=True) if all(lacks(each, part) for each in people)
    )
