"""The last days of the installation as an office that can be played again.

Read in one stream each: conversations, mails, events, all in the order of the conversation. The number of
queries depends on nothing, and what is kept of a conversation is a few numbers.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from agents import shifts
from agents.models import Agent
from queues import hours, policy, steps
from queues.history import ASSIGNMENTS, Kind
from queues.models import Conversation, ConversationSkill, EmailQueue, Event, Message
from reports.whatif_streams import grouped, merged
from reports.whatif_turns import Act, Turn, What, Works, handled, presence, turns_of
from simulation.clock import Clock
from simulation.office import Case, Desk, Office, Relief
from simulation.people import Person, Shift

CHUNK = 2_000
AHEAD = timedelta(days=90)
"""Opening hours are known so far beyond the end, as what came last is due then."""
WARM_UP = 1440.0
"""Minutes at the beginning that are not judged, as the run begins with an empty office."""
LEAST_MAILS = 50
OWN_QUEUES = "Choose all queues whose members work for one another: mail of others is not seen here."


class TooLittle(Exception):
    """There is not enough history to say anything; the text says how much there is."""


@dataclass(frozen=True, slots=True)
class Really:
    """How it went: answers in time in percent, and open minutes until somebody began."""

    mails: int
    in_time: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class History:
    """An office, how it really went, and what has to be known about how it was read."""

    office: Office
    start: datetime
    really: Really | None
    notes: tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """What is gathered on the way."""

    start: datetime
    until: datetime
    desks: dict[int, Desk]
    people: dict[int, Person]
    ends: dict[int, "array[float]"] = field(default_factory=dict)
    acts: dict[int, "array[float]"] = field(default_factory=dict)
    works: Works = field(default_factory=Works)
    counts: Counter[str] = field(default_factory=Counter)
    skills: dict[int, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    factors: dict[tuple[int, int], float] = field(default_factory=dict)

    def minute(self, at: datetime) -> float:
        """Minutes of the run."""
        return (at - self.start).total_seconds() / 60

    @property
    def end(self) -> float:
        """The last minute."""
        return self.minute(self.until)


@dataclass(frozen=True, slots=True)
class Past:
    """A conversation with its turns."""

    row: dict[str, Any]
    desk: Desk
    turns: list[Turn]
    minutes: list[float | None]
    opened: bool
    last: int | None


def read(queues: QuerySet[EmailQueue], days: int, until: datetime) -> History:
    """Read what these queues got in the days before a moment, and who was there.

    :raises TooLittle: fewer than fifty mails came.
    """
    start = (until - timedelta(days=days)).replace(second=0, microsecond=0)
    rows = list(queues.order_by("pk").select_related("calendar").prefetch_related("skill_demands__skill"))
    reading = Reading(start, until, {row.pk: desk(row, start, until) for row in rows}, {})
    reading.people = {person.id: person for person in people(rows)}
    reading.factors = {
        (row.pk, each.value): row.percent(each) / 100 for row in rows for each in Conversation.Priority
    }
    _ends(reading)
    _skills(reading)
    past = list(_past(reading))
    mails = sum(len(one.turns) for one in past)
    if mails < LEAST_MAILS:
        raise TooLittle(
            f"In the last {days} days {mails} mails came to {_names(rows)}; with fewer than {LEAST_MAILS} "
            "chance says more than the rule. Choose more days or queues, or look at the example."
        )
    staff = _staff(reading)
    cases = sorted((_case(reading, one) for one in past), key=lambda case: (case.arrived, case.number))
    since = min(WARM_UP, reading.end / 5)
    office = Office(staff, {each.name: each for each in reading.desks.values()}, cases, reading.end, since)
    really = _really(reading, past, since)
    return History(office, start, really, tuple(_notes(reading, mails)))


def desk(queue: EmailQueue, start: datetime, until: datetime) -> Desk:
    """A queue as it is set now."""

    def minute(at: datetime) -> float:
        return (at - start).total_seconds() / 60

    spans = hours.of(queue).between(start - timedelta(days=7), until + AHEAD)
    return Desk(
        queue.name,
        Clock([(minute(opens), minute(closes)) for opens, closes in spans]),
        queue.first_response,
        queue.next_response,
        tuple(sorted((row.skill.name, row.level) for row in queue.skill_demands.all())),
        queue.language_level,
        queue.wait_rule,
        tuple(Relief(step.after, step.skills, step.language_level) for step in steps.parse(queue.steps)),
        queue.knobs,
    )


def people(queues: Sequence[EmailQueue]) -> Iterator[Person]:
    """The members, with their levels; still without hours."""
    names = {queue.pk: queue.name for queue in queues}
    rows = Agent.objects.filter(queues__in=names, user__is_active=True).distinct().order_by("pk")
    for agent in rows.select_related("user").prefetch_related(
        "skill_levels__skill", "language_levels", "queues"
    ):
        yield Person(
            agent.pk,
            {row.skill.name: row.level for row in agent.skill_levels.all()},
            {row.language_id: row.level for row in agent.language_levels.all()},
            (),
            {},
            agent.user.get_username(),
            agent.capacity,
            frozenset(names[queue.pk] for queue in agent.queues.all() if queue.pk in names),
        )


def _ends(reading: Reading) -> None:
    """When each member ended something, in any queue: from then on they could begin the next."""
    rows = Message.objects.filter(
        agent__in=list(reading.people), direction=Message.Direction.OUT,
        created_at__gte=reading.start, created_at__lt=reading.until,
    )  # fmt: skip
    for agent, at in rows.order_by("created_at").values_list("agent", "created_at").iterator(CHUNK):
        reading.ends.setdefault(agent, array("d")).append(reading.minute(at))
        reading.acts.setdefault(agent, array("d")).append(reading.minute(at))


def _skills(reading: Reading) -> None:
    """What single conversations demand beyond their queues."""
    rows = ConversationSkill.objects.filter(
        conversation__queue__in=list(reading.desks), conversation__last_message_at__gte=reading.start
    )
    fields = ("conversation", "skill__name", "level")
    for pk, skill, level in rows.order_by("pk").values_list(*fields).iterator(CHUNK):
        reading.skills[pk] = (*reading.skills.get(pk, ()), (skill, level))


def _past(reading: Reading) -> Iterator[Past]:
    """Conversations one by one: three streams in the same order, put together."""
    users = dict(Agent.objects.filter(pk__in=list(reading.people)).values_list("user", "pk"))
    rows = Conversation.objects.filter(
        queue__in=list(reading.desks), last_message_at__gte=reading.start, created_at__lt=reading.until,
        merged_into=None,
    )  # fmt: skip
    fields = ("pk", "number", "queue_id", "language", "priority", "created_at", "last_agent_id", "agent_id")
    acts = grouped(merged(_mails(reading, rows), _events(reading, rows, users)))
    waiting: tuple[int, list[Act]] | None = next(acts, None)
    for row in rows.order_by("pk").values(*fields).iterator(CHUNK):
        while waiting is not None and waiting[0] < row["pk"]:
            waiting = next(acts, None)
        if waiting is not None and waiting[0] == row["pk"]:
            found = _one(reading, row, waiting[1])
            if found is not None:
                yield found


def _mails(reading: Reading, rows: QuerySet[Conversation]) -> Iterator[tuple[int, Act]]:
    mails = Message.objects.filter(
        conversation__in=rows.order_by().values("pk"), automatic="no", is_outside=False,
        created_at__gte=reading.start, created_at__lt=reading.until,
    )  # fmt: skip
    fields = ("conversation", "created_at", "direction", "agent")
    for pk, at, direction, agent in mails.order_by("conversation", "id").values_list(*fields).iterator(CHUNK):
        what = What.IN if direction == Message.Direction.IN else What.OUT
        yield pk, Act(reading.minute(at), what, agent)


def _events(
    reading: Reading, rows: QuerySet[Conversation], users: dict[int, int]
) -> Iterator[tuple[int, Act]]:
    """Who got it, and who closed it without an answer."""
    events = Event.objects.filter(
        conversation__in=rows.order_by().values("pk"), kind__in=[*ASSIGNMENTS, Kind.CLOSED],
        at__gte=reading.start, at__lt=reading.until,
    )  # fmt: skip
    fields = ("conversation", "at", "kind", "user", "data__agent")
    for pk, at, kind, user, given in (
        events.order_by("conversation", "id").values_list(*fields).iterator(CHUNK)
    ):
        agent = given if isinstance(given, int) else users.get(user)
        what = What.CLOSED if kind == Kind.CLOSED else What.BEGUN
        if agent in reading.people and kind in (Kind.TAKEN, Kind.CLOSED):
            reading.acts.setdefault(agent, array("d")).append(reading.minute(at))
        yield pk, Act(reading.minute(at), what, agent)


def _one(reading: Reading, row: dict[str, Any], acts: list[Act]) -> Past | None:
    turns = turns_of(acts)
    if not turns:
        return None
    of = reading.desks[row["queue_id"]]
    opened = row["created_at"] >= reading.start and acts[0].what == What.IN
    before = row["last_agent_id"] or row["agent_id"]
    last = before if not opened and before in reading.people else None
    minutes: list[float | None] = []
    known = last
    for turn in turns:
        minutes.append(_measured(reading, of, row, turn, known))
        known = turn.agent or known
    return Past(row, of, turns, minutes, opened, last)


def _measured(reading: Reading, of: Desk, row: dict[str, Any], turn: Turn, known: int | None) -> float | None:
    """Minutes that somebody with the top levels would have needed; None if nothing was measured."""
    agent = reading.people.get(turn.agent or 0)
    taken = handled(turn, reading.ends.get(turn.agent or 0, ()))
    reading.counts["turns"] += 1
    if taken is None or agent is None:
        return None
    need = of.need(Case(0, of.name, row["language"], 0.0, (), (), 1.0, reading.skills.get(row["pk"], ())))
    top = taken / agent.work(need) / (policy.OWN if known == agent.id else 1.0)
    reading.counts["measured"] += 1
    reading.works.add(of.name, top)
    return top


def _case(reading: Reading, one: Past) -> Case:
    """The times between turns are the customer's; how long work took is measured or drawn."""
    works = [
        reading.works.drawn(one.desk.name, f"{one.row['number']} {place}")
        if minutes is None else reading.works.clamp(one.desk.name, minutes)
        for place, minutes in enumerate(one.minutes)
    ]  # fmt: skip
    delays = [
        max(after.began - (before.ended or before.began), 1.0)
        for before, after in zip(one.turns, one.turns[1:], strict=False)
    ]
    return Case(
        one.row["number"],
        one.desk.name,
        one.row["language"],
        max(one.turns[0].began, 0.0),
        tuple(works),
        tuple(delays),
        reading.factors[one.row["queue_id"], one.row["priority"]],
        reading.skills.get(one.row["pk"], ()),
        one.opened,
        one.last,
    )


