"""Tokens are refreshed before they end, so that no mail waits for one."""

import logging

from celery import shared_task
from django.utils import timezone

from sso import tokens
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
