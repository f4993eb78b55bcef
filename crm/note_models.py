"""What people write about a contact, and what they change."""

from django.conf import settings
from django.db import models


class ContactNote(models.Model):
    """Seen by everybody who sees the contact; it has no recipients."""

    contact = models.ForeignKey("crm.Contact", on_delete=models.CASCADE, related_name="notes")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    text = models.TextField(max_length=5000)
    token = models.UUIDField(
        null=True, editable=False, help_text="Of its form: what is added twice is one note."
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "token"], name="contact_note_once", condition=models.Q(token__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.text[:50]


class ContactChange(models.Model):
    """Who changed what, of a contact or an organisation; `data` is worded when it is shown."""

    class Kind(models.TextChoices):
        MADE = "made", "Made"
        CHANGED = "changed", "Changed"  # {field: [before, after]}
        ADDRESS_ADDED = "address_added", "Address added"  # {email}
        ADDRESS_REMOVED = "address_removed", "Address removed"  # {email}
        ADDRESS_PRIMARY = "address_primary", "Primary address"  # {email}
        DOMAIN_ADDED = "domain_added", "Domain added"  # {domain, attached}
        DOMAIN_REMOVED = "domain_removed", "Domain removed"  # {domain}
        MERGED = "merged", "Merged"  # {contact, name}: that one came into this
        MERGED_AWAY = "merged_away", "Merged away"  # {contact, name}: this went into that one
        UNMERGED = "unmerged", "Merge undone"  # {contact, name}
        NOTE_REMOVED = "note_removed", "Note removed"

    contact = models.ForeignKey(
        "crm.Contact", null=True, blank=True, on_delete=models.CASCADE, related_name="changes"
    )
    organisation = models.ForeignKey(
        "crm.Organisation", null=True, blank=True, on_delete=models.CASCADE, related_name="changes"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.contact_id or self.organisation_id}"
