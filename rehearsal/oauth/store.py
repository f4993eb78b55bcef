"""What the OAuth provider remembers: accounts, clients, codes, grants and access tokens.

A *grant* is one consent of one account to one client. It may own a refresh token; access tokens belong to
a grant and die with it. Clients and grants with a refresh token survive a restart (:mod:`.keeping`), so
that a product connected yesterday is still connected today.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

MAIL_SCOPE = "https://mail.google.com/"
#: What Google calls the short OpenID scopes in its answers.
LONG_SCOPES = {
    "email": "https://www.googleapis.com/auth/userinfo.email",
    "profile": "https://www.googleapis.com/auth/userinfo.profile",
}
SCOPES = {MAIL_SCOPE, "openid", *LONG_SCOPES, *LONG_SCOPES.values()}


def long_scope(words: Iterable[str]) -> str:
    """The scope in Google's spelling, each word once, in the given order."""
    return " ".join(dict.fromkeys(LONG_SCOPES.get(word, word) for word in words))


CLIENT_ID_SUFFIX = ".apps.googleusercontent.com"
CODE_LIFE = 600


@dataclass(frozen=True)
class Account:
    """A person or a mailbox that can sign in here.

    :param guest: Microsoft's word for somebody of another tenant.
    :param verified: the address was confirmed; Google lets one sign up with an address of another firm.
    """

    email: str
    name: str = ""
    verified: bool = True
    guest: bool = False

    @property
    def subject(self) -> str:
        """A stable identifier (``sub``): 21 digits, as Google's are."""
        digest = hashlib.sha256(self.email.lower().encode()).digest()
        return str(int.from_bytes(digest, "big"))[:21]


