"""E-mail senders and the outbox.

Only `mailsenders/outbox.py` writes an outgoing mail; its life is drawn there.
"""

from typing import Any

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models.functions import Lower

from mailsenders.rules import problems
from mailstore.models import RawMail
from sso.belonging import Place
from sso.fields import SecretField
from sso.health import Health


class EmailSender(models.Model):
    """Sends for one address; may serve many queues."""

    class ServerType(models.TextChoices):
        STARTTLS = "STARTTLS", "STARTTLS"
        SSL = "SSL", "SSL"
        NONE = "NONE", "None"

    class SentCopy(models.TextChoices):
        NONE = "none", "None"
        REPLIES = "replies", "Agents’ replies"
        ALL = "all", "All mail"

    class ReturnPath(models.TextChoices):
        PLAIN = "plain", "The sender’s address"
        PLUS = "plus", "A signed plus-address of it"
        DOMAIN = "domain", "A signed address at the inbound domain"

    name = models.CharField(max_length=200, unique=True)
    server_type = models.CharField(max_length=10, choices=ServerType, default=ServerType.STARTTLS)
    server_address = models.CharField(max_length=255)
    service_port = models.PositiveIntegerField(default=587)
    username = models.CharField("sender username", max_length=320, blank=True)
    password = SecretField("sender password", blank=True)
    email_address = models.EmailField("sender e-mail address", max_length=320)
    display_name = models.CharField(max_length=200, blank=True)
    former_secrets = GenericRelation("sso.FormerSecret")
    retests = GenericRelation("sso.Retest")
    last_tests = GenericRelation("sso.LastTest")
    aliases = models.TextField(
        "other addresses it may send from",
        blank=True,
        default="",
        db_default="",
        help_text="Addresses, or domains such as @example.com, one in a line.",
    )
    limit_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Messages; empty for no limit."
    )
    limit_per_hour = models.PositiveIntegerField(
        null=True, blank=True, help_text="Messages; empty for no limit."
    )
    limit_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="Messages; empty for no limit."
    )
    recipients_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="All recipients together; empty for no limit."
    )
    internal_per_day = models.PositiveIntegerField(
        "internal recipients per day",
        null=True,
        blank=True,
        help_text="Recipients in your own domains; empty for no limit.",
    )
    external_per_day = models.PositiveIntegerField(
        "external recipients per day",
        null=True,
        blank=True,
        help_text="Recipients outside your own domains; empty for no limit.",
    )
    recipients_per_message = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="A mail to more leaves in several; empty for no limit.",
    )
    connections = models.PositiveSmallIntegerField(
        default=3,
        db_default=3,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="At once to this server, over all our machines.",
    )
    return_path = models.CharField(
        max_length=10,
        choices=ReturnPath,
        default=ReturnPath.PLAIN,
        db_default=ReturnPath.PLAIN,
        help_text="Where reports come back to: an address that names the mail tells for whom it was in vain.",
    )
    sent_copy = models.CharField(
        "copies in the Sent folder",
        max_length=10,
        choices=SentCopy,
        default=SentCopy.NONE,
        db_default=SentCopy.NONE,
        help_text="Of which mails we put a copy into the Sent folder of the mailbox.",
    )
    sent_folder = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text="Its name on the IMAP server; found by itself when empty.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "email sender"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            super().save(*args, **kwargs)
            SenderState.objects.get_or_create(sender=self)
            # What the earlier budget held back is looked at anew.
            SenderState.objects.filter(sender=self).exclude(held_why="").update(
                held_until=None, automatic_held_until=None, held_why=""
            )

    @property
    def belongs(self) -> Place:
        """Which server the password is for."""
        is_encrypted = self.server_type != self.ServerType.NONE
        return Place(self.server_address, self.service_port, int(is_encrypted))

    def clean(self) -> None:
        """Refuse settings that can't work, in words."""
        found = problems(self)
        if found:
            raise ValidationError(found)


class SenderState(Health):
    """How sending goes; `next_attempt_at` in the future parks the whole sender."""

    sender = models.OneToOneField(EmailSender, on_delete=models.CASCADE, related_name="state")
    largest_mail = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Octets that the server takes (SIZE); 0 when it says nothing."
    )
    takes_utf8 = models.BooleanField(
        null=True, blank=True, help_text="Whether the server takes addresses in any script (SMTPUTF8)."
    )
    held_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Until then the budget has no room for replies."
    )
    automatic_held_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The same for automatic mail, which yields first."
    )
    held_why = models.CharField(
        max_length=200, blank=True, default="", db_default="", editable=False, help_text="What is used up."
    )
    blocked_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the provider said that it blocks the sender."
    )

    def __str__(self) -> str:
        return f"state of {self.sender}"


