"""Contacts, their organisations, and one communication record for each mail in and out."""

from django.conf import settings
from django.db import models


class Organisation(models.Model):
    """A firm that contacts belong to."""

    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """A person who writes to us; known by one or more e-mail addresses."""

    class Priority(models.IntegerChoices):
        URGENT = 1, "Urgent"
        HIGH = 2, "High"
        NONE = 3, "As usual"
        LOW = 4, "Low"

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
    priority = models.PositiveSmallIntegerField(
        choices=Priority,
        default=Priority.NONE,
        db_default=Priority.NONE,
        help_text="Of each new conversation with them.",
    )
    remark = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name or f"contact {self.pk}"


class ContactAddress(models.Model):
    """An e-mail address of a contact, lower case; the empty address stands for an unknown sender."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="addresses")
    email = models.CharField(max_length=320, unique=True)

    class Meta:
        verbose_name_plural = "contact addresses"

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
