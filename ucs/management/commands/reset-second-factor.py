"""`manage.py reset-second-factor USER`: for who lost the phone and the recovery codes."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from audit.actors import Actor
from audit.acts import Act
from audit.log import record
from staff import second_factor

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Take a user's second factor away; the way back in for an only administrator."""

    help = "Let a user sign in with the password alone again, who lost the phone and the recovery codes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(
                f"There is no user “{options['user']}”: see ☰ System → Users, or `manage.py export`."
            )
        if not second_factor.remove(user):
            raise CommandError(f"{user.get_username()} has no second factor; nothing was changed.")
        record(Actor.command("reset-second-factor"), Act.SECOND_FACTOR, user, note="Taken away.")
        logger.warning("Second factor of user %s reset by command", user.pk)
        self.stdout.write(f"{user.get_username()} now signs in with the password alone.")
