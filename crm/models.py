"""Contacts, their organisations, and one communication record for each mail in and out."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from crm.import_models import ContactImport, ImportFault
from crm.merge_models import ContactMerge, NotTheSame
from crm.names import words_of
from crm.note_models import ContactChange, ContactNote
from crm.setup_models import ContactField, CrmLink
from crm.zones import check_zone

__all__ = [
    "Communication", "Contact", "ContactAddress", "ContactChange", "ContactField", "ContactImport",
    "ContactMerge", "ContactNote", "CrmLink", "ImportFault", "NotTheSame", "Organisation",
    "OrganisationDomain",
]  # fmt: skip

NOTHING = Value({}, models.JSONField())


class Organisation(models.Model):
    """A firm that contacts belong to."""

    name = models.CharField(max_length=200, unique=True)
    remark = models.TextField(blank=True, default="", db_default="")
    external_id = models.CharField(
        "id in the outside CRM", max_length=200, blank=True, default="", db_default=""
    )
    fields = models.JSONField("own fields", blank=True, default=dict, db_default=NOTHING)
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="organisation_external_id"
            )
        ]

    def __str__(self) -> str:
        return self.name


class OrganisationDomain(models.Model):
    """Who writes from this domain for the first time belongs to the organisation; lower case."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253, unique=True)

    class Meta:
        ordering = ["domain"]
        verbose_name = "domain"

    def __str__(self) -> str:
        return self.domain


class Contact(models.Model):
    """A person who writes to us; known by one or more e-mail addresses.

    One that was merged into another has no address, and nothing but its history belongs to it any more.
    """

    is_person = True  # for the audit log, which tells of it by number

    class Priority(models.IntegerChoices):
        URGENT = 1, _("Urgent")
        HIGH = 2, _("High")
        NONE = 3, _("As usual")
        LOW = 4, _("Low")

    class Standing(models.TextChoices):
        PERSON = "person", _("A person")
        MACHINE = "machine", _("Not a person: never acknowledged")
        BLOCKED = "blocked", _("Blocked: new conversations are held")

    name = models.CharField(max_length=300, blank=True)
    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.SET_NULL, related_name="contacts"
    )
    language = models.CharField(max_length=2, blank=True, help_text="The language they last wrote in.")
    language_is_set = models.BooleanField(
        "the language was set by hand",
        default=False,
        db_default=False,
        help_text="Then their mails don't change it, and it is assumed whenever a mail is not sure.",
    )
    time_zone = models.CharField(
        max_length=63, blank=True, default="", db_default="", validators=[check_zone],
        help_text="Such as Europe/Prague; empty when it is not known.",
    )  # fmt: skip
    priority = models.PositiveSmallIntegerField(
        choices=Priority,
        default=Priority.NONE,
        db_default=Priority.NONE,
        help_text="Of each new conversation with them.",
    )
    standing = models.CharField(
        max_length=10, choices=Standing, default=Standing.PERSON, db_default=Standing.PERSON
    )
    phones = ArrayField(
        models.CharField(max_length=40), blank=True, default=list, db_default=Value("{}"), size=10
    )
    external_id = models.CharField(
        "id in the outside CRM", max_length=200, blank=True, default="", db_default=""
    )
    fields = models.JSONField("own fields", blank=True, default=dict, db_default=NOTHING)
    remark = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="contact_external_id"
            )
        ]
        indexes = [
            GinIndex(words_of("name"), name="contact_name_words"),
            models.Index(
                fields=["merged_into"], condition=Q(merged_into__isnull=False), name="contact_merged"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"contact {self.pk}"


class ContactAddress(models.Model):
    """An e-mail address of a contact, lower case; the empty address stands for an unknown sender.

    The primary one comes first wherever addresses are listed.
    """

    is_person = True  # for the audit log, which tells of it by number

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="addresses")
    email = models.CharField(max_length=320, unique=True)
    is_primary = models.BooleanField("primary", default=False, db_default=False)

    class Meta:
        verbose_name_plural = "contact addresses"
        ordering = ["-is_primary", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["contact"], condition=Q(is_primary=True), name="one_primary_address"
            )
        ]

    def __str__(self) -> str:
        return self.email


class Communication(models.Model):
    """One mail to or from a contact, as the CRM tracks it.

    The rows above this floor are named by their ids, not by foreign keys, as imports point downwards.
    """

    class Direction(models.TextChoices):
        IN = "in", "In"
        OUT = "out", "Out"

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="communications")
    direction = models.CharField(max_length=3, choices=Direction)
    message_ref = models.CharField(max_length=64, unique=True, help_text="Makes recording repeatable.")
    message_id = models.CharField("Message-ID", max_length=1000, blank=True)
    conversation_id = models.BigIntegerField(db_index=True)
    conversation_number = models.BigIntegerField()
    queue_name = models.CharField(max_length=200)
    subject = models.CharField(max_length=1000, blank=True)
    preview = models.CharField(max_length=300, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["contact", "-at", "-id"], name="communication_timeline")]

    def __str__(self) -> str:
        return f"{self.direction} {self.subject}"
