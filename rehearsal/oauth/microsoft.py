"""A provider in Microsoft's shape: tenants, resource scopes, rotating refresh tokens, AADSTS numbers.

Paths and answers follow the Microsoft identity platform, v2.0 endpoints (learn.microsoft.com). It needs
HTTPS, as Microsoft's own library refuses anything else.
"""

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Blueprint, Response, jsonify, redirect, render_template, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Response as AnyResponse

from rehearsal.oauth.store import Account

OIDC_SCOPES = ("openid", "profile", "email", "offline_access")
EXCHANGE = "https://outlook.office.com/"
MAIL_SCOPES = tuple(
    EXCHANGE + name for name in ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send")
)
APP_SCOPE = "https://outlook.office365.com/.default"
CODE_LIFE = 600
ANY_TENANT = ("common", "organizations")


@dataclass
class App:
    """A registered application. `admin_consent`: an administrator has allowed it for everybody."""

    client_id: str
    secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()
    admin_consent: bool = True


@dataclass(eq=False)
class Session:
    """One sign-in: whose, for which app, with which scopes."""

    app: App
    account: Account | None
    scope: tuple[str, ...]
    redirect_uri: str = ""
    challenge: str = ""
    began_at: float = field(default_factory=time.time)
    nonce: str = ""


@dataclass
class Tenant:
    """One directory, with everything that was handed out.

    `refuse` is what the token endpoint says next, `standing` what it says as long as it
    stands there: numbers.
    """

    id: str
    domain: str
    accounts: dict[str, Account]
    apps: dict[str, App] = field(default_factory=dict)
    token_life: int = 3600
    codes: dict[str, Session] = field(default_factory=dict)
    refresh_tokens: dict[str, Session] = field(default_factory=dict)
    access_tokens: dict[str, tuple[Session, float]] = field(default_factory=dict)
    refuse: list[str] = field(default_factory=list)
    standing: str = ""
    requests: int = 0

    def owner_of(self, token: str, scope: str = MAIL_SCOPES[0]) -> str | None:
        """Whose living access token this is, if it is good for the scope; an app's is good for everybody."""
        session, until = self.access_tokens.get(token, (None, 0.0))
        if session is None or time.time() >= until:
            return None
        if session.account is None:
            return "*"
        return session.account.email if scope in session.scope else None

    def expire_access_tokens(self) -> None:
        """Make every access token given so far too old."""
        self.access_tokens = {token: (session, 0.0) for token, (session, _) in self.access_tokens.items()}

    def revoke_all(self) -> None:
        """End every sign-in, as a change of the password does."""
        self.refresh_tokens.clear()


class Refused(Exception):
    """An error of the login service: OAuth code, number, words."""

    def __init__(self, error: str, number: int, words: str) -> None:
        super().__init__(words)
        self.error = error
        self.number = number
        self.words = f"AADSTS{number}: {words} Trace ID: {uuid4()} Timestamp: 2026-01-01 00:00:00Z"

    def as_json(self) -> dict[str, Any]:
        return {"error": self.error, "error_description": self.words, "error_codes": [self.number]}


REFUSALS = {
    7000222: ("invalid_client", "The provided client secret keys for app are expired."),
    50173: ("invalid_grant", "The provided grant has expired due to it being revoked."),
    700082: ("invalid_grant", "The refresh token has expired due to inactivity."),
    65001: ("invalid_grant", "The user or administrator has not consented to use the application."),
    50076: ("interaction_required", "You must use multi-factor authentication to access."),
    53003: ("access_denied", "Access has been blocked by Conditional Access policies."),
    16000: ("interaction_required", "The user account does not exist in the tenant's session."),
    50034: ("invalid_grant", "The user account does not exist in the directory."),
    50053: ("invalid_grant", "The account is locked after too many wrong passwords."),
    50055: ("invalid_grant", "The password is expired."),
    50057: ("invalid_grant", "The user account is disabled."),
    50074: ("interaction_required", "Strong authentication is required."),
    50078: ("interaction_required", "Presented multi-factor authentication has expired."),
    50079: ("interaction_required", "The user is required to enrol for multi-factor authentication."),
    50105: ("invalid_grant", "The signed in user is not assigned to a role for the application."),
    50132: ("invalid_grant", "The session is not valid due to a password expiration or a recent change."),
    50133: ("invalid_grant", "Session is invalid due to expiration or recent password change."),
    50158: ("interaction_required", "External security challenge was not satisfied."),
    53000: ("interaction_required", "Device is not in required device state."),
    530032: ("invalid_grant", "User blocked due to risk on the tenant."),
    53011: ("invalid_grant", "User blocked due to risk on home tenant."),
    500014: ("invalid_client", "The service principal for the resource is disabled."),
    500021: ("access_denied", "Access to the tenant is denied."),
    500341: ("invalid_grant", "The user account has been deleted from the directory."),
    650052: ("invalid_client", "The app needs access to a service that the organization has not enabled."),
    650057: ("invalid_client", "Invalid resource: the client has requested access to one it does not list."),
    70000: ("invalid_grant", "The provided grant is invalid or malformed."),
    70011: ("invalid_scope", "The provided value for the input parameter scope is not valid."),
    70043: ("invalid_grant", "The refresh token has expired due to sign-in frequency checks."),
    700016: ("unauthorized_client", "Application was not found in the directory."),
    7000112: ("unauthorized_client", "The application is disabled."),
    7000215: ("invalid_client", "Invalid client secret provided."),
    90002: ("invalid_request", "Tenant not found."),
    90033: ("temporarily_unavailable", "A transient error has occurred. Please try again."),
}


