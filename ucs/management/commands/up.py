"""Run the whole product on this machine."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ucs.datafolder import DataFolder
from ucs.launcher import Launcher, Options

DEFAULT_PORT = 8080


def interrupt(number: int, frame: object) -> None:
    """SIGTERM and a closed terminal are Ctrl-C: without that, `finally` would never run."""
    raise KeyboardInterrupt


class Command(BaseCommand):
    """Database, web, worker, clock and watcher in one terminal, until Ctrl-C."""

    help = "Run the product: PostgreSQL and Redis (unless set by URL), web, worker, beat and watch."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The fixed interface of the command."""
        parser.add_argument("--demo", action="store_true", help="with a mail world around it to try it all")
        parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="of the web pages (%(default)s)")
        parser.add_argument(
            "--no-embedded", action="store_true", help="never start PostgreSQL or Redis, use the URLs"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Until a signal comes."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupt)
        wanted = Options(options["port"], options["demo"], embedded=not options["no_embedded"])
        try:
            Launcher(wanted, DataFolder(settings.DATA_DIR)).run()
        except KeyboardInterrupt:
            return
