"""`manage.py ingest`: raw mails from files, through the very same path as a fetch."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import click
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mailsources.deliver import deliver
from mailsources.fetch import ingest
from mailsources.models import EmailSource, FetchedMail


class Command(BaseCommand):
    """Feed raw mails to a source; a mail that the source already has is not taken again."""

    help = "Feed raw mails (RFC 5322 files, or - for standard input) to a source, as if it had fetched them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", required=True, help="Name of the email source.")
        parser.add_argument("files", nargs="*", default=["-"], help="Files, or - for standard input.")

    def handle(self, *args: Any, **options: Any) -> None:
        source = EmailSource.objects.filter(name=options["source"]).first()
        if source is None:
            raise CommandError(
                f"There is no email source “{options['source']}”: see `manage.py export` for the names."
            )
        counts = dict.fromkeys(FetchedMail.State.values, 0)
        with click.progressbar(options["files"], file=sys.stderr, label="ingest") as files:
            for name in files:
                counts[self.take(source, name)] += 1
        told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
        self.stdout.write(f"{source.name}: {told or 'nothing to do'}")
        if counts[FetchedMail.State.FAILED]:
            sys.exit(1)

    def take(self, source: EmailSource, name: str) -> str:
        """Store one mail, deliver it, and return its state in the ledger."""
        try:
            raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            raise CommandError(f"{name}: the file can't be read: {error.strerror}.") from error
        fetched = ingest(source, raw, timezone.now())
        if fetched.state == FetchedMail.State.WAITING:
            deliver(fetched.pk)
            fetched.refresh_from_db()
        return fetched.state
