"""The board as people read it: formatted once per row, so that the templates only place it.

Pure: what `reports.board` has read and the time in, text out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _

from queues.happenings import sentence_of
from queues.models import Conversation, Event
from queues.presentation import NO_SUBJECT, Due, Person, age, due, person, time_left
from queues.sayings import told
from queues.today import Figures
from reports.board import AgentNow, QueueNow


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time and how long ago it was."""

    iso: str
    age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A line of the table of queues."""

    pk: int
    name: str
    mode: str
    waiting: int
    assigned: int
    late: int
    late_words: str
    oldest: Moment | None
    next_due: Due | None
    here: str
    nobody: bool
    answered: int
    in_time: str
    in_time_level: str
    gaps: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRow:
    """A conversation that an agent has open."""

    pk: int
    number: int
    subject: str
    queue: str
    due: Due | None
    since: Moment | None
    accept_iso: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """A line of the table of agents."""

    pk: int
    who: Person
    presence: str
    presence_label: str
    reason: str
    since: Moment | None
    open: int
    capacity: int
    is_full: bool
    late: int
    more: int
    work: Sequence[WorkRow]
    answered: int
    in_time: str
    last: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """Who got which conversation, and why."""

    pk: int
    conversation: int
    number: int
    subject: str
    queue: str
    kind: str
    label: str
    sentence: str
    has_numbers: bool
    when: Moment


LABELS = {"offered": _("given"), "taken": _("taken"), "assigned": _("assigned")}
GOOD, FAIR = 0.95, 0.8


def moment(at: datetime | None, now: datetime) -> Moment | None:
    """None stays None."""
    if at is None:
        return None
    return Moment(iso=at.isoformat(timespec="seconds"), age=age(at, now))


def percent(share: float | None) -> str:
    """Rounded down, so that 100 % means all."""
    return "–" if share is None else f"{int(share * 100)} %"


def level(share: float | None) -> str:
    """How a share of answers in time is coloured."""
    if share is None:
        return ""
    return "good" if share >= GOOD else "amber" if share >= FAIR else "red"


def queue_row(row: QueueNow, gaps: Sequence[str], now: datetime) -> QueueRow:
    """Format a queue."""
    here = gettext("%(available)s of %(members)s") % {"available": row.available, "members": row.members}
    return QueueRow(
        pk=row.queue.pk,
        name=row.queue.name,
        mode=row.queue.mode,
        waiting=row.waiting,
        assigned=row.assigned,
        late=row.late,
        late_words=ngettext("%(late)s late", "%(late)s late", row.late) % {"late": row.late},
        oldest=moment(row.oldest_at, now),
        next_due=_due(row.next_due_at, now),
        here=here,
        nobody=bool(row.waiting) and not row.available,
        answered=row.today.answered,
        in_time=percent(row.today.in_time_share),
        in_time_level=level(row.today.in_time_share),
        gaps=gaps,
    )


def _due(at: datetime | None, now: datetime) -> Due | None:
    if at is None:
        return None
    left = (at - now).total_seconds()
    return Due("amber" if left < 3600 else "calm", time_left(left), at.isoformat(timespec="seconds"))


def agent_row(row: AgentNow, now: datetime) -> AgentRow:
    """Format an agent with the first of what they have open."""
    agent, today = row.agent, row.today
    return AgentRow(
        pk=agent.pk,
        who=person(str(agent)),
        presence=agent.presence,
        presence_label=told(agent.get_presence_display()),
        reason=told(agent.away_reason) if agent.presence == "away" else "",
        since=moment(agent.presence_at, now),
        open=row.open,
        capacity=agent.capacity,
        is_full=row.open >= agent.capacity,
        late=row.late,
        more=row.open - len(row.shown),
        work=[work_row(each, now) for each in row.shown],
        answered=today.answered,
        in_time=percent(today.in_time_share),
        last=moment(_latest(agent.seen_at, today), now),
    )


def _latest(seen_at: datetime | None, today: Figures) -> datetime | None:
    return max(filter(None, (seen_at, today.last_at)), default=None)


def work_row(row: Conversation, now: datetime) -> WorkRow:
    """Format a conversation that an agent has open."""
    return WorkRow(
        pk=row.pk,
        number=row.number,
        subject=row.subject or str(NO_SUBJECT),
        queue=row.queue.name,
        due=due(row, now),
        since=moment(row.assigned_at, now),
        accept_iso=row.accept_by.isoformat(timespec="seconds") if row.accept_by else "",
    )


def decision_row(event: Event, now: datetime) -> DecisionRow:
    """Format who got what, and why."""
    row = event.conversation
    when = moment(event.at, now)
    assert when is not None
    return DecisionRow(
        pk=event.pk,
        conversation=row.pk,
        number=row.number,
        subject=row.subject or str(NO_SUBJECT),
        queue=row.queue.name,
        kind=event.kind,
        label=gettext(LABELS[event.kind]),
        sentence=sentence_of(event),
        has_numbers="rule" in event.data,
        when=when,
    )
