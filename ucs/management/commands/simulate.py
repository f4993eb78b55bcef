"""`manage.py simulate`: the rule that gives out mail, beside other rules and changes.

On a team that doesn't exist, or with --history on the last days of this installation.
"""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from queues.models import EmailQueue
from queues.policy import USUAL, Knobs
from reports import whatif_text
from reports.whatif_history import TooLittle, read
from simulation.changes import ChangeError
from simulation.compare import PEERS, compare
from simulation.reference import DAYS
from simulation.rules import RULES, TimeLeft
from simulation.table import NoPlace, markdown, write
from simulation.trials import Plan, rows

LOADS = (0.7, 0.9, 1.05, 1.2)


class Command(BaseCommand):
    """Prints a table, or JSON, or writes the table into a document; needs no database without --history."""

    help = "Play ten days of a team of 60, or the last days here, under our routing rule and those of others."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        load = _between(0.01, 3)
        parser.add_argument("--load", type=load, nargs="+", default=LOADS, help="1 is 100 %% of the team.")
        parser.add_argument("--runs", type=_whole(1, 1000), default=8, help="Each has another team and mail.")
        parser.add_argument("--days", type=_whole(2, 365), default=DAYS, help="The first is not judged.")
        parser.add_argument("--policy", choices=RULES, nargs="+", metavar="RULE",
                            help=f"Some of: {', '.join(RULES)}.")  # fmt: skip
        parser.add_argument("--unknown", type=_between(0, 2), default=0.0,
                            help="How far speed lies from what the levels say; 0.3 is much.")  # fmt: skip
        parser.add_argument("--processes", type=_whole(1, 64), default=1, help="How many at once.")
        parser.add_argument("--json", action="store_true", help="The figures for a program.")
        parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="Put the table between its marks.")
        ours = parser.add_argument_group("our rule", "Knobs of time-left alone")
        ours.add_argument("--capacity", type=_whole(1, 100), help="Mails an agent may hold; usually 1.")
        ours.add_argument("--exponent", type=_between(0, 20), help="Speed 2 … 12 skill; usually 3.")
        ours.add_argument("--own-share", type=_between(0, 100),
                          help="Of the target: so long is a follow-up kept for its agent.")  # fmt: skip
        ours.add_argument("--halving", type=_between(0.05, 20),
                          help="Targets after which late mail counts half.")  # fmt: skip
        _add_history(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, then say it in the way that was asked for."""
        if options["history"]:
            self._history(options)
        else:
            self._reference(options)

    def _history(self, options: dict[str, Any]) -> None:
        """The last days here, as they were and changed; the other rules get what is changed."""
        queues = EmailQueue.objects.all()
        if options["queue"]:
            queues = queues.filter(name__in=options["queue"])
            missing = set(options["queue"]) - set(queues.values_list("name", flat=True))
            if missing:
                raise CommandError(f"There is no queue {', '.join(sorted(missing))}.")
        peers = [name for name in options["policy"] or PEERS if name != TimeLeft.name]
        try:
            change = whatif_text.change_of(options)
            history = read(queues, options["history"], timezone.now())
            found = compare(history.office, change, peers)
        except (ChangeError, TooLittle) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            really = asdict(history.really) if history.really else None
            told = asdict(found) | {"change": change.stored(), "really": really, "notes": history.notes}
            self.stdout.write(json.dumps(told, indent=1))
        else:
            self.stdout.write(whatif_text.markdown(history, change, found))

    def _reference(self, options: dict[str, Any]) -> None:
        knobs = {
            name: getattr(USUAL, name) if options[name] is None else options[name]
            for name in ("exponent", "own_share", "halving")
        }
        plan = Plan(
            options["load"],
            options["runs"],
            options["policy"] or list(RULES),
            options["days"],
            options["capacity"] or 1,
            Knobs(**knobs),
            options["unknown"],
        )
        found = list(rows(plan, options["processes"]))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(row) for row in found], indent=1))
        else:
            self.stdout.write(markdown(found))
        if options["write"]:
            try:
                write(options["write"], markdown(found))
            except NoPlace as error:
                raise CommandError(str(error)) from error


def _add_history(parser: CommandParser) -> None:
    here = parser.add_argument_group("this installation", "The last days, as they were and changed")
    here.add_argument(
        "--history", type=_whole(1, 365), metavar="DAYS", help="Play the last days of the queues."
    )
    here.add_argument("--queue", nargs="+", metavar="NAME", help="These, instead of all.")
    here.add_argument("--volume", type=_between(0.1, 5), default=1.0, help="1.2 is a fifth more mail.")
    for name, example, what in (
        ("more", "2 billing=4 en=5", "People who come."),
        ("without", "alice", "Who is not there."),
        ("level", "alice:billing=4", "Somebody's levels; 0 takes one away."),
        ("target", "Orders=120/240", "Minutes of first and further answers."),
        ("wait-rule", "Orders=off", "off, uncovered or steps."),
        ("step", "Orders=60 billing=1 language=2", "A step of the wait rule."),
    ):
        here.add_argument(f"--{name}", action="append", default=[], metavar=f"'{example}'", help=what)


def _between(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise ArgumentTypeError(f"{text} is not between {least:g} and {most:g}.")
        return value

    return read


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ArgumentTypeError(f"{text} is not a whole number from {least} to {most}.")
        return value

    return read
