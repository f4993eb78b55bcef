"""`manage.py poll`: fetch now, in the foreground, saying what happened."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailsources.fetch import poll_now
from mailsources.mailbox import MailboxError
from mailsources.models import EmailSource


class Command(BaseCommand):
    """Poll one source, or all that are active, and say what each gave."""

    help = "Fetch the mail of one source, or of all active ones, now."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--source", default="", help="Name of the email source; all active ones when left out."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        mailboxes = EmailSource.objects.exclude(server_type=EmailSource.ServerType.FORWARDING)
        sources = mailboxes.filter(is_active=True)
        if options["source"]:
            sources = mailboxes.filter(name=options["source"])
            if not sources and EmailSource.objects.filter(name=options["source"]):
                raise CommandError(f"{options['source']} is forwarded to us: there is nothing to fetch.")
            if sources and sources[0].stage != EmailSource.Stage.ACTIVE:
                raise CommandError(
                    f"{options['source']} is {sources[0].stage}: switch it on first, on its page under "
                    "Messaging → Email sources."
                )
            if not sources:
                raise CommandError(
                    f"There is no email source “{options['source']}”: see `manage.py export` for the names."
                )
        failed = 0
        for source in sources:
            try:
                self.stdout.write(f"{source.name}: {poll_now(source)}")
            except MailboxError as error:
                failed += 1
                self.stdout.write(self.style.ERROR(f"{source.name}: {error}"))
        if failed:
            sys.exit(1)
