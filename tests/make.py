"""Builders of rows: each takes what the test cares about and fills in the rest."""

from itertools import count
from typing import Any

from mailsenders import outbox
from mailsenders.models import EmailSender, OutgoingMail
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


def make_sender(**overrides: Any) -> EmailSender:
    """A sender for support@example.com, at a port where nobody listens."""
    values: dict[str, Any] = {
        "name": f"support-out-{next(_numbers)}",
        "server_type": EmailSender.ServerType.NONE,
        "server_address": "127.0.0.1",
        "service_port": 9,
        "email_address": "support@example.com",
    }
    return EmailSender.objects.create(**(values | overrides))


def make_outgoing(sender: EmailSender | None = None, **overrides: Any) -> OutgoingMail:
    """A mail in the outbox; the fields are those of `outbox.Envelope`."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "sender": sender or make_sender(),
        "raw": make_raw(number),
        "message_id": f"out-{number}@example.com",
        "mail_from": "support@example.com",
        "recipients": ("charlie@customer.example",),
        "order_key": number,
    }
    return outbox.enqueue(outbox.Envelope(**(values | overrides)))


def make_raw(number: int = 1) -> bytes:
    """A small mail as it goes over the wire, with a line that begins with a dot."""
    return (
        "From: Support <support@example.com>\r\n"
        "To: charlie@customer.example\r\n"
        f"Subject: Answer {number}\r\n"
        f"Message-ID: <out-{number}@example.com>\r\n"
        "\r\n"
        "Good morning,\r\n"
        ".this line begins with a dot.\r\n"
    ).encode()
