"""`manage.py demo SETTINGS PAST`: what a new demo begins with."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from ucs import past


class Command(BaseCommand):
    """Settings from one file and, where nothing has happened yet, some weeks of work from another."""

    help = "Prepare a new demo: apply a settings file, then tell what happened before, from a file of steps."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("settings_file", type=Path)
        parser.add_argument("past", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("apply", options["settings_file"], stdout=self.stdout)
        try:
            done = past.play(options["past"])
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"{options['past']} can't be told: {error!r}") from error
        self.stdout.write(f"{done} steps of the past")
