"""`manage.py simulate`: the rule that gives out mail, on a team that doesn't exist, beside other rules."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from queues.policy import USUAL, Knobs
from simulation.reference import DAYS
from simulation.rules import RULES
from simulation.table import NoPlace, markdown, write
from simulation.trials import Plan, rows

LOADS = (0.7, 0.9, 1.05, 1.2)


class Command(BaseCommand):
    """Prints a table, or JSON, or writes the table into a document; needs no database."""

    help = "Play ten days of a team of 60 under our routing rule and those of others, and compare."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        load = _between(0.01, 3)
        parser.add_argument("--load", type=load, nargs="+", default=LOADS, help="1 is 100 %% of the team.")
        parser.add_argument("--runs", type=_whole(1, 1000), default=8, help="Each has another team and mail.")
        parser.add_argument("--days", type=_whole(2, 365), default=DAYS, help="The first is not judged.")
        parser.add_argument("--policy", choices=RULES, nargs="+", default=list(RULES), metavar="RULE",
                            help=f"Some of: {', '.join(RULES)}.")  # fmt: skip
        parser.add_argument("--unknown", type=_between(0, 2), default=0.0,
                            help="How far speed lies from what the levels say; 0.3 is much.")  # fmt: skip
        parser.add_argument("--processes", type=_whole(1, 64), default=1, help="How many at once.")
        parser.add_argument("--json", action="store_true", help="The figures for a program.")
        parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="Put the table between its marks.")
        ours = parser.add_argument_group("our rule", "Knobs of time-left alone")
        ours.add_argument("--capacity", type=_whole(1, 100), default=1, help="Mails an agent may hold.")
        ours.add_argument(
            "--exponent", type=_between(0, 20), default=USUAL.exponent, help="Speed 2 … 12 skill."
        )
        ours.add_argument("--own-share", type=_between(0, 100), default=USUAL.own_share,
                          help="Of the target: so long is a follow-up kept for its agent.")  # fmt: skip
        ours.add_argument("--halving", type=_between(0.05, 20), default=USUAL.halving,
                          help="Targets after which late mail counts half.")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, then say it in the way that was asked for."""
        plan = Plan(
            options["load"],
            options["runs"],
            options["policy"],
            options["days"],
            options["capacity"],
            Knobs(options["exponent"], options["own_share"], options["halving"]),
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
