"""Keys and clients of the API, of which only hashes are kept; and answers kept for being asked again."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from api import scopes
from sso.fields import SecretField

P = TypeVar("P", bound="Permit")

KEY_PREFIX = "ucs_"
CLIENT_PREFIX = "ucsc_"
PER_MINUTE = 600
TOKEN_LIFE = timedelta(hours=1)


def digest(key: str) -> str:
    """What is stored of a key; keys are random, so a plain hash can't be guessed back."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def check_scope(text: str) -> None:
    """A stored scope is one that `scopes.written` makes.

    Raises:
        ValidationError: with the sentence.
    """
    try:
        scopes.written(text.split())
    except scopes.UnknownScope as error:
        raise ValidationError(str(error)) from error


def usable(rows: models.QuerySet[P]) -> models.QuerySet[P]:
    """Those that are neither revoked nor over, and of somebody who is still there."""
    still = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return rows.filter(still, revoked_at=None, user__is_active=True)


class Permit(models.Model):
    """Lets a program act with the rights of one user, as far as its scopes go."""

    name = models.CharField(max_length=200, blank=True, help_text="What the program is.")
    scope = models.CharField(
        max_length=500, default=scopes.EVERYTHING, validators=[check_scope], help_text="What it is for."
    )
    per_minute = models.PositiveIntegerField(
        "requests per minute", default=PER_MINUTE, validators=[MinValueValidator(1)]
    )
    expires_at = models.DateTimeField(
        "ends at", null=True, blank=True, help_text="From then on it opens nothing; empty for never."
    )
    hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_over(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


class APIClient(Permit):
    """A program that signs in with its id and secret, and gets a key for an hour (RFC 6749, 4.4)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_clients")
    client_id = models.CharField("client ID", max_length=60, unique=True, editable=False)

    class Meta:
        verbose_name = "API client"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name or self.client_id} of {self.user}"

    def cut(self) -> str:
        """Give this row an id, if it has none, and a new secret, which is returned; it is not saved here."""
        self.client_id = self.client_id or CLIENT_PREFIX + secrets.token_hex(12)
        secret = secrets.token_urlsafe(32)
        self.hash = digest(secret)
        return secret


class APIKey(Permit):
    """A bearer key; one that a client was given has that client, and lives for an hour."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    client = models.ForeignKey(
        APIClient, on_delete=models.CASCADE, null=True, blank=True, editable=False, related_name="tokens"
    )
    hint = models.CharField(max_length=12, editable=False, help_text="The key's first characters.")

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.hint}… of {self.user}"

    @property
    def counted_as(self) -> str:
        """For whom requests are counted: all keys of a client together."""
        return f"client:{self.client_id}" if self.client_id else f"key:{self.pk}"

    @classmethod
    def make(cls, user_id: int, name: str = "", scope: str = scopes.EVERYTHING, **values: Any) -> str:
        """Make a key for the user and return it: the only time that it is seen."""
        row = cls(user_id=user_id, name=name, scope=scope)
        for field, value in values.items():
            setattr(row, field, value)
        key = row.cut()
        row.save()
        return key

    def cut(self) -> str:
        """Give this row a new key and return it; the row keeps but its hash, and is not saved here."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        self.hash, self.hint = digest(key), key[:12]
        return key


class KeptAnswer(models.Model):
    """The first answer to a request with an Idempotency-Key; without a status, it is being made.

    The body is encrypted: it holds what customers wrote.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = SecretField(default="")
    content_type = models.CharField(max_length=100, default="")
    held = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="What it was given by: see `held`.",
    )
    claimed_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "token"], name="one_answer_for_a_token")]

    def __str__(self) -> str:
        return f"answer {self.pk} ({self.status or 'at work'})"
