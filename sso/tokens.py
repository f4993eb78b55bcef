"""Access tokens that are always fresh; with `sso/renewal.py` the only writer of `ProviderToken`.

Who needs a token calls `access_token`. When the stored one is about to end, one process claims the row
(conditional update, committed), asks the provider outside any transaction, and writes the answer if the
row's fence is still its own; all others wait for the row to change. A claim left by a process that died
runs out by itself.

    fresh enough ─────────────────────────────────────────────▶ return it
    about to end ──claim──▶ ask the provider ──new token──▶ store, return it
                     │              ├──down──▶ back off; the old one is used while it lives
                     │              └──dead──▶ needs sign-in
                     └──another has the claim──▶ wait for it
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from sso import causes
from sso.causes import Cause
from sso.fields import SecretUnreadable
from sso.models import ProviderToken, SSOProvider
from sso.oauth import Grant, NeedsSignIn, ProviderDown, ProviderRefused, SignInError
from sso.renewal import claim, renew, token_values

__all__ = [
    "NeedsSignIn",
    "NotSignedIn",
    "ProviderDown",
    "ProviderRefused",
    "SignInError",
    "UnknownProvider",
    "access_token",
    "due",
    "keep_sign_in",
    "settings_changed",
]

AT_LEAST = timedelta(minutes=10)
EARLIER = timedelta(seconds=90)  # the task looks each minute and must come before anybody has to wait
ALMOST_OVER = timedelta(seconds=30)
WAIT_SECONDS = 30.0
IDLE = timedelta(days=7)  # providers forget a refresh token that nobody uses for months


KEY = Cause("not_signed_in", "provider.key")


class UnknownProvider(SignInError):
    """There is no provider with that id."""

    cause = Cause("unknown_provider", "password")


class NotSignedIn(SignInError):
    """The provider has never been signed in."""

    cause = KEY


@dataclass(frozen=True)
class Wish:
    """What would do: a token that lives `margin` longer, and isn't the one a mail server has refused.

    :param not_of: when the refused token was fetched.
    :param longest_idle: the refresh token has been used within that time.
    :param is_firm: no token is better than one that ends sooner.
    """

    margin: timedelta
    not_of: datetime | None = None
    longest_idle: timedelta | None = None
    is_firm: bool = False

    def is_met(self, token: ProviderToken, now: datetime) -> bool:
        if not token.access_token or token.expires_at is None or self.is_refused(token):
            return False
        if self.longest_idle and token.refreshed_at and now - token.refreshed_at >= self.longest_idle:
            return False
        return lasts(token.expires_at, token.lifetime, self.margin, now)

    def is_refused(self, token: ProviderToken) -> bool:
        return self.not_of is not None and token.refreshed_at == self.not_of


def lasts(expires_at: datetime, lifetime: int, margin: timedelta, now: datetime) -> bool:
    """Whether a token lives for the margin, or for half its life if that is shorter."""
    return expires_at - now >= min(margin, timedelta(seconds=lifetime / 2))


def access_token(provider_id: int, *, force: bool = False, firm: bool = False) -> str:
    """A token that is valid for 10 more minutes, or half its life if that is shorter.

    Call it outside of transactions, as it may ask the provider. While the provider is down the old token
    is given for as long as it lives: our own work needs it for seconds.

    :param force: refresh it now, because a mail server refused the present one.
    :param firm: for who keeps it longer: none, rather than one that ends sooner.
    :raises UnknownProvider: no such id.
    :raises NotSignedIn: 🔑 has not been clicked yet.
    :raises NeedsSignIn: the sign-in has ended.
    :raises ProviderRefused: the provider's settings are wrong.
    :raises ProviderDown: no token now; later perhaps.
    """
    not_of = _load(provider_id).refreshed_at if force else None
    return _provide(provider_id, Wish(AT_LEAST, not_of, is_firm=firm))


def try_again(provider_id: int) -> None:
    """Refresh now, because a person asks: also after a refusal for good, as its reason may be gone.

    :raises SignInError: as `access_token`.
    """
    token = _load(provider_id)
    if (token.refresh_token or token.provider.app_only) and not _is_for_another(token):
        ProviderToken.objects.filter(pk=token.pk, fence=token.fence).update(
            needs_sign_in=False, next_attempt_at=None, fence=token.fence + 1
        )
    access_token(provider_id, force=True)


def row_of(provider_id: int) -> ProviderToken:
    """The token's row, without the secrets, for pages."""
    return ProviderToken.objects.defer("access_token", "refresh_token").get(provider=provider_id)


def keep_fresh(provider_id: int) -> None:
    """Refresh the token if it ends soon, or if its sign-in was not used for a week: the periodic task's work.

    Raises as `access_token` does.
    """
    _provide(provider_id, Wish(AT_LEAST + EARLIER, longest_idle=IDLE))


def due(now: datetime) -> list[int]:
    """The providers whose tokens end soon, or whose sign-ins lie idle, and that may be asked now."""
    margin = AT_LEAST + EARLIER
    rows = ProviderToken.objects.filter(needs_sign_in=False, signed_in_at__isnull=False).filter(
        Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now),
        Q(claimed_until__isnull=True) | Q(claimed_until__lte=Now()),
        Q(expires_at__lte=now + margin) | Q(refreshed_at__lte=now - IDLE),
    )
    found = rows.values_list("provider_id", "expires_at", "lifetime", "refreshed_at")
    return [
        pk
        for pk, expires_at, lifetime, refreshed_at in found
        if (expires_at and not lasts(expires_at, lifetime, margin, now))
        or (refreshed_at and now - refreshed_at >= IDLE)
    ]


