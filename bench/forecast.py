"""How often what really came lies in the band of the forecast, on history whose law is known.

    python -m bench.forecast [--rounds 40]

Each round: thirteen weeks of mail by hour of the week, with growth, scattered as a negative binomial with
this dispersion (1 is chance alone), and two holidays; the last week is forecast from the twelve before. Bands
are whole numbers, so that few mails an hour are covered more often than four times in five.
"""

import argparse
from collections.abc import Iterator
from datetime import date, timedelta
from math import exp
from random import Random
from statistics import fmean

from reports.forecast_law import DAY_LONG, Series

FIRST = date(2026, 1, 5)
WEEKS = 13
CASES = ((0.3, 1.0), (2.0, 1.0), (2.0, 2.0), (10.0, 1.0), (10.0, 3.0), (60.0, 1.0), (60.0, 6.0))
"""Mails in the busiest hour, and their dispersion."""


def history(random: Random, busiest: float, dispersion: float, growth: float) -> tuple[Series, Series]:
    """Twelve weeks, and the thirteenth that came then."""
    shape = {(weekday, hour): random.uniform(0.05, 1) for weekday in range(7) for hour in range(24)}
    holidays = [FIRST + timedelta(days=random.randrange(7 * (WEEKS - 1))) for _ in range(2)]
    known: dict[tuple[date, int], int] = {}
    came: dict[tuple[date, int], int] = {}
    for number in range(7 * WEEKS):
        day = FIRST + timedelta(days=number)
        for hour in range(24):
            mean = busiest * shape[day.weekday(), hour] * exp(growth * number / 7)
            count = _scattered(random, mean * (0.3 if day in holidays else 1), dispersion)
            (known if number < 7 * (WEEKS - 1) else came)[day, hour] = count
    last = FIRST + timedelta(days=7 * (WEEKS - 1) - 1)
    return (
        Series(known, FIRST, last, holidays),
        Series(came, last + timedelta(days=1), last + timedelta(days=7)),
    )


def hits(known: Series, came: Series, hour: int | None) -> Iterator[bool]:
    """For each hour, or each day, of the week that came: whether it lies in the band."""
    day = came.first
    while day <= came.last:
        for each in range(24) if hour is None else (hour,):
            found = known.band(day, each)
            yield found.low <= came.of(day, each) <= found.high
        day += timedelta(days=1)


def coverage(busiest: float, dispersion: float, rounds: int, growth: float = 0.02) -> tuple[float, float]:
    """In percent, of hours and of whole days."""
    hours: list[bool] = []
    days: list[bool] = []
    for number in range(rounds):
        random = Random(f"{busiest} {dispersion} {number}")
        known, came = history(random, busiest, dispersion, growth)
        hours += hits(known, came, None)
        days += hits(known, came, DAY_LONG)
    return 100 * fmean(hours), 100 * fmean(days)


def _scattered(random: Random, mean: float, dispersion: float) -> int:
    """A Poisson count, whose mean is drawn of a gamma law where it scatters more than by chance."""
    if dispersion > 1 and mean > 0:
        mean = random.gammavariate(mean / (dispersion - 1), dispersion - 1)
    count, passed = 0, random.expovariate(1)
    while passed < mean:
        count += 1
        passed += random.expovariate(1)
    return count


def main() -> None:
    """A table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    print(
        "| mails in the busiest hour | dispersion | hours in the band, % | days, % |\n|---:|---:|---:|---:|"
    )
    for busiest, dispersion in CASES:
        hours, days = coverage(busiest, dispersion, rounds)
        print(f"| {busiest:g} | {dispersion:g} | {hours:.1f} | {days:.1f} |", flush=True)


if __name__ == "__main__":
    main()
