"""What is remembered of each day of a mailbox."""

from django.db import models


class MailboxDay(models.Model):
    """How often a mailbox could not be looked into on a day; a good day has no row."""

    source = models.ForeignKey("mailsources.EmailSource", on_delete=models.CASCADE, related_name="days")
    day = models.DateField(help_text="By the installation's clock.")
    failures = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "day"], name="one_row_per_mailbox_day")]

    def __str__(self) -> str:
        return f"{self.source} on {self.day}"
