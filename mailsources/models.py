"""E-mail sources and the state of their polls.

A source: draft ──activate (tested, or anyway)──▶ active ⇄ paused ──retire──▶ retired ──activate──▶ active
"""

import re
from typing import Any, Self

from django.contrib.contenttypes.fields import GenericRelation
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower

from mailsources import addressing, moved_models, rule_models, twins  # noqa: F401 - tables of rules belong here, too
from mailsources.health_models import MailboxDay
from mailsources.ledger_models import CAME, MAX_ATTEMPTS, FetchedMail
from mailsources.rules import problems
from mailsources.sent_models import SentFolder
from mailsources.setup_models import MailboxSetup
from mailsources.trial_models import ForwardingConfirmation, ForwardingTest, RoundTrip
from queues.models import EmailQueue
from sso.belonging import Place
from sso.fields import SecretField
from sso.health import Health

__all__ = [
    "CAME",
    "MAX_ATTEMPTS",
    "EmailSource",
    "FetchedMail",
    "ForwardingConfirmation",
    "ForwardingTest",
    "MailboxDay",
    "MailboxSetup",
    "RoundTrip",
    "SentFolder",
    "SourceState",
]


class EmailSourceQuerySet(models.QuerySet["EmailSource"]):
    """Which sources are of which making."""

    def handed_over(self) -> Self:
        """Active ones whose mail a mail server hands over to us, so that the intake must run."""
        forwarding = EmailSource.ServerType.FORWARDING
        return self.filter(is_active=True, server_type=forwarding, collected_by=None)


class EmailSource(models.Model):
    """Takes mail from exactly one mailbox, fetched or forwarded to us, to exactly one queue."""

    class ServerType(models.TextChoices):
        IMAP = "IMAP", "IMAP"
        POP3 = "POP3", "POP3"
        FORWARDING = "FORWARDING", "Forwarding address"

    class AfterImport(models.TextChoices):
        LEAVE = "leave", "Leave it untouched"
        READ = "read", "Mark it read"
        MOVE = "move", "Move it to a folder"
        DELETE = "delete", "Delete it"

    class Stage(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    name = models.CharField(max_length=200, unique=True)
    server_type = models.CharField(max_length=10, choices=ServerType, default=ServerType.IMAP)
    server_address = models.CharField(max_length=255, blank=True)
    service_port = models.PositiveIntegerField(default=993)
    use_ssl = models.BooleanField("use SSL connection", default=True)
    allow_clear_text = models.BooleanField(
        default=False,
        help_text="Without SSL, sign in even if the server offers no STARTTLS.",
    )
    username = models.CharField(max_length=320, blank=True)
    mailbox = models.CharField(
        max_length=320, blank=True, help_text="The shared mailbox, when the username is another person's."
    )
    password = SecretField(blank=True)
    folder = models.CharField(max_length=500, default="INBOX", help_text="IMAP only.")
    after_import = models.CharField(max_length=10, choices=AfterImport, default=AfterImport.LEAVE)
    move_to = models.CharField("move to folder", max_length=500, blank=True)
    forwarding_token = models.CharField(
        max_length=40,
        null=True,
        unique=True,
        editable=False,
        help_text="Local part of the address that mail is forwarded to; nobody can guess it.",
    )
    public_address = models.EmailField(
        "e-mail address",
        blank=True,
        max_length=320,
        help_text="The address that customers write to; the username's when empty.",
    )
    aliases = models.TextField(
        "other addresses",
        blank=True,
        default="",
        db_default="",
        help_text="Aliases whose mail arrives in the same mailbox, one on each line.",
    )
    collected_by = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="collects",
        verbose_name="collected from",
        help_text="The mailbox in which its mail arrives; empty when a mail server hands it over to us.",
    )
    import_since = models.DateField(
        null=True, blank=True, help_text="Leave older mails of the mailbox alone; everything when empty."
    )
    silence_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="Raise an alarm when no mail has come for so long; never when empty."
    )
    queue = models.ForeignKey(EmailQueue, on_delete=models.PROTECT, related_name="sources")
    former_secrets = GenericRelation("sso.FormerSecret")
    retests = GenericRelation("sso.Retest")
    last_tests = GenericRelation("sso.LastTest")
    authserv_id = models.CharField(
        "name in Authentication-Results",
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text="Of the mail server whose findings on senders (SPF, DKIM, DMARC) are believed; empty for "
        "Google and Microsoft, whose names are known, or for none.",
    )
    poll_interval = models.PositiveIntegerField(
        null=True, blank=True, help_text="Seconds; the installation's default when empty."
    )
    is_active = models.BooleanField(default=True, help_text="It takes mail; an active one may be paused.")
    stage = models.CharField(
        max_length=10, choices=Stage, default=Stage.ACTIVE, db_default="active", editable=False
    )
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)
    activated_by = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    activated_anyway = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Without a good test."
    )
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    retired_by = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    is_to_be_on = False  # a form has asked for it: it is tested when its row is committed

    objects = EmailSourceQuerySet.as_manager()

    class Meta:
        verbose_name = "email source"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("server_address"),
                Lower("username"),
                Lower("mailbox"),
                "folder",
                condition=~Q(server_type="FORWARDING") & Q(stage="active"),
                name="one_active_source_per_mailbox",
            ),
            models.UniqueConstraint(
                Lower("public_address"),
                condition=Q(is_active=True) & ~Q(public_address=""),
                name="one_active_source_per_address",
            ),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(stage="active"), name="only_active_sources_take_mail"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Changed settings are tried at once: what was wrong before may be right now."""
        if self.is_forwarding and not self.forwarding_token:
            self.forwarding_token = addressing.new_token(self.name)
        with transaction.atomic():
            super().save(*args, **kwargs)
            SourceState.objects.update_or_create(source=self, defaults={"next_attempt_at": None})

    @property
    def is_forwarding(self) -> bool:
        """Whether mail is sent to us, so that there is no mailbox to look into."""
        return self.server_type == self.ServerType.FORWARDING

    @property
    def address(self) -> str:
        """The address to forward to; "" for mailboxes."""
        if not self.is_forwarding:
            return ""
        box = self.collected_by
        return addressing.address_of(self.forwarding_token, (box.mailbox or box.username) if box else "")

    @property
    def belongs(self) -> Place:
        """Which server the password is for. Without SSL, STARTTLS is no must on this machine."""
        safety = 2 if self.use_ssl else int(not self.allow_clear_text)
        return Place(self.server_address, self.service_port, safety)

    def clean(self) -> None:
        """Refuse, early and in words, what cannot be honoured; forms and settings files both come here."""
        for name in ("server_address", "username", "mailbox", "folder", "move_to", "public_address"):
            setattr(self, name, getattr(self, name).strip())
        self.aliases = "\n".join(dict.fromkeys(re.split(r"[\s,;]+", self.aliases.strip().lower())))
        self._forget_what_the_type_lacks()
        if self.server_type == self.ServerType.POP3:
            self.folder = "INBOX"
        found = problems(self) | self._binding()
        if found:
            raise ValidationError(found)

    def _binding(self) -> dict[str, str]:
        """The queue stays once mail has come: conversations, promises and reports hang on it."""
        stored = EmailSource.objects.filter(pk=self.pk).select_related("queue").first() if self.pk else None
        if stored is None or stored.queue_id == self.queue_id or not stored.fetched.exists():
            return {}
        return {
            "queue": f"Mail has come by “{stored}”, so it stays bound to the queue “{stored.queue}”: choose "
            "“Move to another queue” on its page, which shows what happens to open conversations."
        }

    def folders_of_others(self) -> set[str]:
        """The folders of the same mailbox that other sources fetch, also if they are switched off."""
        others = EmailSource.objects.exclude(Q(pk=self.pk) | Q(server_type=self.ServerType.FORWARDING))
        same = others.filter(
            server_address__iexact=self.server_address,
            username__iexact=self.username,
            mailbox__iexact=self.mailbox,
        )
        return set(same.values_list("folder", flat=True))

    def _forget_what_the_type_lacks(self) -> None:
        """No value stays behind that no page shows any more, least of all a password."""
        if not self.is_forwarding:
            self.collected_by = None
            return
        for name in ("server_address", "username", "mailbox", "password", "move_to"):
            setattr(self, name, "")
        self.folder, self.after_import, self.import_since = "INBOX", self.AfterImport.LEAVE, None
        self.allow_clear_text, self.poll_interval = False, None

    def validate_constraints(self, exclude: Any = None) -> None:
        """Name the source that already has the mailbox or the address, which the database can't."""
        try:
            super().validate_constraints(exclude)
        except ValidationError:
            self._check_twins()
            raise
        self._check_twins()  # behind it, so that who saves between the two is named as well

    def _check_twins(self) -> None:
        if self.stage == self.Stage.ACTIVE:
            twins.check(self, EmailSource.objects.exclude(pk=self.pk).defer("password"))


