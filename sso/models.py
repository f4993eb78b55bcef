"""SSO providers and their tokens.

A provider's settings are edited by administrators; its token row by `sso/tokens.py` and
`sso/renewal.py` alone.

    not signed in ──🔑──▶ signed in ──refresh fails for good──▶ needs sign-in ──🔑──▶ signed in
                            │    ▲
                            └────┘ refreshed before expiry
"""

import re
from hashlib import sha256
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.text import slugify

from sso import communication_models, connection_models, serverlist  # noqa: F401 - where Django finds all rows
from sso.fields import SecretField, SecretUnreadable
from sso.health import Health
from sso.rules import domains_in, problems

NEW = "new "
"""How a name begins until the row has an ID."""


class SSOProvider(models.Model):
    """One OAuth client signed in for one mailbox; several providers may share a client id and secret."""

    class Type(models.TextChoices):
        GOOGLE = "google", "Google OAuth"
        MICROSOFT = "microsoft", "Microsoft"
        GENERIC = "generic", "Generic OAuth 2.0"

    class Prompt(models.TextChoices):
        CONSENT = "consent", "Ask for consent each time"
        SELECT = "select_account", "Ask for the account only"
        UNSENT = "unsent", "Leave it to the provider"

    class ClientAuthentication(models.TextChoices):
        POST = "client_secret_post", "In the form"
        BASIC = "client_secret_basic", "HTTP Basic"
        NONE = "none", "None (public client)"

    name = models.CharField(max_length=200, unique=True)
    type = models.CharField(max_length=20, choices=Type, default=Type.GOOGLE)
    client_id = models.CharField("client ID", max_length=500)
    client_secret = SecretField(blank=True)
    secret_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    scope = models.CharField(max_length=1000, blank=True)
    mailbox = models.EmailField(
        blank=True, help_text="The mailbox user who is to sign in; any user when empty."
    )
    owner = models.EmailField(
        blank=True, help_text="Whom to ask about this sign-in; gets a mail when it ends, or is about to."
    )
    secret_ends_on = models.DateField(
        "client secret ends on", null=True, blank=True, help_text="Announced 30, 14, 7 and 1 day before."
    )
    in_testing = models.BooleanField(
        "app is in testing", default=False, help_text="Google ends its sign-ins after 7 days."
    )
    tenant = models.CharField(
        "tenant ID",
        max_length=200,
        blank=True,
        help_text="Directory (tenant) ID, or a domain of the organisation.",
    )
    app_only = models.BooleanField(
        "the app signs in by itself",
        default=False,
        help_text="Client credentials: no person signs in; an administrator gives the app its mailboxes.",
    )
    shared_mailbox = models.BooleanField(
        default=False, help_text="Another person signs in, who has rights to the mailbox."
    )
    prompt = models.CharField(
        "consent page",
        max_length=20,
        blank=True,
        choices=Prompt,
        help_text="As usual for its type when empty.",
    )
    authority = models.URLField(
        max_length=500, blank=True, help_text="For a national cloud, or a server that stands in."
    )
    authorization_url = models.URLField("authorization URL", max_length=500, blank=True)
    token_url = models.URLField("access token URL", max_length=500, blank=True)
    refresh_url = models.URLField("refresh token URL", max_length=500, blank=True)
    userinfo_url = models.URLField(
        "user info URL", max_length=500, blank=True, help_text="Tells whose account it is (OpenID Connect)."
    )
    validity = models.PositiveIntegerField(
        null=True, blank=True, help_text="Seconds a token lives, if the server doesn't say."
    )
    issuer = models.URLField(
        max_length=500,
        blank=True,
        help_text="The OpenID Connect issuer, when people sign in here with their account at another server.",
    )
    for_people = models.BooleanField(
        "people may sign in with it",
        default=False,
        help_text="The sign-in page gets a button; only accounts of the allowed domains come in.",
    )
    allowed_domains = models.CharField(
        max_length=1000,
        blank=True,
        help_text="Of the people's addresses, such as example.com; several are separated by commas.",
    )
    create_people = models.BooleanField(
        "make an account at the first sign-in",
        default=False,
        help_text="An agent without queues. Otherwise only users who are listed already come in.",
    )
    client_authentication = models.CharField(
        max_length=20,
        choices=ClientAuthentication,
        default=ClientAuthentication.POST,
        help_text="How the server wants the client ID and secret (RFC 6749 section 2.3.1).",
    )
    retests = GenericRelation("sso.Retest")
    last_tests = GenericRelation("sso.LastTest")
    smtp_server = models.CharField("SMTP server", max_length=255, blank=True)
    smtp_port = models.PositiveIntegerField("SMTP port", null=True, blank=True)
    smtp_username = models.CharField(
        "SMTP user", max_length=320, blank=True, help_text="The mailbox when empty."
    )
    mail_servers = models.TextField(
        "servers that may get its tokens",
        blank=True,
        default="",
        db_default="",
        help_text="Mail servers besides those of its type and the SMTP server, one on each line; "
        "*.example.com for all of a domain.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "SSO provider"
        verbose_name_plural = "SSO providers"
        ordering = ["id"]

    def __str__(self) -> str:
        """For sentences: “Google OAuth provider 2 “google-support””, without a name that UCS has made."""
        return self.title if self._is_nameless else f"{self.title} “{self.name}”"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.client_secret != self._stored_secret():
            self.secret_changed_at = timezone.now()
        nameless = not self.name
        if nameless:
            self.name = f"{NEW}{uuid4()}"
        with transaction.atomic():
            super().save(*args, **kwargs)
            if nameless:
                self._name_after_id()
            ProviderToken.objects.get_or_create(provider=self)

    def clean(self) -> None:
        """Refuse, in words, what can't work; forms and settings files both come here."""
        self.mail_servers = serverlist.in_lines(self.mail_servers)
        found = problems(self)
        if "name" not in found and (other := self._same_address()):
            found["name"] = (
                f"“{self.name}” would have the same redirect URI as the provider “{other.name}”: choose "
                "another name."
            )
        if found:
            raise ValidationError(found)

    @property
    def title(self) -> str:
        """What its page is called, and its row in the list."""
        return f"{self.get_type_display()} provider {self.pk}"

    @property
    def _is_nameless(self) -> bool:
        made = re.fullmatch(rf"(?:{'|'.join(self.Type.values)})-{self.pk}(?:-new)*", self.name)
        return not self.name or made is not None or self.name.startswith(NEW)

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains whose people may sign in, lower case."""
        return domains_in(self.allowed_domains)

    @property
    def client_mark(self) -> str:
        """What a sign-in is good for, as a mark: with another client or at another server it is void."""
        said = [self.type, self.client_id, self.tenant, self.authority, self.token_url, self.refresh_url]
        return sha256("\n".join([*said, str(self.app_only)]).encode()).hexdigest()

    def _same_address(self) -> "SSOProvider | None":
        """Another generic provider whose redirect URI ends like the one of this new name.

        An old name stays as it is, because its redirect URI is registered at the server.
        """
        if self.type != self.Type.GENERIC or not self.name:
            return None
        others = SSOProvider.objects.defer("client_secret").filter(type=self.Type.GENERIC)
        stored = others.filter(pk=self.pk).first()
        if stored and slugify(stored.name) == slugify(self.name):
            return None
        rows = others.exclude(pk=self.pk)
        return next((one for one in rows if slugify(one.name) == slugify(self.name)), None)

    def _stored_secret(self) -> str | None:
        stored = SSOProvider.objects.filter(pk=self.pk).values_list("client_secret", flat=True)
        try:
            return stored.first()
        except SecretUnreadable:  # the new one replaces what nobody can read any more
            return None

    def _name_after_id(self) -> None:
        name = f"{self.type}-{self.pk}"
        taken = set(SSOProvider.objects.values_list("name", flat=True))
        while name in taken or slugify(name) in map(slugify, taken):
            name += "-new"
        self.name = name
        super().save(update_fields=["name"])


class ProviderToken(Health):
    """What the sign-in gave: tokens (encrypted), whose they are, and until when."""

    provider = models.OneToOneField(SSOProvider, on_delete=models.CASCADE, related_name="token")
    account = models.EmailField(blank=True, help_text="The address that signed in.")
    access_token = SecretField(blank=True)
    refresh_token = SecretField(blank=True)
    granted_scope = models.TextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    lifetime = models.PositiveIntegerField(default=0, help_text="Seconds the access token was issued for.")
    given_to = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="Mark of the client and the servers it is good for.",
    )
    signed_in_at = models.DateTimeField(null=True, blank=True)
    signed_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    refreshed_at = models.DateTimeField(null=True, blank=True)
    needs_sign_in = models.BooleanField(default=False)
    settings_refused = models.BooleanField(
        default=False, editable=False, help_text="The provider refuses its client or its settings."
    )
    claimed_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="While one process refreshes, others wait."
    )
    fence = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Rises with each change; an older claim can't write."
    )

    def __str__(self) -> str:
        return f"token of {self.provider}"


class TokenUse(models.Model):
    """A program outside was given an access token: when, by whom asked, never the token itself."""

    provider = models.ForeignKey(SSOProvider, on_delete=models.CASCADE, related_name="uses")
    at = models.DateTimeField(auto_now_add=True)
    caller = models.CharField(
        max_length=60, help_text="The address on this machine, or which of UCS_TOKEN_KEYS was shown."
    )

    class Meta:
        verbose_name = "token use"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["provider", "-at"], name="sso_tokenuse_provider_at"),
            models.Index(fields=["at"], name="sso_tokenuse_at"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} at {self.at:%Y-%m-%d %H:%M:%S}"


class ChecklistTick(models.Model):
    """A step that a person has ticked; `checklists/ticks.py` is the only writer.

    A row for each tick, so that two people at one list don't overwrite each other.
    """

    subject = models.CharField(
        max_length=100,
        blank=True,
        help_text="Which provider, client or source it was done for; empty before there is one.",
    )
    step = models.CharField(max_length=60, help_text="ID of the step in lists.toml.")
    ticked_at = models.DateTimeField(default=timezone.now)
    ticked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "step"], name="one_tick_for_each_step")]

    def __str__(self) -> str:
        return f"{self.step} of {self.subject or 'a beginning'}"
