"""`manage.py apply FILE`: settings as a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import Actor, acting
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile


class Command(BaseCommand):
    """Create or update settings by name; all or nothing."""

    help = "Create or update settings as a YAML file says: all of it, or nothing when a line is bad."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would change, and change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with acting(Actor.command(f"apply {options['file'].name}")):
                changes = apply_file(options["file"], dry_run=options["dry_run"])
        except BadFile as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        for line in changes.lines:
            self.stdout.write(line)
        done = "would change" if options["dry_run"] else "done"
        self.stdout.write(
            f"{done}: {len(changes.lines)} created or changed, {changes.unchanged} as they were"
        )
