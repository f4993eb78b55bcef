"""A mailbox that is being set up, from its address to the first round trip; it can be left and resumed."""

from django.db import models

from mailsenders.models import EmailSender
from queues.models import EmailQueue
from sso.fields import SecretField
from sso.models import SSOProvider


class MailboxSetup(models.Model):
    """What was answered so far on the page “add mailbox”; `mailsources/setup.py` is the only writer.

    The password stays here only until the source and the sender have it.
    """

    class Incoming(models.TextChoices):
        IMAP = "IMAP", "IMAP"
        POP3 = "POP3", "POP3"

    address = models.EmailField("e-mail address", max_length=320)
    kind = models.CharField(
        max_length=20, blank=True, help_text="Type of SSO provider that it needs, if known."
    )
    found = models.TextField(blank=True, help_text="How the servers were found, or why not.")
    note = models.TextField(blank=True, help_text="What its provider wants before anything works.")
    server_type = models.CharField("incoming", max_length=4, choices=Incoming, default=Incoming.IMAP)
    server_address = models.CharField("incoming server", max_length=255, blank=True)
    service_port = models.PositiveIntegerField("incoming port", default=993)
    use_ssl = models.BooleanField("SSL from the first byte", default=True)
    out_type = models.CharField(
        "outgoing", max_length=8, choices=EmailSender.ServerType, default=EmailSender.ServerType.STARTTLS
    )
    out_address = models.CharField("outgoing server", max_length=255, blank=True)
    out_port = models.PositiveIntegerField("outgoing port", default=587)
    username = models.CharField(max_length=320, blank=True)
    password = SecretField(blank=True)
    provider = models.ForeignKey(
        SSOProvider, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    queue = models.ForeignKey(EmailQueue, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    source = models.OneToOneField(
        "mailsources.EmailSource", null=True, blank=True, on_delete=models.SET_NULL, related_name="setup"
    )
    sender = models.ForeignKey(
        EmailSender, null=True, blank=True, on_delete=models.SET_NULL, related_name="setups"
    )
    trip = models.ForeignKey(
        "mailsources.RoundTrip", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    version = models.PositiveIntegerField(default=1, help_text="Rises with each answer.")
    begun_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"set-up of {self.address}"
