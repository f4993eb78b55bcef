"""What waits and nobody on duty can do: found by the sweep, shown on the board, told as an alarm."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.utils import timezone

from agents.models import Agent
from queues import hours
from queues.abilities import Candidate, Demand, Team, lacks, teams
from queues.models import AgentKind, Conversation, Kind

State = Conversation.State


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A kind of which something waits and that nobody on duty can do."""

    kind: Kind
    waiting: int
    oldest: datetime | None


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
    # As scalars, so that each kind is looked up at its own place: joined, all that waits would be read; and
    # in the order of its line, else the newest of all are read until there is one of this kind.
    waits = waits.order_by("target", "due_tick", "pk")
    known = Kind.objects.alias(first=Subquery(waits.values("pk")[:1]), one=Subquery(there.values("pk")[:1]))
    return known.filter(first__isnull=False, one__isnull=True)


def uncovered(queue_ids: Iterable[int] | None = None) -> list[Uncovered]:
    """What nobody on duty can do at this moment, in two queries whatever waits.

    :param queue_ids: of these queues; None for all.
    """
    rows = _open_kinds()
    if queue_ids is not None:
        rows = rows.filter(queue__in=list(queue_ids))
    kinds = list(rows.select_related("queue__calendar").order_by("gap_since", "pk"))
    waiting = Conversation.objects.filter(kind__in=kinds, state=State.WAITING, reserved_for=None)
    counts = waiting.order_by().values_list("kind")
    numbers = {
        pk: (count, oldest)
        for pk, count, oldest in counts.annotate(count=Count("pk"), oldest=Min("waiting_since"))
    }
    return [Uncovered(kind, *numbers[kind.pk]) for kind in kinds if kind.pk in numbers]  # else just taken


def current(queue_ids: Iterable[int] | None = None, now: datetime | None = None) -> list[Gap]:
    """Those that a sweep has found already, longest first, with what is missing; a few queries more."""
    rows = [each for each in uncovered(queue_ids) if each.kind.gap_since is not None]
    found = teams({each.kind.queue_id for each in rows}) if rows else {}
    moment = now or timezone.now()
    return [_gap(each, found[each.kind.queue_id], moment) for each in rows]


def _gap(row: Uncovered, team: Team, now: datetime) -> Gap:
    kind = row.kind
    there = [member for member in team.members if member.is_on_duty]
    return Gap(
        kind_id=kind.pk,
        queue_id=kind.queue_id,
        queue=team.name,
        words=kind.words,
        wanted=kind.wanted,
        missing=missing(kind, there),
        since=kind.gap_since or now,
        waiting=row.waiting,
        oldest=row.oldest,
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
