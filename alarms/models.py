"""Alarms: a trouble that lasts is one row, from when it began until it was gone.

(all is well) ──trouble──▶ open ──lasts 5 minutes──▶ told by mail, again each day
      ▲                     │
      └──trouble is gone────┘
"""

from datetime import datetime

from django.db import models
from django.db.models import Q

ENDING = "ending:"
"""How the keys of the credentials calendar begin."""


class Alarm(models.Model):
    """One trouble with one object. `alarms/watch.py` and `alarms/mailing.py` are the only writers."""

    key = models.CharField(max_length=200, unique=True, help_text="What has which trouble.")
    title = models.CharField(max_length=300, help_text="The object.")
    sentence = models.TextField(help_text="What happened and what to do.")
    link = models.CharField(max_length=500, blank=True, help_text="Where it is mended.")
    owner = models.EmailField(max_length=320, blank=True, help_text="Who is told beside the administrators.")
    is_urgent = models.BooleanField(default=True, help_text="Mail is not fetched or not sent.")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    next_mail_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-is_urgent", "-began_at"]
        indexes = [
            models.Index(fields=["began_at"], name="alarm_open", condition=Q(ended_at__isnull=True)),
            models.Index(fields=["-ended_at"], name="alarm_ended", condition=Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.title

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be told: at first, and then again; an ending comes back with its next step."""
        if self.mailed_at and self.key.startswith(ENDING):
            return False
        return self.next_mail_at is None or self.next_mail_at <= now