class OutgoingMail(models.Model):
    """One frozen mail on its way out; the bytes and the Message-ID never change after this row exists."""

    class State(models.TextChoices):
        HELD = "held", "Held for undo"
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        RETRY = "retry", "Will be tried again"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        UNCERTAIN = "uncertain", "Uncertain"
        CANCELLED = "cancelled", "Taken back"

    class Copy(models.TextChoices):
        """Of the copy in the Sent folder, which nothing else waits for."""

        NONE = "", "No copy wanted"
        WANTED = "wanted", "To be put into the Sent folder"
        DONE = "done", "In the Sent folder"
        FAILED = "failed", "Not put into the Sent folder"

    sender = models.ForeignKey(EmailSender, on_delete=models.PROTECT, related_name="outgoing")
    raw = models.OneToOneField(RawMail, on_delete=models.PROTECT, related_name="outgoing")
    message_id = models.CharField("Message-ID", max_length=500, unique=True)
    mail_from = models.CharField(
        max_length=320, blank=True, help_text="Envelope sender; empty for the null path."
    )
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    order_key = models.BigIntegerField(help_text="Mails of one key leave in the order of their ids.")
    is_automatic = models.BooleanField(default=False)
    internal = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Recipients of the last try in our own domains."
    )
    external = models.PositiveIntegerField(default=1, db_default=1, help_text="Those outside of them.")
    not_before = models.DateTimeField(help_text="End of the undo time, or the next try.")
    overtaken_since = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Since when the budget has too little room for it, and smaller ones pass (see `claims`).",
    )
    attempts = models.PositiveIntegerField(default=0)
    fence = models.PositiveIntegerField(
        default=0, help_text="Rises with each claim; an older claim can't write."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    data_started_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_answer = models.TextField(blank=True, help_text="The server's last words.")
    last_error = models.TextField(blank=True, help_text="What that means, in a sentence.")
    alias = models.CharField(
        "provider's Message-ID",
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text="The one that the provider gave it in place of ours.",
    )
    copy = models.CharField(max_length=10, choices=Copy, blank=True, default=Copy.NONE, db_default="")
    folder_tries = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often the Sent folder was opened for it."
    )
    folder_next_at = models.DateTimeField(null=True, blank=True)
    folder_note = models.TextField(
        blank=True, default="", db_default="", help_text="What came of the last time."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "outgoing mail"
        verbose_name_plural = "outgoing mail"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["sender", "is_automatic", "not_before", "id"],
                name="outgoing_next",
                condition=models.Q(state__in=["held", "queued", "retry"]),
            ),
            models.Index(fields=["lease_until"], name="outgoing_leased", condition=models.Q(state="sending")),
            models.Index(
                fields=["order_key", "id"],
                name="outgoing_order",
                condition=models.Q(state__in=["held", "queued", "retry", "sending", "uncertain"]),
            ),
            models.Index(
                fields=["sender", "state"],
                name="outgoing_trouble",
                condition=models.Q(state__in=["failed", "uncertain"]),
            ),
            models.Index(
                fields=["sender", "sent_at"],
                include=["internal", "external"],
                name="outgoing_used",
                condition=models.Q(sent_at__isnull=False),
            ),
            models.Index(
                fields=["sender"],
                name="outgoing_unclear",
                condition=models.Q(state__in=["sending", "uncertain"]),
            ),
            models.Index(
                fields=["sender", "id"],
                name="outgoing_copies",
                condition=models.Q(state="sent", copy="wanted"),
            ),
            models.Index(
                fields=["sender", "overtaken_since"],
                name="outgoing_overtaken",
                condition=models.Q(overtaken_since__isnull=False),
            ),
            models.Index(fields=["alias"], name="outgoing_alias", condition=~models.Q(alias="")),
        ]

    def __str__(self) -> str:
        return f"outgoing mail {self.pk}"


class OutgoingRecipient(models.Model):
    """What became of one mail for one recipient."""

    class State(models.TextChoices):
        PENDING = "pending", "Not yet sent"
        ACCEPTED = "accepted", "Accepted by the server"
        RETRY = "retry", "Refused for now"
        REFUSED = "refused", "Refused"

    mail = models.ForeignKey(OutgoingMail, on_delete=models.CASCADE, related_name="recipients")
    email = models.CharField(max_length=320)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    answer = models.TextField(blank=True)
    reason = models.CharField(
        max_length=30, blank=True, help_text="Why it came back, as mailcore.parsed.Reason names it."
    )
    returned_at = models.DateTimeField(null=True, blank=True, help_text="When it came back after all.")
    delay = models.TextField(blank=True, help_text="What a report said while it was still being tried.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mail", "email"], name="outgoing_recipient_once")]
        indexes = [
            models.Index(Lower("email"), "id", name="outgoing_refused", condition=models.Q(state="refused")),
            models.Index(Lower("email"), "id", name="outgoing_recipient_email"),
        ]

    def __str__(self) -> str:
        return f"{self.email} ({self.state})"


class SenderUse(models.Model):
    """A mail that was handed over before, and is sent again: both count for the budget (see `limits`)."""

    sender = models.ForeignKey(EmailSender, on_delete=models.CASCADE, related_name="+")
    mail = models.ForeignKey(OutgoingMail, on_delete=models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    internal = models.PositiveIntegerField(default=0)
    external = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mail", "at"], name="sender_use_once")]
        indexes = [models.Index(fields=["sender", "at"], name="sender_use")]

    def __str__(self) -> str:
        return f"outgoing mail {self.mail_id}, handed over before"


class SenderSlot(models.Model):
    """The right to hold one connection for a sender, shared by all machines (see `slots`)."""

    sender = models.ForeignKey(EmailSender, on_delete=models.CASCADE, related_name="slots")
    number = models.PositiveSmallIntegerField(help_text="From 1 to the connections that the sender allows.")
    holder = models.CharField(max_length=100)
    held_until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sender", "number"], name="sender_slot_once")]

    def __str__(self) -> str:
        return f"connection {self.number} of {self.sender}"


class TestSend(models.Model):
    """A test mail that an administrator sends, with all that was said on the way (see `testsend`)."""

    __test__ = False  # no class of tests, whatever pytest thinks of its name

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Being sent"
        TAKEN = "taken", "Taken by the server"
        REFUSED = "refused", "Not sent"
        UNCERTAIN = "uncertain", "Uncertain"

    sender = models.ForeignKey(EmailSender, on_delete=models.CASCADE, related_name="test_sends")
    email = models.CharField(max_length=320)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    lines = models.JSONField(default=list, help_text="What was said, without secrets: seconds, who, words.")
    verdict = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"test send {self.pk} of {self.sender}"
