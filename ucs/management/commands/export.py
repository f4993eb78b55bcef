"""`manage.py export`: the settings as a file that `apply` takes back."""

from typing import Any

from django.core.management.base import BaseCommand

from audit.actors import Actor
from audit.acts import Act
from audit.log import Subject, record
from ucs.declare.export import export


class Command(BaseCommand):
    """Print all settings as YAML, without secrets."""

    help = "Print the settings as a YAML file for `apply`; secrets are left out."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def handle(self, *args: Any, **options: Any) -> None:
        record(Actor.command("export"), Act.EXPORTED, Subject("settings", "all settings"))
        self.stdout.write(export(), ending="")
