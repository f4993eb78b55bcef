"""`manage.py status`: how everything is doing, for people and for monitoring."""

import json
import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from api.status import report


class Command(BaseCommand):
    """Print the status; the exit code is 1 if a person should look."""

    help = "Say how everything is doing, from sources to webhooks; exit 1 if something is wrong."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="The same as JSON, as GET /api/v1.0/status gives."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = report()
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2, default=str))
        else:
            self.show(found)
        if not found["ok"]:
            sys.exit(1)

    def show(self, found: dict[str, Any]) -> None:
        """A line for each object, then what is wrong."""
        kinds = ("sources", "senders", "providers", "queues", "workers", "webhooks")
        rows = [(kind[:-1], row.get("name") or row["queue"], row) for kind in kinds for row in found[kind]]
        width = max((len(name) for _, name, _ in rows), default=0)
        for kind, name, row in rows:
            rest = "  ".join(
                f"{key}={shown(value)}"
                for key, value in row.items()
                if key not in ("name", "last_error") and value
            )
            self.stdout.write(f"{kind:9} {name:{width}}  {rest}")
        for sentence in found["troubles"]:
            self.stdout.write(self.style.ERROR(sentence))
        if found["ok"]:
            self.stdout.write(self.style.SUCCESS("Everything works."))


def shown(value: Any) -> str:
    """A value as people read it: times to the second."""
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)
