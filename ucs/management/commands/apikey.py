"""`manage.py apikey USER`: a bearer key for the API."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from api.models import APIKey


class Command(BaseCommand):
    """Make a key that acts with a user's rights, and print it once."""

    help = "Make an API key with the rights of a user and print it; it can't be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", default="", help="What the key is for.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(
                f"There is no active user “{options['user']}”: see `manage.py export` for the names."
            )
        self.stdout.write(APIKey.make(user.pk, options["name"]))
