"""What the virus scanner said of a file.

    (no scanner set) ""
    waiting ──scanned──▶ clean | infected | too_large
       └──scanner away──▶ waiting, tried again at `scan_next_at`

`queues/scanning.py` is the only writer.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Scanned(models.Model):
    """The part of an attachment that is about viruses."""

    class Scan(models.TextChoices):
        NONE = "", _("not scanned")
        WAITING = "waiting", _("waits for the virus scanner")
        CLEAN = "clean", _("no virus found")
        INFECTED = "infected", _("infected")
        TOO_LARGE = "too_large", _("too large for the virus scanner")

    scan = models.CharField(max_length=10, choices=Scan, blank=True, default="", db_default="")
    virus = models.CharField(max_length=200, blank=True, default="", db_default="")
    scan_tries = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often the scanner was away."
    )
    scan_next_at = models.DateTimeField(null=True, blank=True, help_text="When it is tried next.")

    class Meta:
        abstract = True
