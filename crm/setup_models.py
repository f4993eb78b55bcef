"""What an administrator defines for contacts: fields of their own, and links to another CRM."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext as _

from crm import templates

MOST_CHOICES = 100


class ContactField(models.Model):
    """A field that each contact, or each organisation, has here; values are kept under `key`."""

    class Kind(models.TextChoices):
        TEXT = "text", "Text"
        NUMBER = "number", "Number"
        DATE = "date", "Date"
        CHOICE = "choice", "Choice"
        YES_NO = "yes_no", "Yes or no"
        URL = "url", "Web address"

    class Of(models.TextChoices):
        CONTACT = "contact", "Contacts"
        ORGANISATION = "organisation", "Organisations"

    key = models.CharField(
        max_length=40,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*\Z", "Write small letters, digits and _ only.")],
        help_text="Its name for programs, in imports and in links; it stays as it is.",
    )
    label = models.CharField(max_length=80, help_text="What people read.")
    of = models.CharField("field of", max_length=12, choices=Of, default=Of.CONTACT)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TEXT)
    choices = ArrayField(
        models.CharField(max_length=100),
        blank=True,
        default=list,
        help_text="Of a choice: what can be chosen, separated by commas.",
    )
    is_required = models.BooleanField(
        "required",
        default=False,
        help_text="Whoever changes a contact must fill it in; mail makes them without.",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="The smallest comes first.")

    class Meta:
        ordering = ["of", "position", "pk"]
        verbose_name = "contact field"
        constraints = [models.UniqueConstraint(fields=["key"], name="contact_field_key")]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """Choices belong to a choice, and a key is no name that something else has."""
        if self.key in templates.OWN_NAMES:
            raise ValidationError({"key": _("“%(key)s” is taken: choose another key.") % {"key": self.key}})
        if (self.kind == self.Kind.CHOICE) != bool(self.choices):
            said = _("A choice needs choices, and nothing else has them.")
            raise ValidationError({"choices": said})
        if len(set(self.choices)) != len(self.choices) or len(self.choices) > MOST_CHOICES:
            said = _("Give each choice once, and %(most)s at most.") % {"most": MOST_CHOICES}
            raise ValidationError({"choices": said})


class CrmLink(models.Model):
    """A link from a contact to its page in another system."""

    name = models.CharField(max_length=60, unique=True, help_text="Such as “Open in the CRM”.")
    template = models.CharField(
        "address",
        max_length=500,
        help_text="https://…, with the places {email}, {external_id}, {name}, {id}, {organisation} and "
        "{key of an own field}. Shown only where each of its places can be filled.",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="The smallest comes first.")

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = "CRM link"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """An address over TLS to a fixed server, with places that there are."""
        keys = ContactField.objects.filter(of=ContactField.Of.CONTACT).values_list("key", flat=True)
        try:
            templates.check(self.template, keys)
        except ValueError as error:
            raise ValidationError({"template": str(error)}) from error

    def full_clean(self, *args: Any, **kwargs: Any) -> None:
        self.template = self.template.strip()
        super().full_clean(*args, **kwargs)
