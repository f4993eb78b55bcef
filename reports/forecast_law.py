"""How much mail will come: the law of a series of hourly counts, with bands. Pure.

For an hour of the week: the counts of the same hour in the last weeks, brought to the week that is asked for
by the growth of the weekly totals; their mean is what is expected. How far counts lie off their means, over
all hours of the series, is its dispersion; of a negative binomial with that mean and dispersion (Poisson
where counts scatter no more than by chance) the quantiles are the band. Days that differ, such as holidays,
neither teach nor follow that pattern.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from math import exp, lgamma, log
from statistics import fmean, median

WEEKS = 12
LEAST_WEEKS = 4
"""With fewer whole weeks nothing is forecast."""
MOST_GROWTH = 0.05
"""A week, as logarithm; more is a jump, not a trend."""
ENOUGH = 48
"""Mails in the whole series; below it a language borrows the pattern of its queue."""
BAND = 0.8
HOLIDAY_SHARE = 0.5
"""Of the usual mail of that weekday, while no such day was seen."""
DAY_LONG = -1
"""Instead of an hour: the whole day."""

Counts = Mapping[tuple[date, int], int]


@dataclass(frozen=True, slots=True)
class Band:
    """What is expected, and between which numbers it lies in four of five cases."""

    mean: float
    low: int
    high: int


LEAST_MEAN = 1e-6
"""Below it nothing comes."""


@dataclass(frozen=True)
class Series:
    """Mails by day and hour.

    :param first: the first day that was watched, ``last`` the last whole one.
    :param odd: days that differ from their weekday.
    """

    counts: Counts
    first: date
    last: date
    odd: Collection[date] = ()

    @cached_property
    def days(self) -> list[date]:
        """That teach: whole days of the last twelve weeks, without those that differ."""
        first = max(self.first, self.last - timedelta(days=7 * WEEKS - 1))
        whole = [first + timedelta(days=number) for number in range((self.last - first).days + 1)]
        return [day for day in whole if day not in self.odd]

    @property
    def weeks(self) -> int:
        """How many whole weeks were watched, twelve at most."""
        return min(((self.last - self.first).days + 1) // 7, WEEKS)

    @cached_property
    def total(self) -> int:
        """All that was counted."""
        return sum(self.counts.values())

    @cached_property
    def growth(self) -> float:
        """Of a week, as logarithm: the median slope between weeks, less of it where little came."""
        weeks: dict[int, list[int]] = {}
        for day in self.days:
            weeks.setdefault((self.last - day).days // 7, []).append(self.of(day, DAY_LONG))
        totals = {ago: 7 * fmean(found) for ago, found in weeks.items() if len(found) >= 5}
        slopes = [
            (log(totals[near] + 1) - log(totals[far] + 1)) / (far - near)
            for near in totals
            for far in totals
            if near < far
        ]
        if len(totals) < LEAST_WEEKS:
            return 0.0
        slope = median(slopes) * self.total / (self.total + 500)
        return min(max(slope, -MOST_GROWTH), MOST_GROWTH)

    def of(self, day: date, hour: int) -> int:
        """What was counted."""
        if hour == DAY_LONG:
            return self._by_day.get(day, 0)
        return self.counts.get((day, hour), 0)

    def mean(self, day: date, hour: int) -> float:
        """What is expected at that hour of that day."""
        usual = self._levels[day.weekday(), hour] * exp(self.growth * self._week(day))
        return usual * (self._odd_share if day in self.odd else 1.0)

    def band(self, day: date, hour: int) -> Band:
        """The same with its band."""
        mean = self.mean(day, hour)
        seen = max(len(self._learned[day.weekday(), hour]), 1)
        spread = self._dispersion[hour == DAY_LONG] * (1 + 1 / seen)
        return band(mean, mean * spread)

    @cached_property
    def _by_day(self) -> dict[date, int]:
        found: dict[date, int] = {}
        for (day, _), count in self.counts.items():
            found[day] = found.get(day, 0) + count
        return found

    @cached_property
    def _learned(self) -> dict[tuple[int, int], list[tuple[date, int]]]:
        found: dict[tuple[int, int], list[tuple[date, int]]] = {
            (weekday, hour): [] for weekday in range(7) for hour in range(DAY_LONG, 24)
        }
        for day in self.days:
            for hour in range(DAY_LONG, 24):
                found[day.weekday(), hour].append((day, self.of(day, hour)))
        return found

    @cached_property
    def _dispersion(self) -> dict[bool, float]:
        """Of hours and of whole days: mean squared distance from the mean, by the mean; at least chance's."""
        found = {}
        for is_day in (False, True):
            squares = expected = 0.0
            for (weekday, hour), days in self._learned.items():
                if (hour == DAY_LONG) != is_day or len(days) < 2:
                    continue
                level = self._levels[weekday, hour]
                means = [level * exp(self.growth * self._week(day)) for day, _ in days]
                off = sum((count - mean) ** 2 for (_, count), mean in zip(days, means, strict=True))
                squares += off * len(days) / (len(days) - 1)
                expected += sum(means)
            found[is_day] = max(squares / expected, 1.0) if expected else 1.0
        return found

    @cached_property
    def _odd_share(self) -> float:
        """How much of the usual mail comes on days that differ, as far as any was seen."""
        seen = [day for day in self.odd if self.first <= day <= self.last]
        usual = sum(
            fmean([count for _, count in self._learned[day.weekday(), DAY_LONG]] or [0]) for day in seen
        )
        return sum(self.of(day, DAY_LONG) for day in seen) / usual if usual else HOLIDAY_SHARE

    @cached_property
    def _levels(self) -> dict[tuple[int, int], float]:
        """The means, all brought to the first week."""
        return {
            slot: fmean(count * exp(-self.growth * self._week(day)) for day, count in days) if days else 0.0
            for slot, days in self._learned.items()
        }

    def _week(self, day: date) -> float:
        return (day - self.first).days / 7


def thinned(whole: Band, share: float) -> Band:
    """A part of what comes, each mail being of it by chance: a language that has too little of its own."""
    mean = whole.mean * share
    return band(mean, mean * 1.2)


def band(mean: float, variance: float) -> Band:
    """The middle four fifths of a negative binomial, or of a Poisson law where it scatters no more."""
    if mean < LEAST_MEAN:
        return Band(mean, 0, 0)
    tail = (1 - BAND) / 2
    below, low, count = 0.0, None, 0
    while True:
        below += exp(_log_probability(count, mean, variance))
        if low is None and below > tail:
            low = count
        if below >= 1 - tail or count > 20 * mean + 50:
            return Band(mean, low or 0, count)
        count += 1


def _log_probability(count: int, mean: float, variance: float) -> float:
    if variance <= mean * 1.0001:
        return count * log(mean) - mean - lgamma(count + 1)
    size = mean**2 / (variance - mean)
    return (
        lgamma(count + size)
        - lgamma(size)
        - lgamma(count + 1)
        + size * log(size / (size + mean))
        + count * log(mean / (size + mean))
    )
