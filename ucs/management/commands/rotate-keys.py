"""`manage.py rotate-keys`: encrypt every secret with the first key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sso.fields import SecretUnreadable
from sso.rotation import rotate


class Command(BaseCommand):
    """Re-encrypt all stored secrets with the first key of UCS_ENCRYPTION_KEYS."""

    help = (
        "Encrypt all stored secrets anew with the first key of UCS_ENCRYPTION_KEYS; older keys can then go."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            written = rotate()
        except SecretUnreadable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{written} rows are encrypted with the first key; older keys can be taken away.")
