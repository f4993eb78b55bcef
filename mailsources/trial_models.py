"""What a person tries with a source: forwarding that asks to be confirmed, test mails, round trips."""

from django.db import models

from mailsenders.models import EmailSender, OutgoingMail


class ForwardingConfirmation(models.Model):
    """A provider's mail that asks whether it may forward to us: kept out of the queue, shown to the admin."""

    source = models.ForeignKey(
        "mailsources.EmailSource", on_delete=models.CASCADE, related_name="confirmations"
    )
    fetched = models.OneToOneField(
        "mailsources.FetchedMail", on_delete=models.CASCADE, related_name="confirmation"
    )
    provider = models.CharField(max_length=50)
    account = models.CharField(max_length=320, blank=True, help_text="The mailbox that wants to forward.")
    code = models.CharField(max_length=50, blank=True)
    link = models.TextField(blank=True, help_text="Opened by a person only.")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"forwarding confirmation of {self.provider} for {self.account}"


class ForwardingTest(models.Model):
    """A marked mail of ours to the public address of a forwarding source: does it come back to us?"""

    source = models.ForeignKey("mailsources.EmailSource", on_delete=models.CASCADE, related_name="tests")
    public_address = models.EmailField(max_length=320)
    outgoing = models.OneToOneField(OutgoingMail, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)
    arrived_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField(blank=True, help_text="What a mail server said when it returned the mail.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"forwarding test {self.pk} of {self.source}"


class RoundTrip(models.Model):
    """A marked mail from a sender to the mailbox of a source: does it go the whole way, and how fast?"""

    sender = models.ForeignKey(EmailSender, on_delete=models.CASCADE, related_name="round_trips")
    source = models.ForeignKey(
        "mailsources.EmailSource", on_delete=models.CASCADE, related_name="round_trips"
    )
    email = models.EmailField(max_length=320)
    outgoing = models.OneToOneField(OutgoingMail, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)
    received_at = models.DateTimeField(null=True, blank=True, help_text="By the clock of the mail server.")
    fetched_at = models.DateTimeField(null=True, blank=True)
    recognised_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField(blank=True, help_text="What a mail server said when it returned the mail.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"round trip {self.pk} from {self.sender} to {self.source}"
