"""Builders of rows: each takes what the test cares about and fills in the rest."""

from itertools import count
from typing import Any

from rehearsal.oauth import Client, OAuthServer
from sso import tokens
from sso.models import SSOProvider
from sso.oauth import Grant

_numbers = count(1)


def make_provider(**overrides: Any) -> SSOProvider:
    """An SSO provider that nobody has signed in."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "name": f"google-{number}",
        "client_id": f"{number}-test.apps.googleusercontent.com",
        "client_secret": f"client-secret-{number}",
        "scope": "https://mail.google.com/",
    }
    return SSOProvider.objects.create(**(values | overrides))


def make_signed_in_provider(server: OAuthServer, email: str, **overrides: Any) -> SSOProvider:
    """An SSO provider at `server`, signed in for the account `email`, with a token that lives for an hour."""
    urls = server.endpoints()
    endpoints = {name: urls[name] for name in ("authorization_url", "token_url", "refresh_url")}
    provider = make_provider(mailbox=email, **(endpoints | overrides))
    client = Client(provider.client_id, provider.client_secret)
    access_token, refresh_token = server.issue(email, server.add_client(client))
    tokens.keep_sign_in(provider, Grant(access_token, refresh_token, "", provider.scope, 3600), email, None)
    return provider
