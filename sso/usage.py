"""Which rows sign in with a provider's token, whatever floor they live on."""

from django.db.models import Model
from django.utils import timezone

from sso import secrets
from sso.connection_models import FormerSecret
from sso.fields import SecretUnreadable
from sso.health import Health
from sso.rotation import secret_columns


def rows_with_token_of(provider_id: int) -> list[Model]:
    """All rows with a secret that is this provider's token URL.

    Secrets can't be searched, so each is looked at: there are as many as mailboxes, not as mails.
    """
    return [
        row
        for model, names in secret_columns()
        if model is not FormerSecret
        for row in model._default_manager.defer(*names).order_by("pk")
        if any(_means(row, name, provider_id) for name in names)
    ]


def wake_users(provider_id: int) -> None:
    """Let everybody who failed for want of this provider's token try again now: it is there again."""
    for row in rows_with_token_of(provider_id):
        state = getattr(row, "state", None)
        if isinstance(state, Health):
            rows = type(state)._default_manager.filter(pk=state.pk, failures__gt=0)
            rows.update(next_attempt_at=timezone.now())


def _means(row: Model, name: str, provider_id: int) -> bool:
    try:
        return secrets.token_name(getattr(row, name) or "") == str(provider_id)
    except SecretUnreadable:
        return False
