"""`manage.py rotate-keys`: encrypt every secret with the first key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import Actor
from audit.acts import Act
from audit.log import Subject, record
from sso.rotation import NAMED, rotate


class Command(BaseCommand):
    """Re-encrypt all stored secrets with the first key of UCS_ENCRYPTION_KEYS."""

    help = (
        "Encrypt all stored secrets anew with the first key of UCS_ENCRYPTION_KEYS; older keys can then go. "
        "It may run beside the product, and be interrupted and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done = rotate()
        told = f"{done.written} rows were encrypted anew."
        record(Actor.command("rotate-keys"), Act.DID, Subject("settings", "secrets"), note=told)
        self.stdout.write(f"{done.written} rows were encrypted anew.")
        for sentence in done.unreadable[:NAMED]:
            self.stderr.write(sentence)
        if done.unreadable:
            raise CommandError(
                f"{len(done.unreadable)} rows could not be decrypted and are as they were: add the missing "
                "key at the end of UCS_ENCRYPTION_KEYS, or enter these secrets anew, then run this again."
            )
        if done.left:
            raise CommandError(
                f"{done.left} rows were written with an older key while this ran: a process still has the "
                "old UCS_ENCRYPTION_KEYS. Restart all of them, then run this again, and keep the old keys "
                "until then."
            )
        self.stdout.write("Everything is encrypted with the first key; older keys can be taken away.")
