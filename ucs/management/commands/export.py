"""`manage.py export`: the settings as a file that `apply` takes back."""

from typing import Any

from django.core.management.base import BaseCommand

from ucs.declare.export import export


class Command(BaseCommand):
    """Print all settings as YAML, without secrets."""

    help = "Print the settings as a YAML file for `apply`; secrets are left out."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(export(), ending="")
