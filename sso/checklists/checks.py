"""What UCS can see by itself of a checklist: the steps that tick themselves, by their names in lists.toml."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, prefetch_related_objects
from django.utils import timezone

from sso import oauth, secrets
from sso.fields import SecretUnreadable
from sso.models import ProviderToken, SSOProvider
from sso.providers import preset
from sso.rotation import secret_columns
from sso.rules import MANY_TENANTS, RESERVED_SCOPES, TENANT, is_secret_id

SOURCE, SENDER = "mailsources.EmailSource", "mailsenders.EmailSender"
"""The rows above that may sign in with a token; this floor knows them by name only."""

NO_SECRET = ("AADSTS7000215", "AADSTS7000222", "invalid_client", "client secret has expired")
"""What is said of a client secret that is wrong, or is no longer good."""

Users = Mapping[int, list[Model]]
"""Rows that sign in with a provider's token, by its ID."""


@dataclass(frozen=True)
class Facts:
    """What is looked at. `secret` is "" when there is none, or none that can be read."""

    provider: SSOProvider
    token: ProviderToken
    secret: str
    sources: list[Any]
    senders: list[Any]


def of_provider(provider: SSOProvider, users: Users) -> dict[str, bool]:
    """Each check with how it stands, for a provider that is stored."""
    rows = users.get(provider.pk, [])
    facts = Facts(
        provider=provider,
        token=provider.token,
        secret=_readable(provider, "client_secret"),
        sources=[row for row in rows if row._meta.label == SOURCE],
        senders=[row for row in rows if row._meta.label == SENDER],
    )
    return {name: check(facts) for name, check in CHECKS.items()}


def users_of_tokens() -> dict[int, list[Model]]:
    """Who signs in with which provider's token; a few queries, whatever their number."""
    found: dict[int, list[Model]] = {}
    for model, names in secret_columns():
        if model._meta.label not in (SOURCE, SENDER):
            continue
        for row in _rows(model, names):
            name = secrets.token_name(_readable(row, "password")) or ""
            if name.isascii() and name.isdigit():
                found.setdefault(int(name), []).append(row)
    senders = [row for rows in found.values() for row in rows if row._meta.label == SENDER]
    prefetch_related_objects(senders, "queues")
    return found


def _rows(model: type[Model], names: Iterable[str]) -> Iterator[Model]:
    rows = model._default_manager.select_related("state").order_by("pk")
    try:
        yield from list(rows)
    except SecretUnreadable:  # one of them was written with a lost key: then each by itself
        yield from rows.defer(*names)


def _readable(row: Model, name: str) -> str:
    try:
        return str(getattr(row, name) or "")
    except SecretUnreadable:
        return ""


def _has_scope(facts: Facts) -> bool:
    wanted, mail = facts.provider.scope.split(), preset(facts.provider.type).mail_scopes
    return bool(set(wanted) & set(mail)) if mail else bool(set(wanted) - RESERVED_SCOPES)


def _has_secret(facts: Facts) -> bool:
    if facts.provider.client_authentication == SSOProvider.ClientAuthentication.NONE:
        return True  # a public client has none
    if not facts.secret or _has_ended(facts):
        return False
    return not (facts.provider.type == SSOProvider.Type.MICROSOFT and is_secret_id(facts.secret))


def _has_ended(facts: Facts) -> bool:
    """Its day has come, or the server refused the client secret the last time that it saw it."""
    ends_on, token = facts.provider.secret_ends_on, facts.token
    said = token.last_error.lower() if token.needs_sign_in or token.is_failing else ""
    return bool(ends_on and ends_on < timezone.localdate()) or any(word.lower() in said for word in NO_SECRET)


def _is_one_tenant(facts: Facts) -> bool:
    tenant = facts.provider.tenant
    return bool(TENANT.match(tenant)) and tenant.lower() not in MANY_TENANTS


def _is_in_queue(facts: Facts) -> bool:
    return any(row.queues.all() for row in facts.senders)


def _is_signed_in(facts: Facts) -> bool:
    return facts.token.signed_in_at is not None and not facts.token.needs_sign_in


def _is_the_mailbox(facts: Facts) -> bool:
    """Nobody else than wanted gets through the sign-in; without a wish there is nothing to compare."""
    account, mailbox = facts.token.account.lower(), facts.provider.mailbox.lower()
    return bool(account and mailbox) and (account == mailbox or facts.provider.shared_mailbox)


def _is_granted(facts: Facts) -> bool:
    # An answer without a scope grants what was asked for (RFC 6749 section 5.1).
    granted = facts.token.granted_scope.lower().split()
    wanted = [one.lower() for one in oauth.wanted_scopes(facts.provider) if one not in RESERVED_SCOPES]
    return _is_signed_in(facts) and (not granted or set(wanted) <= set(granted))


def _is_testing_known(facts: Facts) -> bool:
    """In testing with the box ticked; published, a sign-in that has outlived the seven days."""
    signed_in, seen = facts.token.signed_in_at, facts.token.refreshed_at
    lasted = bool(signed_in and seen and (seen - signed_in).days >= 7)
    return facts.provider.in_testing or lasted


def _some_works(rows: list[Any]) -> bool:
    return any(row.state.last_success_at and not row.state.is_failing for row in rows)


CHECKS: dict[str, Callable[[Facts], bool]] = {
    "client-id": lambda facts: bool(facts.provider.client_id),
    "inserted": lambda facts: facts.provider.pk is not None,
    "secret": _has_secret,
    "scope": _has_scope,
    "tenant": _is_one_tenant,
    "addresses": lambda facts: bool(facts.provider.authorization_url and facts.provider.token_url),
    "smtp": lambda facts: bool(facts.provider.smtp_server),
    "servers": lambda facts: bool(facts.provider.mail_servers),
    "mailbox": lambda facts: bool(facts.provider.mailbox),
    "prompt": lambda facts: facts.provider.prompt != SSOProvider.Prompt.CONSENT,
    "app-only": lambda facts: facts.provider.app_only,
    "testing-known": _is_testing_known,
    "ends": lambda facts: facts.provider.secret_ends_on is not None,
    "owner": lambda facts: bool(facts.provider.owner),
    "signed-in": _is_signed_in,
    "refresh-token": lambda facts: _is_signed_in(facts) and bool(_readable(facts.token, "refresh_token")),
    "account": lambda facts: _is_signed_in(facts) and _is_the_mailbox(facts),
    "granted": _is_granted,
    "source": lambda facts: bool(facts.sources),
    "source-works": lambda facts: _some_works(facts.sources),
    "sender": lambda facts: bool(facts.senders),
    "sender-in-queue": _is_in_queue,
    "sender-works": lambda facts: _some_works(facts.senders),
}