def keep_sign_in(provider: SSOProvider, grant: Grant, account: str, user_id: int | None) -> None:
    """Store what a sign-in gave, in the place of all that was there before."""
    now = timezone.now()
    ProviderToken.objects.filter(provider=provider).update(
        **token_values(grant, now),
        refresh_token=grant.refresh_token,
        account=account,
        signed_in_at=now,
        signed_in_by_id=user_id,
        given_to=provider.client_mark,
        claimed_until=None,
        fence=F("fence") + 1,
    )


def settings_changed(provider: SSOProvider) -> None:
    """After a provider was edited: try again at once, and ask for a new sign-in if the old one is void."""
    token = ProviderToken.objects.select_related("provider").get(provider=provider)
    token.next_attempt_at = None
    token.save(update_fields=["next_attempt_at"])
    if is_void(token):
        _end(token)
        return
    if _is_for_another(token):
        _ask_again(
            token,
            f"{provider} is now for {provider.mailbox}, but {token.account} is signed in: click 🔑 and "
            f"sign in as {provider.mailbox}.",
        )


def _is_for_another(token: ProviderToken) -> bool:
    """Whether another account has signed in than the mailbox that the settings name."""
    provider = token.provider
    named = provider.mailbox and not provider.shared_mailbox and not provider.app_only
    return bool(token.account and named and provider.mailbox.lower() != token.account)


def is_void(token: ProviderToken) -> bool:
    """Whether the sign-in was given to another client or by another server than the settings name now."""
    return bool(token.given_to) and token.given_to != token.provider.client_mark


def _end(token: ProviderToken) -> None:
    """Forget a void sign-in: its tokens must not reach another server. An app fetches its own anew."""
    nothing = {
        "access_token": "",
        "refresh_token": "",
        "expires_at": None,
        "given_to": "",
        "granted_scope": "",
    }
    if token.provider.app_only:
        rows = ProviderToken.objects.filter(pk=token.pk)
        rows.update(**nothing, needs_sign_in=False, claimed_until=None, fence=F("fence") + 1)
        return
    _ask_again(
        token,
        f"{token.provider} has another client, tenant or server now than the one that signed in: click 🔑 "
        "and sign in again.",
        **nothing,
    )


def _ask_again(token: ProviderToken, sentence: str, **values: object) -> None:
    ProviderToken.objects.filter(pk=token.pk, fence=token.fence).update(
        **values,
        needs_sign_in=True,
        claimed_until=None,
        fence=F("fence") + 1,
        last_error=sentence,
        last_cause="",
        last_error_at=timezone.now(),
        failures=F("failures") + 1,
    )


def _provide(provider_id: int, wish: Wish) -> str:
    give_up = time.monotonic() + WAIT_SECONDS
    pause, is_ours = 0.02, False
    while True:
        token = _load(provider_id)
        now = timezone.now()
        if is_void(token):  # a settings file, or another program, has changed the provider
            _end(token)
            continue
        _check_signed_in(token)
        if wish.is_met(token, now) or (is_ours and token.access_token):
            return token.access_token
        if token.next_attempt_at and token.next_attempt_at > now:
            return _old_token(token, wish, _backing_off(token))
        if claim(token):
            is_ours = renew(token)  # what was fetched just now is the best there is
        elif time.monotonic() > give_up:
            busy = ProviderDown(f"{token.provider}: another process is still asking for a token.")
            return _old_token(token, wish, busy)
        else:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)


def _load(provider_id: int) -> ProviderToken:
    try:
        return ProviderToken.objects.select_related("provider").get(provider=provider_id)
    except ProviderToken.DoesNotExist:
        raise UnknownProvider(
            f"There is no SSO provider {provider_id}: look up the ID under ☰ System → SSO providers."
        ) from None
    except SecretUnreadable as error:
        raise ProviderRefused(f"SSO provider {provider_id}: {error}") from error


def _check_signed_in(token: ProviderToken) -> None:
    if token.needs_sign_in:
        raise _with_cause(
            NeedsSignIn(token.last_error or f"{token.provider} must sign in again: click 🔑."), token
        )
    _check_begun(token)


def check_begun(provider_id: int) -> None:
    """Raise NotSignedIn when nobody has signed in yet; a sign-in that has ended is let pass."""
    _check_begun(_load(provider_id))


def has_begun(provider_id: int) -> bool:
    """Whether somebody has ever signed a mailbox in; a sign-in that has ended counts."""
    try:
        check_begun(provider_id)
    except NotSignedIn:
        return False
    return True


def _check_begun(token: ProviderToken) -> None:
    if not token.refresh_token and not token.provider.app_only:
        raise NotSignedIn(
            f"{token.provider} is not signed in yet: click 🔑 under ☰ System → SSO providers and sign in"
            + (f" as {token.provider.mailbox}." if token.provider.mailbox else " with the mailbox user.")
        )


def _backing_off(token: ProviderToken) -> SignInError:
    kind = ProviderRefused if token.settings_refused else ProviderDown
    return _with_cause(kind(token.last_error or f"{token.provider} is not answering."), token)


def _with_cause(error: SignInError, token: ProviderToken) -> SignInError:
    """The error, with what it meant when it came first."""
    error.cause = causes.named(token.last_cause) or KEY
    return error


def _old_token(token: ProviderToken, wish: Wish, error: SignInError) -> str:
    """The stored token while it lives, unless it was refused or another is a must; else the error."""
    lives = token.expires_at is not None and token.expires_at - timezone.now() > ALMOST_OVER
    if token.access_token and lives and not (wish.is_refused(token) or wish.is_firm):
        return token.access_token
    raise error
