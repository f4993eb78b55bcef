"""The communication log: what was said on each connection, and which ones are noted in full just now."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from sso.connection_models import OfConnection
from sso.fields import SecretField


class ConnectionLog(models.Model):
    """One connection, or many in which nothing happened; `sso/communication.py` is the only writer.

    Rows outlive the source, sender or provider that they are of.
    """

    class Kind(models.TextChoices):
        POLL = "poll", "Poll"
        IDLE = "idle", "Waiting for mail"
        SENDING = "sending", "Sending"
        INTAKE = "intake", "Handed over to us"
        TOKEN = "token", "Token request"
        TEST = "test", "Connection test"

    class Outcome(models.TextChoices):
        GOOD = "good", "Went well"
        FAILED = "failed", "Failed"
        QUIET = "quiet", "Nothing new"

    kind = models.CharField(max_length=10, choices=Kind)
    outcome = models.CharField(max_length=10, choices=Outcome)
    content_type = models.ForeignKey(
        ContentType, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    object_id = models.PositiveBigIntegerField(null=True)
    connection = GenericForeignKey("content_type", "object_id")
    peer = models.CharField("server", max_length=320, blank=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1, help_text="How many alike this row stands for.")
    sentence = models.TextField(blank=True, help_text="What came of it.")
    lines = models.JSONField(default=list, help_text="What was said, without secrets: seconds, who, words.")
    mails = ArrayField(
        models.BigIntegerField(),
        default=list,
        help_text="The mails that came or left: fetched mail, or outgoing mail of a sender.",
    )
    sealed = SecretField(blank=True, help_text="All that was said, when it was noted in full.")
    is_sealed = models.BooleanField(default=False, help_text="There is something to be opened.")
    quiet_key = models.CharField(max_length=450, null=True, unique=True, editable=False)

    class Meta:
        verbose_name = "connection"
        verbose_name_plural = "communication log"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["content_type", "object_id", "-id"], name="connection_log_of"),
            models.Index(fields=["began_at"], name="connection_log_began"),
            models.Index(fields=["-id"], name="connection_log_failed", condition=models.Q(outcome="failed")),
            GinIndex(fields=["mails"], name="connection_log_mails"),
        ]
        permissions = [("open_sealed", "Can open sealed dialogues and mails")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.began_at:%Y-%m-%d %H:%M:%S}"


class FullRecord(OfConnection):
    """A connection on which all is noted until some time; a person asked for it."""

    until = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["content_type", "object_id"], name="one_full_record_each")
        ]

    def __str__(self) -> str:
        return f"full record of {self.content_type} {self.object_id} until {self.until}"
