"""Where a sender's mails are kept by its provider, or by us."""

from django.db import models

from mailsenders.models import EmailSender
from sso.health import Health


class SentFolder(Health):
    """Where the mails of a sender are kept by its provider, or by us: how reading and filing there goes."""

    sender = models.OneToOneField(EmailSender, on_delete=models.CASCADE, related_name="sent_state")
    source = models.ForeignKey(
        "mailsources.EmailSource",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="mailbox",
        help_text="Whose sign-in is used; the IMAP source of the same address when empty.",
    )
    folder = models.CharField(max_length=500, blank=True, help_text="As it was found last.")
    lease_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Sent folder of {self.sender}"
