"""`manage.py forecast`: what comes in the next days, and what nobody planned can answer."""

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from queues.models import EmailQueue
from reports.forecast import Forecast, Line, name_of
from reports.forecast_law import DAY_LONG


class Command(BaseCommand):
    """Prints days and gaps, or JSON with every hour; exit status 1 when there is a gap."""

    help = (
        "Forecast the mail of the next days by queue and language, with 80 % bands, and the gaps in shifts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", nargs="+", metavar="NAME", help="Only these.")
        parser.add_argument("--days", type=_days, default=7)
        parser.add_argument("--json", action="store_true", help="Every hour, for a program.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, then say it."""
        queues = EmailQueue.objects.all()
        if options["queue"]:
            queues = queues.filter(name__in=options["queue"])
            missing = set(options["queue"]) - set(queues.values_list("name", flat=True))
            if missing:
                raise CommandError(f"There is no queue {', '.join(sorted(missing))}.")
        found = Forecast(queues, timezone.now(), options["days"])
        gaps = found.missing()
        if options["json"]:
            lines = [_line(found, line) for line in found.lines.values() if found.is_possible(line.queue)]
            told = [{"queue": gap.queue.name, "language": gap.language, "sentence": gap.sentence,
                     "from": gap.gap.start.isoformat(), "to": gap.gap.end.isoformat(),
                     "expected": round(gap.gap.expected, 1)} for gap in gaps]  # fmt: skip
            self.stdout.write(json.dumps({"lines": lines, "gaps": told}, indent=1))
        else:
            self._say(found)
            for gap in gaps:
                self.stdout.write(f"{gap.queue.name}: {gap.sentence}")
        if gaps:
            raise SystemExit(1)

    def _say(self, found: Forecast) -> None:
        for line in found.lines.values():
            name = f"{line.queue.name}, {name_of(line.language)}" if line.language else line.queue.name
            if not found.is_possible(line.queue):
                if not line.language:
                    self.stdout.write(f"{name}: {line.series.weeks} whole weeks are known, four are needed.")
                continue
            bands = [line.band(day, DAY_LONG) for day in found.days]
            days = ", ".join(
                f"{day:%a} {band.mean:.0f} ({band.low}–{band.high})"
                for day, band in zip(found.days, bands, strict=True)
            )
            self.stdout.write(f"{name}: {days}")


def _line(found: Forecast, line: Line) -> dict[str, Any]:
    return {
        "queue": line.queue.name,
        "language": line.language,
        "borrows": line.borrows,
        "hours": [
            {"day": day.isoformat(), "hour": hour, "expected": round(band.mean, 2), "low": band.low,
             "high": band.high}
            for day in found.days
            for hour, band in ((each, line.band(day, each)) for each in range(24))
        ],
    }  # fmt: skip


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 28:
        raise ArgumentTypeError(f"{text} is not a number of days from 1 to 28.")
    return int(text)
