"""What opens the door besides a password: second factors, recovery codes, accounts at providers; the rules.

no second factor ──set up──▶ unconfirmed ──right code──▶ asked for at each sign-in
        ▲                                                   │
        └──────── switched off, or reset by an administrator┘
"""

import secrets
import time
from base64 import b32decode, b32encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from sso.fields import SecretField
from sso.models import SSOProvider

ISSUER = "UCS Email"
KEY_BYTES = 20  # as long as the hash it goes into (RFC 4226 section 4, R6)
STEPS_BEFORE_AND_AFTER = 1
LONGEST_PAUSE = 3600.0
MOST_COUNTED = 64  # the library raises 2 to this power


def new_key() -> str:
    """A random key in base32, as authenticator apps want it typed."""
    return b32encode(secrets.token_bytes(KEY_BYTES)).decode()


class SecondFactor(ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp has no types
    """A user's authenticator app: codes by time (RFC 6238), six digits, each good once.

    After n wrong codes the next is looked at 2ⁿ⁻¹ seconds later, an hour at most.
    """

    if TYPE_CHECKING:
        throttling_failure_count: int

    key = SecretField(default=new_key)
    last_step = models.BigIntegerField(default=-1, editable=False, help_text="Of the last code used.")
    made_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "second factor"
        constraints = [models.UniqueConstraint(fields=["user"], name="one_second_factor")]

    def __str__(self) -> str:
        return f"second factor of {self.user}"

    def verify_token(self, token: str) -> bool:
        """Whether this is the code of now, or of the step before or after; it is used up by that.

        Call it with the row locked, or the same code is good twice. The caller saves the row.
        """
        clock = TOTP(b32decode(self.key))
        clock.time = time.time()
        digits = "".join(token.split())
        right = digits.isascii() and digits.isdigit() and len(digits) == clock.digits
        if not (right and clock.verify(int(digits), STEPS_BEFORE_AND_AFTER, self.last_step + 1)):
            self.throttle_increment(commit=False)
            self.throttling_failure_count = min(self.throttling_failure_count, MOST_COUNTED)
            return False
        self.last_step = clock.t()
        self.throttle_reset(commit=False)
        return True

    def get_throttle_factor(self) -> float:
        # The library doubles without end: who knows the password could lock the owner out for years.
        return float(min(1.0, LONGEST_PAUSE / 2 ** max(0, self.throttling_failure_count - 1)))

    @property
    def moment(self) -> str:
        """When the key was made, as a mark of it that tells nothing."""
        return str(self.made_at.isoformat())

    @property
    def address(self) -> str:
        """What the QR code says to the app."""
        label = quote(f"{ISSUER}:{self.user.get_username()}")
        return f"otpauth://totp/{label}?{urlencode({'secret': self.key, 'issuer': ISSUER}, quote_via=quote)}"


class RecoveryCode(models.Model):
    """Opens the door once when the app is lost. Only its digest is kept; the code has 80 random bits."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code of {self.user}"


class LinkedAccount(models.Model):
    """A user's account at a provider, by the name that never changes there; the address may."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="linked_accounts"
    )
    provider = models.ForeignKey(
        SSOProvider, null=True, on_delete=models.SET_NULL, related_name="+", help_text="That it came in by."
    )
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    email = models.EmailField(help_text="At the last sign-in.")
    linked_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["user_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="account_is_one_user"),
            models.UniqueConstraint(fields=["issuer", "user"], name="one_account_at_an_issuer"),
        ]

    def __str__(self) -> str:
        return self.email


class SignInRules(models.Model):
    """One row: what is demanded of whoever signs in."""

    class TwoFactor(models.TextChoices):
        NOBODY = "nobody", "Nobody: who wants to sets it up"
        ADMINISTRATORS = "administrators", "Administrators"
        EVERYBODY = "everybody", "Everybody"

    two_factor = models.CharField(
        "two-factor sign-in is required of",
        max_length=20,
        choices=TwoFactor,
        default=TwoFactor.NOBODY,
        help_text="Who signs in with a password and has not set it up is led there, and can do nothing else. "
        "Whoever comes with a provider's account has that provider's two-step verification.",
    )

    class Meta:
        verbose_name = "sign-in rules"
        verbose_name_plural = "sign-in rules"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="sign_in_rules_are_one_row")]

    def __str__(self) -> str:
        return "Sign-in rules"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)