def new_tenant(accounts: Iterable[Account], domain: str = "company.com") -> Tenant:
    """An empty directory with these people."""
    return Tenant(str(uuid4()), domain, {one.email.lower(): one for one in accounts})


def make_blueprint(tenant: Tenant, base_url: str, key: RSAKey) -> Blueprint:
    """All routes; `base_url` is what Microsoft calls the authority's host."""
    pages = Blueprint("microsoft", __name__)
    login = _Login(tenant, base_url, key)
    pages.add_url_rule("/<name>/oauth2/v2.0/authorize", view_func=login.authorize, methods=["GET", "POST"])
    pages.add_url_rule("/<name>/oauth2/v2.0/token", view_func=login.token, methods=["POST"])
    pages.add_url_rule("/<name>/v2.0/.well-known/openid-configuration", view_func=login.configuration)
    pages.add_url_rule("/<name>/discovery/v2.0/keys", view_func=login.keys)
    return pages


class _Login:
    """The login service of one tenant."""

    def __init__(self, tenant: Tenant, base_url: str, key: RSAKey) -> None:
        self.tenant = tenant
        self.base_url = base_url
        self.key = key

    def authorize(self, name: str) -> AnyResponse | str | tuple[str, int]:
        """The consent page, and what it answers."""
        query = request.args
        try:
            app = self._app(name, query.get("client_id", ""))
            if query.get("redirect_uri") not in app.redirect_uris:
                raise Refused("invalid_request", 50011, "The redirect URI does not match.")
        except Refused as refused:
            return render_template("oauth/microsoft.html", refused=refused, accounts=[]), 400
        if request.method == "GET":
            accounts = sorted(self.tenant.accounts.values(), key=lambda one: one.email)
            return render_template("oauth/microsoft.html", accounts=accounts, refused=None, app=app)
        try:
            code = self._consent(app, query, request.form)
        except Refused as refused:
            answer = {"error": refused.error, "error_description": refused.words}
            return self._back(query, answer)
        return self._back(query, {"code": code})

    def token(self, name: str) -> Response | tuple[Response, int]:
        """The token endpoint."""
        self.tenant.requests += 1
        try:
            if self.tenant.refuse or self.tenant.standing:
                number = int(self.tenant.refuse.pop(0) if self.tenant.refuse else self.tenant.standing)
                raise Refused(REFUSALS[number][0], number, REFUSALS[number][1])
            return jsonify(self._grant(name, request.form))
        except Refused as refused:
            status = 401 if refused.error == "invalid_client" else 400
            return jsonify(refused.as_json()), status

    def configuration(self, name: str) -> Response:
        """OpenID Connect Discovery 1.0."""
        place = f"{self.base_url}/{name}"
        return jsonify(
            issuer=f"{self.base_url}/{'{tenantid}' if name in ANY_TENANT else self.tenant.id}/v2.0",
            authorization_endpoint=f"{place}/oauth2/v2.0/authorize",
            token_endpoint=f"{place}/oauth2/v2.0/token",
            jwks_uri=f"{place}/discovery/v2.0/keys",
            response_types_supported=["code"],
            subject_types_supported=["pairwise"],
            id_token_signing_alg_values_supported=["RS256"],
            scopes_supported=list(OIDC_SCOPES),
        )

    def keys(self, name: str) -> Response:
        return jsonify(keys=[self.key.as_dict(private=False)])

    def _app(self, tenant: str, client_id: str) -> App:
        if tenant.lower() not in (self.tenant.id, self.tenant.domain, *ANY_TENANT):
            raise Refused("invalid_request", 90002, f"Tenant '{tenant}' not found.")
        app = self.tenant.apps.get(client_id)
        if app is None:
            raise Refused("unauthorized_client", 700016, f"Application '{client_id}' was not found.")
        if tenant in ANY_TENANT:
            raise Refused(
                "invalid_request", 50194, "The application is not configured as a multi-tenant one."
            )
        return app

    def _consent(self, app: App, query: Mapping[str, str], form: Mapping[str, str]) -> str:
        account = self.tenant.accounts.get(form.get("account", "").lower())
        if form.get("decision") != "allow":
            raise Refused("access_denied", 65004, "User declined to consent to access the app.")
        if account is None:
            raise Refused("invalid_request", 50034, "The user account does not exist in the tenant.")
        if not app.admin_consent:
            raise Refused("consent_required", 90094, "An administrator must grant permissions to the app.")
        scope = tuple(query.get("scope", "").split())
        _check_scope(scope)
        code = secrets.token_urlsafe(90)
        self.tenant.codes[code] = Session(
            app, account, scope, query["redirect_uri"], query.get("code_challenge", ""),
            nonce=query.get("nonce", ""),
        )  # fmt: skip
        return code

    def _back(self, query: Mapping[str, str], answer: dict[str, str]) -> AnyResponse:
        if "state" in query:
            answer["state"] = query["state"]
        joint = "&" if urlsplit(query["redirect_uri"]).query else "?"
        return redirect(f"{query['redirect_uri']}{joint}{urlencode(answer)}")

    def _grant(self, name: str, form: Mapping[str, str]) -> dict[str, Any]:
        app = self._app(name, form.get("client_id", ""))
        if "client_secret" not in form:
            raise Refused(
                "invalid_client", 7000218, "The body must contain client_assertion or client_secret."
            )
        if not secrets.compare_digest(form["client_secret"].encode(), app.secret.encode()):
            raise Refused("invalid_client", 7000215, "Invalid client secret provided.")
        match form.get("grant_type"):
            case "authorization_code":
                session = self._by_code(app, form)
            case "refresh_token":
                session = self._by_refresh_token(app, form)
            case "client_credentials":
                if form.get("scope") != APP_SCOPE:
                    raise Refused("invalid_scope", 70011, "The provided value for scope is not valid.")
                session = Session(app, None, (APP_SCOPE,))
            case _:
                raise Refused("unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        return self._tokens(session)

    def _by_code(self, app: App, form: Mapping[str, str]) -> Session:
        session = self.tenant.codes.pop(form.get("code", ""), None)
        if session is None or session.app is not app or time.time() > session.began_at + CODE_LIFE:
            raise Refused("invalid_grant", 70008, "The provided authorization code has expired.")
        if session.redirect_uri != form.get("redirect_uri"):
            raise Refused("invalid_client", 500112, "The reply address does not match.")
        verifier = form.get("code_verifier", "")
        if session.challenge and create_s256_code_challenge(verifier) != session.challenge:
            raise Refused("invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
        return session

    def _by_refresh_token(self, app: App, form: Mapping[str, str]) -> Session:
        session = self.tenant.refresh_tokens.get(form.get("refresh_token", ""))
        if session is None or session.app is not app:
            raise Refused("invalid_grant", 50173, REFUSALS[50173][1])
        return session

    def _tokens(self, session: Session) -> dict[str, Any]:
        token = "EwA" + secrets.token_urlsafe(1200)
        self.tenant.access_tokens[token] = (session, time.time() + self.tenant.token_life)
        resource = [word for word in session.scope if word not in OIDC_SCOPES]
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": " ".join(resource),
            "expires_in": self.tenant.token_life,
            "ext_expires_in": self.tenant.token_life,
            "access_token": token,
        }
        if "offline_access" in session.scope:
            answer["refresh_token"] = refresh_token = "0.A" + secrets.token_urlsafe(600)
            self.tenant.refresh_tokens[refresh_token] = session
        if "openid" in session.scope and session.account:
            answer["id_token"] = self._id_token(session, session.account)
        return answer

    def _id_token(self, session: Session, account: Account) -> str:
        now = int(time.time())
        claims = {
            "aud": session.app.client_id,
            "iss": f"{self.base_url}/{self.tenant.id}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + self.tenant.token_life,
            "name": account.name,
            "preferred_username": account.email,
            "oid": sha256(account.email.encode()).hexdigest()[:32],
            "sub": sha256(f"{session.app.client_id}{account.email}".encode()).hexdigest(),
            "tid": self.tenant.id,
            "ver": "2.0",
        }
        # A guest is known by the address at home; the token says whose account it is.
        claims |= {"idp": "https://sts.windows.net/another-tenant/", "acct": 1} if account.guest else {}
        claims |= {"nonce": session.nonce} if session.nonce else {}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid, "typ": "JWT"}, claims, self.key)


def _check_scope(scope: tuple[str, ...]) -> None:
    resources = {urlsplit(word).netloc for word in scope if word not in OIDC_SCOPES}
    if len(resources) > 1:
        words = f"Provided value for the input parameter scope is not valid: {json.dumps(sorted(resources))}."
        raise Refused("invalid_request", 28000, words)
    if any(word not in (*OIDC_SCOPES, *MAIL_SCOPES, APP_SCOPE) for word in scope):
        raise Refused("invalid_client", 650053, "The application asked for a scope that doesn't exist.")
