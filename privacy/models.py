"""People who are being erased.

asked ──worker──▶ running ──▶ done
                     └─▶ failed, with the reason; asked again, it goes on where it was
"""

from django.conf import settings
from django.db import models


class Erasure(models.Model):
    """One person. `person` holds who it is for as long as it takes, and is empty afterwards."""

    class State(models.TextChoices):
        RUNNING = "running", "Being erased"
        DONE = "done", "Erased"
        FAILED = "failed", "Broke off"

    contact_id = models.BigIntegerField(help_text="The contact's number, which nothing has any more.")
    person = models.JSONField(default=dict)
    counts = models.JSONField(default=dict, help_text="What there was to erase.")
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    step = models.PositiveSmallIntegerField(default=0)
    after = models.BigIntegerField(default=0, help_text="How far the step is.")
    table = models.PositiveSmallIntegerField(default=0, help_text="Which table the last step reads.")
    error = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["contact_id"], condition=models.Q(state="running"), name="erased_once_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"erasure of contact {self.contact_id}"
