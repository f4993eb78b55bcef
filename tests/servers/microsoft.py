"""A login service in Microsoft's shape over HTTPS, with one tenant."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from joserfc.jwk import RSAKey

from rehearsal.oauth import Account, OAuthServer, TLSPort
from rehearsal.oauth.microsoft import App, Session, Tenant, make_blueprint, new_tenant
from tests.servers.authority import Authority


@dataclass(frozen=True)
class Microsoft:
    """`url` is the authority's host, `bundle` the file with its certificate authority."""

    url: str
    tenant: Tenant
    bundle: Path

    def add_app(self, *redirect_uris: str) -> App:
        """Register an application."""
        app = App(f"app-{len(self.tenant.apps) + 1}", "abc8Q~value-of-the-secret", redirect_uris)
        self.tenant.apps[app.client_id] = app
        return app

    def issue(self, app: App, email: str, scope: tuple[str, ...]) -> str:
        """A refresh token without any page, as if the account had consented just now."""
        token = f"0.A{uuid4()}"
        self.tenant.refresh_tokens[token] = Session(app, self.tenant.accounts[email], scope)
        return token


@contextmanager
def running(authority: Authority, *accounts: str, guests: tuple[str, ...] = ()) -> Iterator[Microsoft]:
    """A started service."""
    certificate = authority.certificate()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    server = OAuthServer(tls=TLSPort(context))
    people = [Account(email) for email in accounts] + [Account(email, guest=True) for email in guests]
    tenant = new_tenant(people)
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    server.add_pages(make_blueprint(tenant, server.back_channel_url, key))
    with server:
        yield Microsoft(server.back_channel_url, tenant, authority.bundle)
