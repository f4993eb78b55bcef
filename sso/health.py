"""What every connection to the outside shows: last success, last error in words, next try."""

from datetime import datetime

from django.db import models
from django.utils import timezone


class Health(models.Model):
    """State of one connection, kept apart from its settings so that saving a form can't overwrite it."""

    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_cause = models.CharField(
        max_length=100, blank=True, editable=False, help_text="What the error means; see sso/causes."
    )
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="Failures in a row.")
    next_attempt_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_failing(self) -> bool:
        """The last thing that happened was an error."""
        return self.failures > 0

    def succeeded(self) -> None:
        """Note that it works, and clear the error."""
        self.last_success_at = timezone.now()
        self.last_error, self.last_cause, self.failures, self.next_attempt_at = "", "", 0, None
        self.save(
            update_fields=["last_success_at", "last_error", "last_cause", "failures", "next_attempt_at"]
        )

    def failed(self, sentence: str, next_attempt_at: datetime | None = None, cause: str = "") -> None:
        """Note what went wrong, in a sentence for the administrator.

        :param next_attempt_at: when it is tried again; None when only a person can mend it.
        :param cause: its name in sso/causes, if it is a known one.
        """
        self.last_error, self.last_error_at, self.last_cause = sentence, timezone.now(), cause
        self.failures += 1
        self.next_attempt_at = next_attempt_at
        self.save(update_fields=["last_error", "last_error_at", "last_cause", "failures", "next_attempt_at"])
