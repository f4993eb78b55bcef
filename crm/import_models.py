"""A table of contacts that somebody has sent in, and how far it got.

uploaded ──map──▶ checking ──▶ checked ──▶ running ──▶ done
                      └──────────┴───────────┴─▶ failed, cancelled
"""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ContactImport(models.Model):
    """One file; `position` is how many of its lines are dealt with, so it goes on after an interruption."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Uploaded")
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Checked")
        RUNNING = "running", _("Being imported")
        DONE = "done", _("Imported")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    name = models.CharField(max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    content = models.BinaryField(help_text="The file as it came.")
    encoding = models.CharField(max_length=20)
    delimiter = models.CharField(max_length=1)
    columns = models.JSONField(default=list, help_text="The names in the first line.")
    mapping = models.JSONField(default=list, help_text="What each column is; empty for none.")
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    lines = models.PositiveIntegerField(default=0, help_text="Without the first one.")
    position = models.PositiveIntegerField(default=0)
    made = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    same = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "contact import"
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["checking", "running"]),
                name="contact_import_at_work",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ImportFault(models.Model):
    """Why a line was refused; the words are made when it is shown, in the reader's language."""

    of = models.ForeignKey(ContactImport, on_delete=models.CASCADE, related_name="faults")
    line = models.PositiveIntegerField(help_text="As a spreadsheet counts: the first line is the names.")
    column = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=40)
    value = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["line", "pk"]
        constraints = [models.UniqueConstraint(fields=["of", "line"], name="one_fault_a_line")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}"
