"""Tokens are refreshed before they end, so that no mail waits for one; tests that repeat themselves."""

import logging

from celery import shared_task
from django.utils import timezone

from sso import communication, retests, tokens, uses, wayback
from sso.models import ProviderToken
from sso.tokens import SignInError
from sso.usage import wake_users

logger = logging.getLogger(__name__)


@shared_task
def refresh_due() -> None:
    """Start a refresh for each token that ends soon; runs each minute, and twice does no harm."""
    for provider_id in tokens.due(timezone.now()):
        refresh.delay(provider_id=provider_id)


@shared_task
def refresh(provider_id: int) -> None:
    """Refresh one provider's token if it still has to be. What goes wrong is in its row."""
    was_refused = ProviderToken.objects.filter(provider=provider_id, settings_refused=True).exists()
    try:
        tokens.keep_fresh(provider_id)
    except SignInError as error:
        logger.info("provider %s has no fresh token: %s", provider_id, type(error).__name__)
    else:
        if was_refused:  # what it was refused for has been mended there or here
            wake_users(provider_id)


@shared_task
def retest_due() -> None:
    """Start the connection tests whose time has come; runs each minute, and twice does no harm."""
    now = timezone.now()
    for pk in retests.due(now):
        retest.delay(pk=pk)


@shared_task
def retest(pk: int) -> None:
    """Test one connection again."""
    retests.run(pk)


@shared_task
def forget_old() -> None:
    """Delete former secrets, finished tests and notes on used tokens whose time is over; runs each hour."""
    now = timezone.now()
    if deleted := wayback.forget_old(now):
        logger.info("%s former secrets were deleted, as their week is over", deleted)
    retests.forget_old(now)
    uses.forget_old(now)
    communication.forget_old(now)
