"""`manage.py audit`: whether the audit log is whole."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import keeping
from audit.models import AuditRow, AuditSeal


class Command(BaseCommand):
    """Compute the chain of the audit log anew and compare it."""

    help = "Check that no row of the audit log is missing or changed, and print the end of its chain."

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(keeping.faults())
        for sentence in found:
            self.stderr.write(sentence)
        if found:
            raise CommandError("The audit log was changed past the product: look who may write the database.")
        last = AuditSeal.objects.order_by("-last_id").first()
        told = f"sealed up to row {last.last_id}, chain {last.chain}" if last else "nothing is sealed yet"
        self.stdout.write(f"{AuditRow.objects.count()} rows are as they were written; {told}.")
