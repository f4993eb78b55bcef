"""One renewal of a token: claim the row, ask the provider, write down what came of it.

Used by `sso/tokens.py`, which decides when. A claim is a conditional update, committed before the provider is
asked; the answer is written only if the row's fence is still the claim's own.
"""

import logging
import time
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, close_old_connections
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from sso import deaths, oauth, token_requests
from sso.hearing import Hearing, listening
from sso.models import ProviderToken
from sso.oauth import Grant, NeedsSignIn, ProviderDown, ProviderRefused, SignInError

logger = logging.getLogger(__name__)

CLAIM = timedelta(seconds=90)  # longer than one request may take (`guard`), by the database's clock
WRITE_PAUSES = (0.1, 0.5, 1, 2, 4, 8)
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=5)
LAST_CHANCE = timedelta(minutes=1)  # before the old token ends, whatever the pause would be
LONGEST_ASKED_PAUSE = timedelta(hours=1)
SETTINGS_PAUSE = timedelta(hours=1)


def claim(token: ProviderToken) -> bool:
    """Be the one who refreshes; only if nothing has changed since the row was read.

    The database's clock decides: a machine whose own runs ahead steals no claim.
    """
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=Now())
    rows = ProviderToken.objects.filter(free, pk=token.pk, fence=token.fence)
    if not rows.update(claimed_until=Now() + CLAIM, fence=token.fence + 1):
        return False
    token.fence += 1
    return True


def renew(token: ProviderToken) -> bool:
    """Ask the provider once and settle the claim; whether it gave a token."""
    with listening(Hearing("HTTPS")) as heard:
        is_good = _renew(token)
    token_requests.note(token.provider, heard, is_good=is_good)
    return is_good


def _renew(token: ProviderToken) -> bool:
    provider = token.provider
    try:
        app_only = provider.app_only
        grant = oauth.app_token(provider) if app_only else oauth.refresh(provider, token.refresh_token)
    except NeedsSignIn as error:
        error.sentence = deaths.explained(token, error, timezone.now())
        _settle_failure(token, error, needs_sign_in=True)
    except ProviderRefused as error:
        _settle_failure(token, error, settings_refused=True, next_attempt_at=timezone.now() + SETTINGS_PAUSE)
    except ProviderDown as error:
        _settle_failure(token, error, next_attempt_at=_next_attempt(token, error, timezone.now()))
    else:
        values = token_values(grant, timezone.now())
        if grant.refresh_token:  # most providers give none; the old one stays good then
            values["refresh_token"] = grant.refresh_token
        if app_only:  # nobody need have clicked 🔑
            values |= {
                "signed_in_at": token.signed_in_at or timezone.now(),
                "account": provider.mailbox.lower(),
            }
        values["given_to"] = provider.client_mark
        _settle(token, **values)
        logger.info("token of provider %s refreshed", provider.pk)
        return True
    return False


def _next_attempt(token: ProviderToken, error: ProviderDown, now: datetime) -> datetime:
    """Later after each failure, but once more before the old token ends, if the provider asks for no more."""
    at = now + min(FIRST_PAUSE * float(2 ** min(token.failures, 10)), LONGEST_PAUSE)
    if token.expires_at and token.expires_at - LAST_CHANCE > now + FIRST_PAUSE:
        at = min(at, token.expires_at - LAST_CHANCE)
    return max(at, now + min(timedelta(seconds=error.wait), LONGEST_ASKED_PAUSE))


def token_values(grant: Grant, now: datetime) -> dict[str, object]:
    """The columns that a new token fills; the refresh token is not among them."""
    values: dict[str, object] = {
        "access_token": grant.access_token,
        "lifetime": grant.lifetime,
        "expires_at": now + timedelta(seconds=grant.lifetime),
        "refreshed_at": now,
        "last_success_at": now,
        "last_error": "",
        "last_cause": "",
        "failures": 0,
        "next_attempt_at": None,
        "needs_sign_in": False,
        "settings_refused": False,
    }
    if grant.scope:
        values["granted_scope"] = grant.scope
    return values


def _settle_failure(token: ProviderToken, error: SignInError, **values: object) -> None:
    logger.warning("token of provider %s: %s", token.provider_id, type(error).__name__)
    _settle(
        token,
        last_error=error.sentence,
        last_cause=error.cause.name,
        last_error_at=timezone.now(),
        failures=F("failures") + 1,
        **values,
    )


def _settle(token: ProviderToken, **values: object) -> None:
    """Write the outcome and let the claim go, unless a sign-in or a later claim came between.

    The fence rises here as well: who read the row during the claim must read it again.
    """
    rows = ProviderToken.objects.filter(pk=token.pk, fence=token.fence)
    for pause in WRITE_PAUSES:  # a refresh token that was replaced can't be asked for again
        try:
            rows.update(claimed_until=None, fence=token.fence + 1, **values)
        except (OperationalError, InterfaceError):
            logger.warning("the new token of provider %s can't be written yet", token.provider_id)
            close_old_connections()
            time.sleep(pause)
        else:
            return
    rows.update(claimed_until=None, fence=token.fence + 1, **values)
