"""How much a sender may hand over: a pure calculation, no I/O. `limits` brings the numbers.

Each rule counts in a window that slides: what left counts for a minute, an hour or a day. Messages and
recipients count, those in our own domains and those outside apart. Automatic mail yields first: of each hour
and day a share is kept for replies of people.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
AUTOMATIC_SHARE = 0.8  # of an hour's and a day's budget; the rest is for replies of people


class Settings(Protocol):
    """What is read of a sender; None is no limit."""

    limit_per_minute: int | None
    limit_per_hour: int | None
    limit_per_day: int | None
    recipients_per_day: int | None
    internal_per_day: int | None
    external_per_day: int | None


@dataclass(frozen=True, slots=True)
class Weight:
    """What handing over one mail counts: itself, and its recipients inside and outside our own domains."""

    internal: int
    external: int

    def counted(self, measure: str) -> int:
        """How much of one measure it is."""
        if measure == "messages":
            return 1
        if measure == "recipients":
            return self.internal + self.external
        return self.internal if measure == "internal" else self.external


ONE = Weight(internal=0, external=1)


@dataclass(frozen=True, slots=True)
class Use:
    """A mail that counts, from `at` until the window is over."""

    at: datetime
    weight: Weight


@dataclass(frozen=True, slots=True)
class Rule:
    """So much of a measure in any such window. `field` is where the administrator sets it."""

    field: str
    name: str
    measure: str
    window: timedelta
    limit: int

    @property
    def automatic(self) -> int:
        """What automatic mail may use of it."""
        return self.limit if self.window == MINUTE else ceil(self.limit * AUTOMATIC_SHARE)

    def limit_for(self, is_automatic: bool) -> int:
        """What such mail may use."""
        return self.automatic if is_automatic else self.limit

    def __str__(self) -> str:
        return f"{self.limit:,} {self.name}"


KINDS = (
    ("limit_per_minute", "messages per minute", "messages", MINUTE),
    ("limit_per_hour", "messages per hour", "messages", HOUR),
    ("limit_per_day", "messages per day", "messages", DAY),
    ("recipients_per_day", "recipients per day", "recipients", DAY),
    ("internal_per_day", "internal recipients per day", "internal", DAY),
    ("external_per_day", "external recipients per day", "external", DAY),
)
FIELDS = tuple(kind[0] for kind in KINDS)


def rules(sender: Settings) -> tuple[Rule, ...]:
    """The rules that are set for a sender; none is no limit."""
    return tuple(
        Rule(name, words, measure, window, limit)
        for name, words, measure, window in KINDS
        if (limit := getattr(sender, name)) is not None
    )


@dataclass(slots=True)
class Room:
    """What is left at one moment. `used` goes with the rules, in their order."""

    rules: tuple[Rule, ...]
    used: list[int] = field(default_factory=list)

    def fits(self, weight: Weight, *, is_automatic: bool = False) -> bool:
        """Whether a mail may leave now."""
        return not any(True for _ in self.spent(weight, is_automatic=is_automatic))

    def spent(self, weight: Weight, *, is_automatic: bool = False) -> Iterable[Rule]:
        """The rules that have no room for it."""
        for rule, used in zip(self.rules, self.used, strict=True):
            if _is_over(rule, used, weight, is_automatic):
                yield rule

    def closed(self, measure: str, *, is_automatic: bool = False) -> bool:
        """Whether not even one more of a measure may leave."""
        return any(
            rule.measure == measure and used >= rule.limit_for(is_automatic)
            for rule, used in zip(self.rules, self.used, strict=True)
        )

    def take(self, weight: Weight) -> None:
        """Count a mail that leaves now."""
        self.used = [
            used + weight.counted(rule.measure) for rule, used in zip(self.rules, self.used, strict=True)
        ]


def _is_over(rule: Rule, used: int, weight: Weight, is_automatic: bool) -> bool:
    """A mail that is larger than the whole limit leaves when nothing else counts, or it never would."""
    more, limit = weight.counted(rule.measure), rule.limit_for(is_automatic)
    return more > 0 and used + more > limit and not (used == 0 and limit > 0)


def release(
    rules: Sequence[Rule],
    uses: Sequence[Use],
    now: datetime,
    waiting: Sequence[Weight] = (ONE,),
    *,
    is_automatic: bool = False,
) -> datetime | None:
    """When the last of some waiting mails may leave, if each leaves as soon as it may; None: never.

    :param uses: what counts now, in the order of time.
    :param waiting: the mails in the order in which they leave.
    """
    if any(rule.limit_for(is_automatic) == 0 for rule in rules):
        return None
    queues = [_Queue(rule, rule.limit_for(is_automatic), list(uses)) for rule in rules]
    at = now
    for weight in waiting:
        at = max((queue.earliest(weight, at) for queue in queues), default=at)
        for queue in queues:
            queue.uses.append(Use(at, weight))
    return at


class _Queue:
    """One rule while time goes on: what has left its window is dropped."""

    def __init__(self, rule: Rule, limit: int, uses: list[Use]) -> None:
        self.rule, self.limit, self.uses = rule, limit, uses
        self.first, self.counted, self.added = 0, 0, 0

    def earliest(self, weight: Weight, at: datetime) -> datetime:
        """The first moment from `at` on when there is room; later calls may not ask for an earlier one."""
        more = weight.counted(self.rule.measure)
        while self.added < len(self.uses):
            self.counted += self.uses[self.added].weight.counted(self.rule.measure)
            self.added += 1
        self._drop_until(at)
        while more and self.counted and self.counted + more > self.limit:
            at = self.uses[self.first].at + self.rule.window
            self._drop_until(at)
        return at

    def _drop_until(self, at: datetime) -> None:
        while self.first < self.added and self.uses[self.first].at + self.rule.window <= at:
            self.counted -= self.uses[self.first].weight.counted(self.rule.measure)
            self.first += 1


PACE = HOUR
"""Today's pace is what left in the last hour."""


def wall(rules: Sequence[Rule], uses: Sequence[Use], now: datetime) -> tuple[Rule, datetime] | None:
    """Which budget ends first, and when, if it goes on as in the last hour; None when none does within a day.

    What leaves the window meanwhile makes room again.
    """
    found = [(rule, at) for rule in rules if rule.window == DAY and (at := _end(rule, uses, now))]
    return min(found, key=lambda pair: pair[1], default=None)


def _end(rule: Rule, uses: Sequence[Use], now: datetime) -> datetime | None:
    weights = [(use.at, use.weight.counted(rule.measure)) for use in uses if use.at > now - rule.window]
    pace = sum(weight for at, weight in weights if at > now - PACE)
    used = sum(weight for _, weight in weights)
    if not pace and used < rule.limit:
        return None
    left = sorted((at + rule.window, weight) for at, weight in weights)
    step, first, more = timedelta(minutes=5), 0, 0.0
    for number in range(int(rule.window / step) + 1):
        at = now + number * step
        while first < len(left) and left[first][0] <= at:
            used -= left[first][1]
            first += 1
        more = pace * (number * step / PACE)
        if used + more >= rule.limit:
            return at
    return None
