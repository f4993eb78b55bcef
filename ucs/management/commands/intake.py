"""`manage.py intake`: take the mail that is forwarded to us, over SMTP and LMTP."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mailsources import intake_server
from mailsources.addressing import NO_DOMAIN


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C; mails that are being handed over then get their answer first."""

    help = "Take forwarded mail over SMTP and LMTP where UCS_INTAKE_BIND says (not for the open internet)."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def handle(self, *args: Any, **options: Any) -> None:
        """Until a signal comes."""
        if not settings.INBOUND_DOMAIN or not settings.INTAKE_BIND:
            raise CommandError(NO_DOMAIN)
        try:
            intake_server.run(settings.INTAKE_BIND, self._ready)
        except intake_server.IntakeError as error:
            raise CommandError(str(error)) from error

    def _ready(self) -> None:
        places = ", ".join(map(str, settings.INTAKE_BIND))
        self.stdout.write(f"Taking mail for {settings.INBOUND_DOMAIN} on {places}")
        self.stdout.flush()