class SourceState(Health):
    """Schedule, lease and cursor of one source: narrow, and updated at every poll.

    `next_attempt_at` is when the source is due (null: now). The cursor is UIDVALIDITY + highest UID;
    a new epoch begins when the mailbox behind the source or its UIDVALIDITY changes.
    """

    source = models.OneToOneField(EmailSource, on_delete=models.CASCADE, related_name="state")
    mailbox_key = models.CharField(
        max_length=2000, blank=True, help_text="The mailbox that the cursor belongs to."
    )
    epoch = models.PositiveIntegerField(default=1)
    uidvalidity = models.BigIntegerField(null=True, blank=True)
    uidvalidity_changes = models.PositiveSmallIntegerField(
        default=0, help_text="How often it changed from one poll to the next, without a break."
    )
    last_uid = models.BigIntegerField(default=0)
    on_server = models.PositiveIntegerField(
        null=True, blank=True, help_text="Mails the server showed last time."
    )
    in_ledger = models.PositiveIntegerField(
        default=0,
        help_text="Rows for mails that the server holds, as far as we know; each proof sets it right.",
    )
    began_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="First look at this mailbox; older mail is history, never acknowledged.",
    )
    imported_at = models.DateTimeField(
        null=True, blank=True, help_text="When all that was there at the first look had been imported."
    )
    last_mail_at = models.DateTimeField(null=True, blank=True, help_text="When the last new mail was stored.")
    proved_at = models.DateTimeField(null=True, blank=True)
    proof_due_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When server and ledger are compared next; at the next look when empty.",
    )
    proof = models.JSONField(default=dict, help_text="What the server holds beside what the ledger knows.")
    watched_until = models.DateTimeField(
        null=True, blank=True, help_text="Somebody waits in IDLE, so it is polled seldom, until then."
    )
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(
        default=0, help_text="Rises with each lease; an older one can't write."
    )

    class Meta:
        indexes = [models.Index(fields=["next_attempt_at"], name="source_due")]

    def __str__(self) -> str:
        return f"state of {self.source}"
