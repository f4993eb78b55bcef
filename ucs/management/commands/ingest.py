"""`manage.py ingest`: raw mails from files, through the very same path as a fetch."""

import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

import click
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mailsources.deliver import deliver
from mailsources.fetch import ingest
from mailsources.models import EmailSource, FetchedMail


class BadMailFile(Exception):
    """A file has no mail for us; the text names it and says why."""


class Command(BaseCommand):
    """Feed raw mails to a source; a mail that the source already has is not taken again."""

    help = "Feed raw mails (RFC 5322 files, or - for standard input) to a source, as if it had fetched them."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", required=True, help="Name of the email source.")
        parser.add_argument("files", nargs="*", default=["-"], help="Files, or - for standard input.")

    def handle(self, *args: Any, **options: Any) -> None:
        source = EmailSource.objects.filter(name=options["source"]).first()
        if source is None:
            raise CommandError(
                f"There is no email source “{options['source']}”: see `manage.py export` for the names."
            )
        counts: Counter[str] = Counter()
        wrong: list[str] = []
        with click.progressbar(options["files"], file=sys.stderr, label="ingest") as files:
            for name in files:
                try:
                    counts[self.take(source, name)] += 1
                except BadMailFile as error:
                    wrong.append(str(error))
        told = ", ".join(f"{number} {state}" for state, number in counts.items())
        self.stdout.write(f"{source.name}: {told or 'nothing was taken'}")
        for sentence in wrong:  # the other files are in
            self.stderr.write(self.style.ERROR(sentence))
        if wrong or counts[FetchedMail.State.FAILED]:
            sys.exit(1)

    def take(self, source: EmailSource, name: str) -> str:
        """Store one mail, deliver it, and say what became of it.

        :raises BadMailFile: there is no mail in it.
        """
        raw = read(name)
        began = timezone.now()
        fetched = ingest(source, raw, began)
        if fetched.state == FetchedMail.State.WAITING:
            deliver(fetched.pk)
            fetched.refresh_from_db()
        elif fetched.fetched_at < began:
            return "there already"
        return fetched.state


def read(name: str) -> bytes:
    """The bytes of a file, or of standard input for a dash.

    :raises BadMailFile: it can't be read, or is empty.
    """
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise BadMailFile(f"{name}: the file can't be read: {error.strerror}.") from error
    if not raw.strip():
        shown = "standard input" if name == "-" else name
        raise BadMailFile(f"{shown}: it is empty, so no mail was taken: give the raw mail, headers included.")
    return raw
