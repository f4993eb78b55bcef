"""`manage.py doctor`: climb the ladder of every connection, and name the first broken rung."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from mailsenders import check as senders
from mailsenders.models import EmailSender
from mailsources import check as sources
from mailsources.models import EmailSource
from sso import tokens
from sso.models import SSOProvider
from sso.steps import Step, StepFailed, timed

AT_ONCE = 8
Patient = SSOProvider | EmailSource | EmailSender


class Command(BaseCommand):
    """Test providers, sources and senders as the button “Test connection” does; exit 1 if one is ill."""

    help = "Test every SSO provider, email source and email sender, and say which step fails and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "names", nargs="*", help="Only those with these names; all that are active otherwise."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        patients = [each for each in everybody() if not options["names"] or each.name in options["names"]]
        if not patients:
            self.stdout.write("There is nothing to test yet.")
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ill = sum(not self._show(*found) for found in pool.map(examine, patients))
        if ill:
            self.stdout.write(self.style.ERROR(f"{ill} of {len(patients)} connections don't work."))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS(f"All {len(patients)} connections work."))

    def _show(self, patient: Patient, steps: list[Step]) -> bool:
        self.stdout.write(f"{patient._meta.verbose_name} {patient.name}")
        for step in steps:
            line = f"  {'ok  ' if step.ok else 'FAIL'} {step.name:10} {step.seconds:5.1f} s  {step.detail}"
            self.stdout.write(line if step.ok else self.style.ERROR(line))
        return steps[-1].ok


def everybody() -> Iterator[Patient]:
    """Providers first, as the others may sign in with their tokens. An address that waits can't be called."""
    yield from SSOProvider.objects.order_by("pk")
    fetched = EmailSource.objects.filter(is_active=True).exclude(
        server_type=EmailSource.ServerType.FORWARDING
    )
    yield from fetched.order_by("name")
    yield from EmailSender.objects.filter(is_active=True).order_by("name")


def examine(patient: Patient) -> tuple[Patient, list[Step]]:
    """All its steps, up to the first that fails."""
    try:
        if isinstance(patient, EmailSource):
            return patient, sources.test_connection(patient)
        if isinstance(patient, EmailSender):
            return patient, senders.test_connection(patient)
        return patient, [timed("Token", lambda: _token(patient))]
    finally:
        connection.close()


def _token(provider: SSOProvider) -> str:
    try:
        tokens.access_token(provider.pk)
    except tokens.SignInError as error:
        raise StepFailed(error.sentence) from error
    return "an access token is at hand"
