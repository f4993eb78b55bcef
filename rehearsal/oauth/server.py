"""The provider as a running server: one HTTP port for browsers, if wanted one HTTPS port beside it.

Everything runs in threads of its own, so it can stand beside an asyncio loop or inside a test.
"""

import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Blueprint, Flask
from joserfc.jwk import RSAKey
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from rehearsal.oauth import keeping
from rehearsal.oauth.grants import make_authorization_server
from rehearsal.oauth.store import (
    MAIL_SCOPE,
    Account,
    Client,
    Faults,
    Store,
    new_access_token,
)
from rehearsal.oauth.views import Counters, Provider, make_blueprint

HOST = "127.0.0.1"


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: codes and states stand in the query."""


class _TLSServer(ThreadedWSGIServer):
    """HTTPS whose handshake happens in the connection's own thread, so that a client which connects and
    says nothing blocks nobody else."""

    tls: ssl.SSLContext

    def get_request(self) -> tuple[Any, Any]:
        sock, address = self.socket.accept()
        return self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address


@dataclass(frozen=True)
class TLSPort:
    """An HTTPS port: the server's context and the port, 0 for a free one."""

    context: ssl.SSLContext
    port: int = 0


class OAuthServer:
    """A provider on 127.0.0.1.

    :param port: HTTP port; 0 takes a free one.
    :param accounts: who can sign in.
    :param token_life: seconds that an access token lives.
    :param tls: an HTTPS port beside the other one; the back channel (token, userinfo, …) is then there.
    :param state_file: where clients and refresh tokens survive a restart (readable by the owner only).
    :raises OSError: the port is taken.

    Any client id that ends in ``.apps.googleusercontent.com`` is accepted, and its first secret is then the
    only one; :meth:`add_client` knows exact ones.
    """

    def __init__(
        self,
        port: int = 0,
        accounts: Iterable[Account] = (),
        *,
        token_life: float = 3600,
        tls: TLSPort | None = None,
        state_file: Path | None = None,
    ) -> None:
        self.store = Store({one.email.lower(): one for one in accounts}, token_life)
        self.counters = Counters()
        self._state_file = state_file
        if state_file:
            keeping.load(self.store, state_file)
        self._lock = threading.Lock()
        self._app = Flask("rehearsal", root_path=str(Path(__file__).parents[1]))
        self._server = ThreadedWSGIServer(HOST, port, self._serve, handler=_QuietHandler)
        self._servers: list[ThreadedWSGIServer] = [self._server]
        self._tls_port = self._open_tls(tls) if tls else None
        self._threads: list[threading.Thread] = []
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        self.add_pages(
            make_blueprint(
                Provider(
                    store=self.store,
                    authorization=make_authorization_server(self.store, self.base_url, key),
                    key=key,
                    counters=self.counters,
                    endpoints=self.endpoints(),
                    issuer=self.base_url,
                )
            )
        )

    def _open_tls(self, tls: TLSPort) -> int:
        server = _TLSServer(HOST, tls.port, self._serve, handler=_QuietHandler)
        server.tls = tls.context
        self._servers.append(server)
        return server.server_port

    def add_client(self, client: Client) -> Client:
        """Know a client by its exact secret and redirect URIs."""
        self.store.clients[client.client_id] = client
        return client

    def add_pages(self, pages: Blueprint) -> None:
        """Serve more pages on the same ports. Call it before :meth:`start`."""
        self._app.register_blueprint(pages)

    def start(self) -> None:
        for server in self._servers:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Close the ports. Safe to call twice, and before :meth:`start`."""
        for server in self._servers:
            if self._threads:
                server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # One request at a time: the store knows no locks. Pages are small and answers are complete
        # before they are sent.
        with self._lock:
            answer = self._app(environ, start_response)
            if self._state_file:
                keeping.save(self.store, self._state_file)
        if self.faults.answer_after and str(environ.get("PATH_INFO")).endswith("/token"):
            time.sleep(self.faults.answer_after)
        return answer

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def tls_port(self) -> int | None:
        return self._tls_port

    @property
    def base_url(self) -> str:
        """Where browsers come, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def back_channel_url(self) -> str:
        """Where programs come: HTTPS if there is such a port."""
        return f"https://{HOST}:{self._tls_port}" if self._tls_port else self.base_url

    def endpoints(self) -> dict[str, str]:
        """All URLs, by the names used in a file of provider presets."""
        back = self.back_channel_url
        return {
            "authorization_url": f"{self.base_url}/o/oauth2/v2/auth",
            "token_url": f"{back}/token",
            "refresh_url": f"{back}/token",
            "revoke_url": f"{back}/revoke",
            "userinfo_url": f"{back}/v1/userinfo",
            "introspection_url": f"{back}/introspect",
            "jwks_url": f"{back}/oauth2/v3/certs",
        }

    @property
    def faults(self) -> Faults:
        return self.store.faults

    @property
    def token_requests(self) -> int:
        return self.counters.token_requests

    @property
    def refreshes(self) -> int:
        return self.counters.refreshes

    def owner_of(self, token: str, scope: str = MAIL_SCOPE) -> str | None:
        """The address whose live access token this is, if the token has the scope."""
        found = self.store.live_token(token)
        return found.grant.account.email if found and scope in found.grant.scope.split() else None

    def issue(self, email: str, client: Client, scope: str = MAIL_SCOPE) -> tuple[str, str]:
        """An access and a refresh token without any page, as if the account had consented just now."""
        account = self.store.account(email)
        if account is None:
            raise LookupError(f"There is no account {email}.")
        with self._lock:
            grant = self.store.new_grant(client, account, client.get_allowed_scope(scope), True)
            token = new_access_token()
            self.store.keep_access_token(token, grant)
        return token, grant.refresh_token or ""

    def expire_access_tokens(self) -> None:
        """Make every access token given so far too old; refresh tokens stay good."""
        with self._lock:
            for token in self.store.access_tokens.values():
                token.expires_at = 0

    def revoke_all(self, email: str) -> None:
        """End every grant of the account, as the owner can do on Google's security page."""
        with self._lock:
            for grant in self.store.grants:
                if grant.account.email == email:
                    grant.revoked = True
