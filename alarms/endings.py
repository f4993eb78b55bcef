"""The credentials calendar: what ends when, and what to do before."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.urls import reverse
from django.utils import timezone

from mailsenders.models import EmailSender
from sso.countdown import countdown, testing_ends_at
from sso.fields import SecretUnreadable
from sso.ladder import PASSWORDS_OFF
from sso.models import SSOProvider
from sso.secrets import is_token_url

logger = logging.getLogger(__name__)

WARN_DAYS = (30, 14, 7, 1, 0)
TESTING_WARN_DAYS = (2, 0)


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that ends at `at`. `step` is the warning that is due: days left, or None for none yet."""

    key: str
    title: str
    what: str
    remedy: str
    at: datetime
    link: str
    owner: str = ""
    step: int | None = None

    @property
    def is_near(self) -> bool:
        return self.step is not None

    @property
    def is_over(self) -> bool:
        return self.at <= timezone.now()

    @property
    def left(self) -> str:
        """How long there is still time, such as “in 3 days, 4 h”."""
        return countdown(self.at, timezone.now())

    @property
    def sentence(self) -> str:
        """For an alarm."""
        day = f"{timezone.localtime(self.at):%d %b %Y}"
        what = self.what[0].upper() + self.what[1:]
        return f"{what} {'ended' if self.is_over else 'ends'} on {day}: {self.remedy}"


def endings() -> list[Ending]:
    """Everything that ends, the nearest first."""
    now = timezone.now()
    return sorted([*_of_providers(now), *_of_senders(now)], key=lambda each: each.at)


def without_date() -> list[tuple[SSOProvider, str]]:
    """Providers whose client secret may end on a day that nobody has told, each with the field for it."""
    rows = SSOProvider.objects.filter(secret_ends_on=None).select_related("token").order_by("pk")
    rows = rows.exclude(client_authentication=SSOProvider.ClientAuthentication.NONE)
    rows = rows.defer("client_secret", "token__access_token", "token__refresh_token")
    field = "#id_secret_ends_on"
    return [(row, reverse("admin:sso_ssoprovider_change", args=[row.pk]) + field) for row in rows]


def _of_providers(now: datetime) -> Iterator[Ending]:
    rows = SSOProvider.objects.select_related("token")
    for provider in rows.defer("client_secret", "token__access_token", "token__refresh_token"):
        link = reverse("admin:sso_ssoprovider_change", args=[provider.pk])
        title = f"provider {provider.name}"
        if provider.secret_ends_on:
            at = datetime.combine(provider.secret_ends_on, time(), UTC)
            yield Ending(
                f"secret:{provider.pk}", title, "the client secret",
                "make a new one in the provider's console, paste it here and correct its end date.",
                at, f"{link}#id_client_secret", provider.owner, _step(at, now, WARN_DAYS),
            )  # fmt: skip
        testing_at = testing_ends_at(provider)
        if testing_at:
            yield Ending(
                f"testing:{provider.pk}", title, "the sign-in of an app in testing",
                "click 🔑 again; so that it lasts, publish the app or set its audience to Internal, and "
                "untick “App is in testing”.",
                testing_at, f"{link}#key", provider.owner, _step(testing_at, now, TESTING_WARN_DAYS),
            )  # fmt: skip


def _of_senders(now: datetime) -> Iterator[Ending]:
    """Senders that sign in with a password where that is about to be switched off."""
    at = datetime.combine(PASSWORDS_OFF, time(), UTC)
    rows = EmailSender.objects.filter(is_active=True, server_address__iendswith="office365.com")
    try:
        senders = list(rows)
    except SecretUnreadable as error:  # the start-up check says which key is missing
        logger.warning("the calendar leaves senders at Microsoft out: %s", error)
        return
    for sender in senders:
        if sender.password and not is_token_url(sender.password):
            yield Ending(
                f"password:{sender.pk}", f"sender {sender.name}", "sending with a password at Microsoft",
                "make an SSO provider of type Microsoft and put its token URL in place of the password.",
                at, reverse("admin:mailsenders_emailsender_change", args=[sender.pk]) + "#id_password",
                step=_step(at, now, WARN_DAYS),
            )  # fmt: skip


def _step(at: datetime, now: datetime, days: tuple[int, ...]) -> int | None:
    """The latest warning that is due: the smallest number of days that the end is not farther away than."""
    due = [each for each in days if at - now <= timedelta(days=each)]
    return min(due) if due else None