@dataclass
class Client:
    """An application. Without redirect URIs it may use any ``…/login/oauth2/<name>``; an empty secret is
    fixed by the first one that the client presents. ``authentication``: how it may show who it is
    (RFC 7591 section 2), ``none`` for a public client."""

    client_id: str
    secret: str = field(default="", repr=False)
    redirect_uris: tuple[str, ...] = ()
    authentication: tuple[str, ...] = ("client_secret_basic", "client_secret_post")

    # The rest is what Authlib asks of a client (RFC 6749 section 2).
    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        return self.redirect_uris[0] if self.redirect_uris else None

    def get_allowed_scope(self, scope: str | None) -> str:
        return long_scope(word for word in (scope or "").split() if word in SCOPES)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        if self.redirect_uris:
            return redirect_uri in self.redirect_uris
        parts = urlsplit(redirect_uri)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.netloc)
            and parts.path.startswith("/login/oauth2/")
            and not parts.fragment
        )

    def check_client_secret(self, client_secret: str) -> bool:
        if not self.secret:
            self.secret = client_secret
        return secrets.compare_digest(self.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in self.authentication

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass(eq=False)
class Grant:
    """One consent; see the module."""

    client: Client
    account: Account
    scope: str
    refresh_token: str | None = field(default=None, repr=False)
    revoked: bool = False
    spent: set[str] = field(default_factory=set, repr=False)
    used_at: float = field(default_factory=time.time)

    def rotate(self) -> str:
        """Give out another refresh token in the place of the present one."""
        if self.refresh_token:
            self.spent.add(self.refresh_token)
        self.refresh_token = new_refresh_token()
        return self.refresh_token


@dataclass(eq=False)
class AccessToken:
    """A bearer token. ``expires_at`` is epoch seconds."""

    value: str = field(repr=False)
    grant: Grant
    issued_at: float
    expires_at: float

    def is_expired(self) -> bool:
        return time.time() >= self.expires_at

    def is_revoked(self) -> bool:
        return self.grant.revoked

    def check_client(self, client: Client) -> bool:
        return self.grant.client is client


@dataclass(eq=False)
class RefreshToken:
    """A refresh token as Authlib wants to see it; the truth is the grant."""

    grant: Grant

    def get_scope(self) -> str:
        # A client may ask for what it asked for at the start: the short names.
        short = [name for name, long in LONG_SCOPES.items() if long in self.grant.scope.split()]
        return " ".join([self.grant.scope, *short])

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return self.grant.revoked

    def check_client(self, client: Client) -> bool:
        return self.grant.client is client


@dataclass(eq=False)
class Code:
    """An authorization code waiting to be exchanged, with the request that made it (RFC 6749, 7636)."""

    value: str
    client: Client
    account: Account
    redirect_uri: str
    scope: str
    wants_refresh_token: bool
    nonce: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    issued_at: float = field(default_factory=time.time)

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(self.issued_at)

    def get_acr(self) -> str | None:
        return None

    def get_amr(self) -> list[str] | None:
        return None


@dataclass
class Faults:
    """Switches that make the provider misbehave, for tests and for training.

    ``refresh`` is a list of what the next refreshes answer, used up from the front: ``server_error`` (500),
    ``unavailable`` (503), ``too_many_requests`` (429), ``invalid_grant``, ``invalid_client``,
    ``broken_json``. Mind that Google's own client library repeats a refresh after a 5xx or 429.

    ``identity`` are claims that an id_token states over the true ones; with ``foreign_signature`` it is
    signed with a key that is nowhere published.
    ``standing`` is what every token request is answered while it stands there. ``answer_after``: seconds that
    each answer of the token endpoint takes to come, though its work is done at once.
    ``end_on_reuse``: who shows a refresh token that was replaced ends the whole grant (RFC 9700 section
    4.14.2). ``unused_life``: seconds after which a refresh token that nobody uses is dead, 0 for never.
    """

    refresh: list[str] = field(default_factory=list)
    standing: "Refusal | None" = None
    answer_after: float = 0
    omit_refresh_token: bool = False
    identity: dict[str, Any] = field(default_factory=dict)
    foreign_signature: bool = False
    rotate_refresh_tokens: bool = False
    end_on_reuse: bool = False
    unused_life: float = 0


@dataclass(frozen=True)
class Refusal:
    """An answer of the token endpoint that is none of Authlib's."""

    error: str
    description: str = ""
    status: int = 400
    more: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> str:
        """As JSON (RFC 6749 section 5.2)."""
        words = {"error_description": self.description} if self.description else {}
        return json.dumps({"error": self.error, **words, **self.more})


@dataclass
class Store:
    """Everything, in memory."""

    accounts: dict[str, Account]
    token_life: float
    faults: Faults = field(default_factory=Faults)
    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    access_tokens: dict[str, AccessToken] = field(default_factory=dict)

    def account(self, email: str) -> Account | None:
        return self.accounts.get(email.strip().lower())

    def client(self, client_id: str) -> Client | None:
        """The client of that id; one with Google's suffix is made when it is first seen."""
        known = self.clients.get(client_id)
        if known is None and client_id.endswith(CLIENT_ID_SUFFIX) and client_id != CLIENT_ID_SUFFIX:
            known = self.clients[client_id] = Client(client_id)
        return known

    def has_consented(self, client: Client, account: Account, scope: str) -> bool:
        """Whether the account has already allowed the client all of the scope."""
        wanted = set(scope.split())
        return any(
            not grant.revoked
            and grant.client is client
            and grant.account == account
            and wanted <= set(grant.scope.split())
            for grant in self.grants
        )

    def grant_of_refresh_token(self, value: str) -> Grant | None:
        for grant in self.grants:
            if value in grant.spent and self.faults.end_on_reuse:
                grant.revoked = True
            if grant.refresh_token == value and not grant.revoked and not self._is_forgotten(grant):
                return grant
        return None

    def _is_forgotten(self, grant: Grant) -> bool:
        life = self.faults.unused_life
        return bool(life) and time.time() - grant.used_at > life

    def new_grant(self, client: Client, account: Account, scope: str, with_refresh_token: bool) -> Grant:
        grant = Grant(client, account, scope)
        if with_refresh_token and not self.faults.omit_refresh_token:
            grant.refresh_token = new_refresh_token()
        self.grants.append(grant)
        return grant

    def keep_access_token(self, value: str, grant: Grant) -> None:
        now = time.time()
        self.access_tokens[value] = AccessToken(value, grant, now, now + self.token_life)

    def live_token(self, value: str) -> AccessToken | None:
        """The access token if it is known, not expired and not revoked."""
        token = self.access_tokens.get(value)
        return None if token is None or token.is_expired() or token.is_revoked() else token


def new_access_token() -> str:
    """A token of the length and look of Google's (about 220 characters)."""
    return "ya29." + secrets.token_urlsafe(160)


def new_refresh_token() -> str:
    return "1//0" + secrets.token_urlsafe(72)