def _staff(reading: Reading) -> list[Person]:
    """The people with their hours: planned shifts, else what they did, else the hours of their queues."""
    planned = shifts.spans_between(reading.people, reading.start, reading.until)
    everybody = not planned and not reading.acts
    found = []
    for person in reading.people.values():
        acts = sorted(reading.acts.get(person.id, ()))
        if person.id in planned:
            source, spans = "shifts", [(reading.minute(a), reading.minute(b)) for a, b in planned[person.id]]
        elif everybody:
            source, spans = "hours", _open(reading, person)
        else:
            source, spans = "acts" if acts else "absent", presence(acts, 0.0, reading.end)
        reading.counts[source] += 1
        found.append(replace(person, shifts=tuple(Shift(start, end) for start, end in spans)))
    return found


def _open(reading: Reading, person: Person) -> list[tuple[float, float]]:
    """While the first of their queues is open."""
    desk = next(each for each in reading.desks.values() if each.name in person.queues)
    return desk.clock.spans(0.0, reading.end)


def _really(reading: Reading, past: Sequence[Past], since: float) -> Really | None:
    """How the same mails went that a run is judged by."""
    waits, in_time, mails, until = [], 0, 0, reading.end
    for one in past:
        clock, share = one.desk.clock, reading.factors[one.row["queue_id"], one.row["priority"]]
        for place, turn in enumerate(one.turns):
            target = one.desk.first if one.opened and place == 0 else one.desk.following
            due = clock.after(turn.began, target * share)
            if turn.began < since or due > until:
                continue
            mails += 1
            in_time += turn.ended is not None and turn.ended <= due
            begun = min(each for each in (turn.taken, turn.ended, until) if each is not None)
            waits.append(clock.tick(begun) - clock.tick(turn.began))
    if not mails:
        return None
    waits.sort()
    return Really(mails, 100 * in_time / mails, waits[mails // 2], waits[int(0.95 * mails)])


def _notes(reading: Reading, mails: int) -> Iterator[str]:
    counts = reading.counts
    yield (
        f"Handling times of {counts['measured']} of {mails} answers were measured; the others are drawn from "
        "them, or from the usual ones where there are fewer than 20."
    )
    told = (
        ("acts", "no shifts: the hours are taken from what they did, so that pauses are not seen."),
        ("absent", "neither shifts nor did anything: they count as absent."),
        ("hours", "no shifts, and nothing tells when they were there: they count as there while it is open."),
    )
    for source, sentence in told:
        if number := counts[source]:
            yield f"{number} {'agent has' if number == 1 else 'agents have'} {sentence}"


def _names(queues: Sequence[EmailQueue]) -> str:
    return ", ".join(queue.name for queue in queues) or "no queue"
