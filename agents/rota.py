"""The rota: whose shifts are when, changed by supervisors; every change is in the audit log."""

from dataclasses import dataclass
from datetime import date

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from agents.models import Absence, Agent
from agents.opening import DAYS, Spans, Week, parse, parse_day, write, write_day
from audit.acts import Act
from audit.log import record

LONGEST = 500
NOTHING = Week(((),) * len(DAYS))


class RotaError(ValueError):
    """A change that can't be made; the text says why, and what to write."""


@dataclass(frozen=True, slots=True)
class Cell:
    """An agent's usual hours of one weekday, as they are written."""

    day: str
    hours: str

    @property
    def lines(self) -> int:
        """How many lines it takes to write them below each other."""
        return self.hours.count(",") + 1


def week_of(agent: Agent) -> Week:
    """The agent's shifts; no hours at all for who has none."""
    return parse(agent.shifts) if agent.shifts else NOTHING


def cells(agent: Agent) -> list[Cell]:
    """The seven cells of a line of the rota, Monday first."""
    return [
        Cell(day, write_day(spans).replace(",", ", "))
        for day, spans in zip(DAYS, week_of(agent).spans, strict=True)
    ]


@transaction.atomic
def set_day(actor: User, agent_id: int, day: str, hours: str, was: str) -> Agent:
    """Change the usual hours of one weekday; "" for none.

    :param was: what the screen showed: who changed it meanwhile is not overwritten.

    Raises:
        RotaError: it can't be read, or somebody else has changed it.
    """
    agent = _locked(agent_id)
    if day not in DAYS:
        raise RotaError("Choose a day of the week.")
    number = DAYS.index(day)
    spans = list(week_of(agent).spans)
    new, before = _read(hours), spans[number]
    if before == new:
        return agent
    if before != _read(was):
        raise RotaError(
            f"{agent}'s {day} was changed by somebody else meanwhile: {_words(before)}. Look again."
        )
    spans[number] = new
    agent.shifts = write(Week(tuple(spans)))
    if len(agent.shifts) > LONGEST:
        raise RotaError("These are too many hours to keep: write fewer pieces.")
    agent.save(update_fields=["shifts"])
    _log(actor, agent, f"Shift on {day}: {_words(before)} → {_words(new)}.")
    return agent


@transaction.atomic
def set_week(actor: User, agent_id: int, shifts: str, was: str | None = None) -> Agent:
    """Write the whole usual week of an agent; "" for no plan.

    :param was: what it has to be now, if given.

    Raises:
        RotaError: it can't be read, is too long, or is not what it was any more.
    """
    agent = _locked(agent_id)
    if was is not None and _week(was) != week_of(agent):
        raise RotaError(f"{agent}'s shifts are {agent.shifts or 'none'} by now: look again.")
    new = _week(shifts)
    if new == week_of(agent):
        return agent
    before, agent.shifts = agent.shifts, write(new)
    if len(agent.shifts) > LONGEST:
        raise RotaError("These are too many hours to keep: write fewer pieces.")
    agent.save(update_fields=["shifts"])
    _log(actor, agent, f"Shifts: {before or 'none'} → {agent.shifts or 'none'}.")
    return agent


def _week(text: str) -> Week:
    try:
        return parse(text) if text.strip() else NOTHING
    except ValidationError as error:
        raise RotaError(str(error.messages[0])) from error


@transaction.atomic
def add_absence(actor: User, agent_id: int, absence: Absence) -> Absence:
    """Note when an agent is away, or works at other hours.

    Raises:
        RotaError: with what is wrong.
    """
    agent = _locked(agent_id)
    absence.agent = agent
    try:
        absence.full_clean()
    except ValidationError as error:
        raise RotaError(" ".join(error.messages)) from error
    absence.save()
    _log(actor, agent, f"Added {absence}.")
    return absence


@transaction.atomic
def remove_absence(actor: User, agent_id: int, pk: int) -> None:
    """Take it away again; the same call again changes nothing."""
    agent = _locked(agent_id)
    absence = agent.absences.filter(pk=pk).first()
    if absence is not None:
        _log(actor, agent, f"Took away {absence}.")
        absence.delete()


def ahead(agents: list[Agent], today: date) -> dict[int, list[Absence]]:
    """The absences of agents that are not over, in one query."""
    found: dict[int, list[Absence]] = {}
    for absence in Absence.objects.filter(agent__in=agents, last_date__gte=today):
        found.setdefault(absence.agent_id, []).append(absence)
    return found


def _locked(agent_id: int) -> Agent:
    rows = Agent.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    return rows.get(pk=agent_id)


def _read(hours: str) -> Spans:
    try:
        return parse_day(hours.replace("–", "-"))
    except ValidationError as error:
        raise RotaError(str(error.messages[0])) from error


def _words(spans: Spans) -> str:
    return write_day(spans) or "none"


def _log(actor: User, agent: Agent, told: str) -> None:
    record(actor, Act.DID, agent, note=told)
