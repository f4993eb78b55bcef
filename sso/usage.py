"""Which rows sign in with a provider's token, whatever floor they live on."""

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from sso import secrets
from sso.fields import SecretUnreadable, opened
from sso.health import Health
from sso.rotation import as_stored, secret_columns


def rows_with_token_of(provider_id: int) -> list[Model]:
    """All rows with a secret that is this provider's token URL.

    Secrets can't be searched, so each is opened: there are as many as mailboxes, not as mails. Only what
    signs in at a server, and says by `belongs` at which, can have a token: not texts that are kept sealed.
    """
    return [
        row
        for model, names in secret_columns()
        if hasattr(model, "belongs")
        for row in _rows(model, names, provider_id)
    ]


def users_with_pages(provider_id: int) -> list[tuple[Model, str]]:
    """The same, each with the address of its page in the administration, "" if it has none."""
    return [(row, _page(row)) for row in rows_with_token_of(provider_id)]


def _page(row: Model) -> str:
    if not admin.site.is_registered(type(row)):
        return ""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _rows(model: type[Model], names: list[str], provider_id: int) -> list[Model]:
    stored = as_stored(names)
    rows = model._default_manager.annotate(**stored).order_by("pk").values_list("pk", *stored)
    pks = [pk for pk, *values in rows if any(_means(value, provider_id) for value in values)]
    return list(model._default_manager.filter(pk__in=pks).defer(*names).order_by("pk")) if pks else []


def wake_users(provider_id: int) -> None:
    """Let everybody who failed for want of this provider's token try again now: it is there again."""
    for row in rows_with_token_of(provider_id):
        state = getattr(row, "state", None)
        if isinstance(state, Health):
            rows = type(state)._default_manager.filter(pk=state.pk, failures__gt=0)
            rows.update(next_attempt_at=timezone.now())


def _means(value: str | None, provider_id: int) -> bool:
    try:
        return bool(value) and secrets.token_name(opened(value or "", "a password")) == str(provider_id)
    except SecretUnreadable:
        return False
