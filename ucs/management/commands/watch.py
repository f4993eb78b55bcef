"""`manage.py watch`: wait for new mail on all IMAP mailboxes at once."""

import signal
from typing import Any

from django.core.management.base import BaseCommand

from mailsources.watch import Watch


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C, and then ends within a second."""

    help = "Wait for new mail on all IMAP mailboxes (IDLE) and have them fetched at once."
    requires_system_checks = []  # they load the pages, and nobody sees those here

    def handle(self, *args: Any, **options: Any) -> None:
        watch = Watch()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: watch.stop())
        watch.run()
