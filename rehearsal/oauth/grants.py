"""The grants and token endpoints in Authlib's terms, backed by :class:`rehearsal.oauth.store.Store`.

Where Google differs from the standards, Google is followed and the difference is named.
"""

import time
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import grants as rfc6749_grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from joserfc.jwk import RSAKey

from rehearsal.oauth.store import (
    CODE_LIFE,
    LONG_SCOPES,
    SCOPES,
    AccessToken,
    Account,
    Client,
    Code,
    RefreshToken,
    Store,
    long_scope,
    new_access_token,
)

AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]


class AuthorizationCodeGrant(rfc6749_grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        data = request.payload.data
        store: Store = self.server.store
        # Google: a refresh token needs access_type=offline and a consent given just now.
        fresh_consent = "consent" in data.get("prompt", "") or not store.has_consented(
            request.client, request.user, request.scope
        )
        store.codes[code] = Code(
            value=code,
            client=request.client,
            account=request.user,
            redirect_uri=request.payload.redirect_uri or request.client.get_default_redirect_uri(),
            scope=request.scope,
            wants_refresh_token=data.get("access_type") == "offline" and fresh_consent,
            nonce=data.get("nonce"),
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found: Code | None = self.server.store.codes.get(code)
        if found is None or found.client is not client or time.time() > found.issued_at + CODE_LIFE:
            return None
        return found

    def delete_authorization_code(self, authorization_code: Code) -> None:
        self.server.store.codes.pop(authorization_code.value, None)

    def authenticate_user(self, authorization_code: Code) -> Account:
        return authorization_code.account


class RefreshTokenGrant(rfc6749_grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        grant = self.server.store.grant_of_refresh_token(refresh_token)
        return RefreshToken(grant) if grant else None

    def authenticate_user(self, refresh_token: RefreshToken) -> Account:
        return refresh_token.grant.account

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """Nothing: Google's refresh tokens stay; a rotated one was replaced in :func:`save_token`."""


class OpenID(OpenIDCode):
    """Adds the id_token when ``openid`` was asked for (OpenID Connect Core 3.1)."""

    def __init__(self, issuer: str, key: RSAKey, store: Store) -> None:
        super().__init__(require_nonce=False)
        self.issuer = issuer
        self.key = key
        self.store = store

    def resolve_client_private_key(self, client: Client) -> RSAKey:
        return RSAKey.generate_key(2048) if self.store.faults.foreign_signature else self.key

    def get_client_algorithm(self, client: Client) -> str:
        return "RS256"

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self.issuer, "aud": client.client_id, "azp": client.client_id}

    def get_encode_header(self, client: Client) -> dict[str, Any]:
        return {"alg": "RS256", "kid": self.key.kid, "typ": "JWT"}

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        """Never: the consent page and its answer bring the same nonce twice."""
        return False

    def generate_user_info(self, user: Account, scope: str) -> UserInfo:
        return UserInfo(user_info(user, scope) | self.store.faults.identity)


class Introspection(IntrospectionEndpoint):
    """RFC 7662. Google has none of that shape; mail servers in tests use it. Any known client may ask."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> Any:
        return find_token(self.server.store, token_string)

    def check_permission(self, token: Any, client: Client, request: OAuth2Request) -> bool:
        return True

    def introspect_token(self, token: AccessToken | RefreshToken) -> dict[str, Any]:
        grant = token.grant
        answer: dict[str, Any] = {
            "active": True,
            "client_id": grant.client.client_id,
            "token_type": "Bearer",
            "username": grant.account.email,
            "email": grant.account.email,
            "scope": grant.scope,
            "sub": grant.account.subject,
        }
        if isinstance(token, AccessToken):
            answer |= {"exp": int(token.expires_at), "iat": int(token.issued_at)}
        return answer


class Revocation(RevocationEndpoint):
    """RFC 7009 as Google does it: the token alone is enough, no client authentication, and a token nobody
    knows is a 400. Revoking either token ends the whole grant."""

    def authenticate_endpoint_client(self, request: OAuth2Request) -> Client:
        value = request.payload.data.get("token", "")
        token = find_token(self.server.store, value)
        if token is None:
            raise OAuth2Error("Token is not known, expired or revoked.", error="invalid_token")
        return token.grant.client

    def check_params(self, request: OAuth2Request, client: Client) -> None:
        """Nothing: the token was found already, and Google takes it from the query, too."""

    def authenticate_token(self, request: OAuth2Request, client: Client) -> Any:
        return find_token(self.server.store, request.payload.data["token"])

    def revoke_token(self, token: Any, request: OAuth2Request) -> None:
        token.grant.revoked = True


def find_token(store: Store, value: str) -> AccessToken | RefreshToken | None:
    """An access or refresh token that is still good."""
    access_token = store.live_token(value)
    if access_token is not None:
        return access_token
    grant = store.grant_of_refresh_token(value)
    return RefreshToken(grant) if grant else None


def user_info(account: Account, scope: str) -> UserInfo:
    """The claims about an account that the scope allows (OpenID Connect Core 5.4)."""
    words = scope.split()
    info = UserInfo(sub=account.subject)
    if LONG_SCOPES["email"] in words:
        info |= {"email": account.email, "email_verified": account.verified}
        domain = account.email.rpartition("@")[2]
        # Google names the hosted domain for accounts of an organisation only.
        info |= {"hd": domain} if account.verified and domain != "gmail.com" else {}
    if LONG_SCOPES["profile"] in words:
        info["name"] = account.name or account.email
    return info


def generate_token(
    grant_type: str,
    client: Client,
    user: Account | None = None,
    scope: str | None = None,
    expires_in: int | None = None,
    include_refresh_token: bool = True,
) -> dict[str, Any]:
    """Authlib's token generator. The refresh token is decided in :func:`save_token`."""
    return {
        "access_token": new_access_token(),
        "scope": long_scope((scope or "").split()),
        "token_type": "Bearer",
    }


def save_token(store: Store, token: dict[str, Any], request: OAuth2Request) -> None:
    """Keep the token and complete the answer: lifetime, and a refresh token where Google would give one."""
    if request.authorization_code:
        code: Code = request.authorization_code
        grant = store.new_grant(code.client, code.account, code.scope, code.wants_refresh_token)
        if grant.refresh_token:
            token["refresh_token"] = grant.refresh_token
    else:
        grant = request.refresh_token.grant
        grant.used_at = time.time()
        if store.faults.rotate_refresh_tokens:
            token["refresh_token"] = grant.rotate()
    store.keep_access_token(token["access_token"], grant)
    token["expires_in"] = int(store.token_life)


def make_authorization_server(store: Store, issuer: str, key: RSAKey) -> AuthorizationServer:
    """Authlib's server over the store, with PKCE optional (Google's rule for confidential clients)."""
    server = AuthorizationServer(
        query_client=store.client, save_token=lambda token, request: save_token(store, token, request)
    )
    server.store = store
    server.scopes_supported = sorted(SCOPES)
    server.register_token_generator("default", generate_token)
    server.register_grant(AuthorizationCodeGrant, [CodeChallenge(required=False), OpenID(issuer, key, store)])
    server.register_grant(RefreshTokenGrant)
    server.register_endpoint(Introspection)
    server.register_endpoint(Revocation)
    return server
