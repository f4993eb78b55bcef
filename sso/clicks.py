"""Where to click next: a cause and the connection it is about become a link to the field that mends it."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.urls import reverse

from sso import secrets
from sso.causes import Cause
from sso.models import SSOProvider
from sso.tokens import SignInError

PROVIDER = "provider."
KEY = "provider.key"
SECURITY = ("use_ssl", "server_type")
"""What “security” is called: sources have the one, senders the other."""


@dataclass(frozen=True, slots=True)
class Click:
    """A link: `url` is a page, or a mere #field of the form that one is looking at."""

    text: str
    url: str


def next_click(cause: Cause, row: Model, *, on_its_form: bool = False) -> Click | None:
    """The next click; None when nothing on our pages mends it.

    :param row: a source, a sender or a provider, saved or not.
    :param on_its_form: the link is shown on the form of that row.
    """
    if not cause.field:
        return None
    if cause.field.startswith(PROVIDER):
        return _at_provider(cause.field, row, on_its_form)
    field = _security(row) if cause.field == "security" else cause.field
    return _field(row, field, on_its_form)


def place_of(cause: Cause, row: Model) -> str:
    """The page of a saved row, at the field that mends the cause; for lists, as it asks the database nothing.

    What is to be changed at the SSO provider of a source or sender is reached by the 🔑 on its page.
    """
    page, name = _page(row), cause.field
    if name.startswith(PROVIDER):
        name = name.removeprefix(PROVIDER) if isinstance(row, SSOProvider) else "key"
    if name == "security":
        name = _security(row)
    if name == "key":
        return f"{page}#key"
    return f"{page}#id_{name}" if name in {field.name for field in row._meta.fields} else page


def _at_provider(field: str, row: Model, on_its_form: bool) -> Click | None:
    provider = row if isinstance(row, SSOProvider) else _provider_of(row)
    if provider is None:
        return _field(row, "password", on_its_form)
    on_its_form = on_its_form and provider is row
    if field == KEY:
        return Click(f"Sign in with 🔑 at {provider}", f"{'' if on_its_form else _page(provider)}#key")
    return _field(provider, field.removeprefix(PROVIDER), on_its_form)


def _provider_of(row: Any) -> SSOProvider | None:
    try:
        pk = secrets.token_provider_id(getattr(row, "password", ""))
    except SignInError:
        return None
    return SSOProvider.objects.defer("client_secret").filter(pk=pk).first() if pk else None


def _field(row: Model, name: str, on_its_form: bool) -> Click | None:
    try:
        label = str(row._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    except FieldDoesNotExist:
        return None
    if not (on_its_form or row.pk):
        return None
    where = "" if on_its_form else f" of {row}"
    return Click(
        f"Go to “{label[0].upper()}{label[1:]}”{where}", f"{'' if on_its_form else _page(row)}#id_{name}"
    )


def _security(row: Model) -> str:
    names = {field.name for field in row._meta.fields}
    return next(name for name in SECURITY if name in names)


def _page(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
