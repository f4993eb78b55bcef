"""`manage.py apikey USER`: a bearer key for the API, or a client that gets keys by itself."""

import re
from argparse import ArgumentParser
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date

from api import scopes
from api.models import APIClient, APIKey
from audit.actors import Actor
from audit.acts import Act
from audit.log import record


class Command(BaseCommand):
    """Make a key or a client that acts with a user's rights, and print it once."""

    help = "Make an API key with the rights of a user and print it; it can't be shown again."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", default="", help="What the key is for.")
        parser.add_argument(
            "--scope",
            action="append",
            metavar="SCOPE",
            help=f"What it may be used for, as often as needed: {', '.join(scopes.SCOPES)}. "
            "All that the user may if left out.",
        )
        parser.add_argument("--expires", default="", help="The first day without it, 2027-01-31, or 90d.")
        parser.add_argument(
            "--client", action="store_true", help="A client for /login/oauth2/token: print its id and secret."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(
                f"There is no active user “{options['user']}”: see `manage.py export` for the names."
            )
        try:
            scope = scopes.written(options["scope"] or [scopes.EVERYTHING])
        except scopes.UnknownScope as error:
            raise CommandError(str(error)) from error
        values = {"name": options["name"], "scope": scope, "expires_at": ends_at(options["expires"])}
        row: APIClient | APIKey = (APIClient if options["client"] else APIKey)(user=user, **values)
        secret = row.cut()
        row.save()
        record(Actor.command("apikey"), Act.INSERTED, row, note=f"For {user.get_username()}: {scope}.")
        self.stdout.write(f"{row.client_id} {secret}" if isinstance(row, APIClient) else secret)


def ends_at(text: str) -> datetime | None:
    """When a key ends: on a day, or after so many; None for never.

    Raises:
        CommandError: it is neither, or over already.
    """
    if not text:
        return None
    days = re.fullmatch(r"([0-9]{1,5})d", text)
    try:
        day = timezone.localdate() + timedelta(days=int(days[1])) if days else parse_date(text)
    except ValueError:
        day = None
    if day is None or day <= timezone.localdate():
        raise CommandError(f"--expires {text}: give a day to come, such as 2027-01-31, or a number, as 90d.")
    return datetime.combine(day, time.min, timezone.get_current_timezone())
