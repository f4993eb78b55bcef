"""A sender's budget as people read it: how much is used, until when mail is held, when it will be used up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from mailsenders import budget, limits
from mailsenders.budget import Rule, Use
from mailsenders.models import EmailSender


@dataclass(frozen=True, slots=True)
class Line:
    """One limit: so much of it is used."""

    name: str
    used: int
    limit: int
    automatic: int

    @property
    def percent(self) -> int:
        """For a bar; a limit of 0 is always full."""
        return min(100, 100 * self.used // self.limit) if self.limit else 100

    @property
    def said(self) -> str:
        """Such as “1,203 of 2,000”."""
        return f"{self.used:,} of {self.limit:,}"

    @property
    def tone(self) -> str:
        """Green until automatic mail has to wait, red when everything has."""
        if self.used >= self.limit:
            return "bad"
        return "warn" if self.used >= self.automatic else "good"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a sender stands with its budget.

    :param wall: at the pace of the last hour the budget of the day ends then; None when it does not.
    :param held_until: replies wait until then; `automatic_held_until` likewise. None when nothing waits.
    """

    lines: tuple[Line, ...]
    wall: datetime | None
    wall_name: str
    held_until: datetime | None
    automatic_held_until: datetime | None
    held_why: str


def standing(sender: EmailSender, now: datetime) -> Standing | None:
    """The budget of a sender at this moment; None when it has no limits."""
    rules = budget.rules(sender)
    if not rules:
        return None
    uses = limits.uses(sender.pk, now)
    found = budget.wall(rules, uses, now)
    state = sender.state
    return Standing(
        lines=tuple(_line(rule, uses, now) for rule in rules),
        wall=found[1] if found else None,
        wall_name=str(found[0]) if found else "",
        held_until=_future(state.held_until, now),
        automatic_held_until=_future(state.automatic_held_until, now),
        held_why=state.held_why,
    )


def _line(rule: Rule, uses: Sequence[Use], now: datetime) -> Line:
    used = sum(use.weight.counted(rule.measure) for use in uses if use.at > now - rule.window)
    return Line(rule.name, used, rule.limit, rule.automatic)


def _future(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None


def when(at: datetime) -> str:
    """The time of day with its zone, as it goes into mails; with the day when it is not today."""
    local = timezone.localtime(at)
    return f"{local:%H:%M %Z}" if local.date() == timezone.localdate() else f"{local:%d %b, %H:%M %Z}"
