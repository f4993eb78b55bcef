"""The rows of the audit log.

Nothing changes them: the database refuses UPDATE and DELETE (migration 0001) but for what `keeping` says it
does, which is deleting what is older than it must be, and taking a person's name out.
"""

import hashlib
import json
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from audit.acts import Act

USUAL_DAYS = 400


class AuditRow(models.Model):
    """One act. Users and objects are named and not pointed at: they may go, and the row stays."""

    at = models.DateTimeField(default=timezone.now)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=250)
    ip = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=120, blank=True)
    act = models.CharField(max_length=20, help_text="A code of `acts.Act`.")
    kind = models.CharField(max_length=100, blank=True, help_text="The model, such as queues.emailqueue.")
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=250, blank=True, help_text="As it was called then.")
    changes = models.JSONField(default=list, help_text="[field, old, new] each; secrets are “changed”.")
    note = models.TextField(blank=True)
    reason = models.TextField(blank=True, help_text="Typed by who acted.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the other columns.")
    erased_at = models.DateTimeField(null=True, help_text="When a person's name was taken out.")

    class Meta:
        verbose_name = "audit row"
        verbose_name_plural = "audit log"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["kind", "object_id", "-id"], name="audit_of_object"),
            models.Index(fields=["actor_name", "-id"], name="audit_of_actor"),
            models.Index(fields=["act", "-id"], name="audit_of_act"),
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.act_label} {self.object_name}".strip()

    @property
    def act_label(self) -> str:
        """What was done, as people read it."""
        return str(Act(self.act).label) if self.act in Act.values else self.act

    @property
    def story(self) -> str:
        """The note, or the changes as one line."""
        told = "; ".join(f"{name}: {old or 'none'} → {new or 'none'}" for name, old, new in self.changes)
        return " ".join(part for part in (self.note, told) if part)

    def computed_digest(self) -> str:
        """The digest that these columns should have."""
        told: list[Any] = [
            *(self.at.isoformat(), self.actor_kind, self.actor_id, self.actor_name, self.ip, self.browser),
            *(self.act, self.kind, self.object_id, self.object_name, self.changes, self.note, self.reason),
        ]
        return hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()


class AuditSeal(models.Model):
    """A run of rows that is closed: how many there are and what they hash to, chained to the run before."""

    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField(unique=True)
    rows = models.PositiveIntegerField()
    chain = models.CharField(max_length=64, help_text="SHA-256 of the former chain and of each row's digest.")
    sealed_at = models.DateTimeField(default=timezone.now)
    pruned_at = models.DateTimeField(null=True, help_text="When its rows were deleted after their time.")
    fault = models.TextField(
        blank=True, db_default="", help_text="What was wrong when they were to be deleted."
    )
    fault_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"rows {self.first_id} to {self.last_id}"


class AuditRules(models.Model):
    """One row: how long rows are kept."""

    days = models.PositiveIntegerField(
        "days to keep",
        default=USUAL_DAYS,
        validators=[MinValueValidator(30), MaxValueValidator(36500)],
        help_text="Rows of the audit log that are older are deleted at night. 400 days are a year and a bit.",
    )

    class Meta:
        verbose_name = "audit rules"
        verbose_name_plural = "audit rules"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="audit_rules_are_one_row")]

    def __str__(self) -> str:
        return "Audit rules"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)

    @classmethod
    def days_kept(cls) -> int:
        """What is set, or what holds as long as nothing is."""
        found = cls.objects.values_list("days", flat=True).first()
        return USUAL_DAYS if found is None else int(found)
