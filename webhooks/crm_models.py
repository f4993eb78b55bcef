"""What a webhook has besides, when the system behind it is a CRM that each mail is recorded in."""

from urllib.parse import urlsplit

from django.db import models

OUR_FIELDS = (
    *("id", "direction", "at", "subject", "text", "from_name", "from_email", "to", "cc", "message_id"),
    *("conversation_id", "number", "url", "queue", "agent", "contact_name", "contact_email", "external_id"),
    "attachments",
)
"""What a record of a mail has, for the mapping."""

LOOKED_UP = ("priority", "queue", "language")
"""What a look-up can set."""


class CrmSettings(models.Model):
    """How mails become records there, and what is asked there about who writes."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        REST = "rest", "REST, with a mapping of fields"
        HUBSPOT = "hubspot", "HubSpot"

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.WEBHOOK, db_default=Kind.WEBHOOK)
    record_path = models.CharField(
        max_length=500, blank=True, help_text="REST: where records are made, such as /api/activities."
    )
    record_fields = models.JSONField(default=dict, blank=True, help_text="REST: their field = ours.")
    record_id = models.CharField(
        max_length=100,
        blank=True,
        default="id",
        help_text="REST: which field of the answer is the record's id.",
    )
    makes_contacts = models.BooleanField(
        "make contacts", default=True, help_text="HubSpot: who isn't a contact there becomes one."
    )
    look_up_path = models.CharField(
        max_length=500,
        blank=True,
        help_text="REST: where a person is asked for, such as /api/people?email={email}.",
    )
    look_up_fields = models.JSONField(
        default=dict,
        blank=True,
        help_text="What is set for a new conversation: priority, queue, language = their field.",
    )
    look_up_values = models.JSONField(
        default=dict, blank=True, help_text="Their value = ours, such as gold = urgent."
    )

    class Meta:
        abstract = True

    @property
    def is_crm(self) -> bool:
        """Whether mails are recorded there, instead of events told."""
        return self.kind != self.Kind.WEBHOOK

    def wrong_crm(self) -> dict[str, str]:
        """What can't be honoured: field → sentence."""
        found: dict[str, str] = {}
        if unknown := [each for each in self.look_up_fields if each not in LOOKED_UP]:
            found["look_up_fields"] = f"“{unknown[0]}” can't be set: only {', '.join(LOOKED_UP)}."
        if self.kind != self.Kind.REST:
            return found
        if not self.record_path.startswith("/"):
            found["record_path"] = "Give the path where records are made, such as /api/activities."
        ours = [str(each) for each in self.record_fields.values()]
        if not ours or (unknown := [each for each in ours if each not in OUR_FIELDS and each[:1] != "="]):
            told = f"“{unknown[0]}” is none of our fields" if ours else "Say which field is which"
            found["record_fields"] = f"{told}: choose of {', '.join(OUR_FIELDS)}, or =words for a constant."
        if self.look_up_fields and "{email}" not in self.look_up_path:
            found["look_up_path"] = "The path of the look-up needs {email} where the address belongs."
        if self.look_up_path and not self.look_up_path.startswith("/"):  # or it would go on with the host
            found["look_up_path"] = "Begin the path of the look-up with /, such as /api/people?email={email}."
        return found


def token_goes_elsewhere(former_url: str, url: str) -> str:
    """Why the stored token can't stay when the URL changes; "" when it goes to the same server as before.

    Nobody can read it here, so nobody may have it sent to a server of their own.
    """
    former, now = (urlsplit(each) for each in (former_url, url))
    if (former.scheme, former.netloc.lower()) == (now.scheme, now.netloc.lower()):
        return ""
    return f"The stored token is for {former.netloc}: type it in again, if {now.netloc} is to have it too."
