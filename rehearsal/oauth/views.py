"""The provider's pages and endpoints as a Flask blueprint.

Paths follow Google's. A program can give the consent without a browser: POST the query of the
authorization URL to the same URL with the form fields ``account`` (an address) and ``decision``
(``allow`` or ``deny``), and read the redirect.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Blueprint, Response, jsonify, redirect, render_template, request
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Response as AnyResponse

from rehearsal.oauth.grants import user_info
from rehearsal.oauth.store import LONG_SCOPES, MAIL_SCOPE, SCOPES, Account, Store

SCOPE_WORDS = {
    MAIL_SCOPE: "Read, compose, send and delete all your e-mail",
    "openid": "Associate you with your personal info",
    LONG_SCOPES["email"]: "See your primary e-mail address",
    LONG_SCOPES["profile"]: "See your personal info, including your name",
}
REFRESH_FAULTS: dict[str, tuple[int, str]] = {
    "server_error": (500, '{"error": "internal_failure"}'),
    "unavailable": (503, '{"error": "backend_error"}'),
    "too_many_requests": (429, '{"error": "rate_limit_exceeded"}'),
    "invalid_grant": (
        400,
        '{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}',
    ),
    "invalid_client": (401, '{"error": "invalid_client", "error_description": "Unauthorized"}'),
    "broken_json": (200, '{"access_token": "ya29.'),
}


@dataclass
class Counters:
    """How often the back channel was used, since the start."""

    token_requests: int = 0
    refreshes: int = 0
    introspections: int = 0


@dataclass
class Provider:
    """What the views work on."""

    store: Store
    authorization: AuthorizationServer
    key: RSAKey
    counters: Counters
    endpoints: dict[str, str]
    issuer: str


def make_blueprint(provider: Provider) -> Blueprint:
    """All routes of the provider."""
    pages = Blueprint("oauth", __name__)
    _add_pages(pages, provider)
    _add_back_channel(pages, provider)
    _add_metadata(pages, provider)
    return pages


def _add_pages(pages: Blueprint, provider: Provider) -> None:
    @pages.route("/o/oauth2/v2/auth", methods=["GET", "POST"])
    def authorize() -> AnyResponse | str | tuple[str, int]:
        account = provider.store.account(request.values.get("account", ""))
        try:
            _check_before_authlib(provider.store)
            grant = provider.authorization.get_consent_grant(end_user=account)
        except OAuth2Error as error:
            return _refused(provider, error)
        if request.method == "POST":
            decided: AnyResponse = provider.authorization.create_authorization_response(
                grant=grant, grant_user=account if request.form.get("decision") == "allow" else None
            )
            return decided
        return _next_page(provider, grant, account)


def _check_before_authlib(store: Store) -> None:
    """Google's own refusals. Authlib would let a missing scope pass, and would not show the bad URI."""
    client = store.client(request.args.get("client_id", ""))
    if client and not client.check_redirect_uri(request.args.get("redirect_uri", "")):
        raise OAuth2Error(
            "The redirect URI of the request does not match one that is registered for the client.",
            error="redirect_uri_mismatch",
        )
    if not request.args.get("scope", "").split():
        raise OAuth2Error("Required parameter is missing: scope", error="invalid_request")


def _refused(provider: Provider, error: OAuth2Error) -> AnyResponse | tuple[str, int]:
    if error.redirect_uri:
        sent_back: AnyResponse = provider.authorization.handle_error_response(None, error)
        return sent_back
    return render_template("oauth/refused.html", error=error, query=request.args), error.status_code


def _next_page(provider: Provider, grant: Any, account: Account | None) -> AnyResponse | str:
    """The account chooser, then the consent page; nothing at all where Google would ask nothing."""
    prompt = request.args.get("prompt", "").split()
    if prompt == ["none"]:
        return redirect(_denied(grant.redirect_uri, "interaction_required"))
    if account is None:
        hint = request.args.get("login_hint", "").strip().lower()
        return render_template(
            "oauth/choose.html",
            accounts=sorted(provider.store.accounts.values(), key=lambda one: one.email != hint),
            hint=hint,
            **_page(provider, grant),
        )
    scope = grant.request.scope
    if "consent" not in prompt and provider.store.has_consented(grant.client, account, scope):
        allowed: AnyResponse = provider.authorization.create_authorization_response(
            grant=grant, grant_user=account
        )
        return allowed
    wanted = [SCOPE_WORDS.get(word, word) for word in scope.split() if word != "openid"]
    return render_template("oauth/consent.html", account=account, wanted=wanted, **_page(provider, grant))


def _denied(redirect_uri: str, error: str) -> str:
    query = {"error": error} | ({"state": request.args["state"]} if "state" in request.args else {})
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(query)}"


def _page(provider: Provider, grant: Any) -> dict[str, Any]:
    query = request.args.to_dict()
    query.pop("account", None)
    return {
        "application": grant.redirect_uri.split("/")[2],
        "client_id": grant.client.client_id,
        "here": f"{request.path}?{urlencode(query)}",
        "choose_url": lambda email: f"{request.path}?{urlencode(query | {'account': email})}",
    }


def _add_back_channel(pages: Blueprint, provider: Provider) -> None:
    store, counters = provider.store, provider.counters

    @pages.post("/token")
    def token() -> Response:
        counters.token_requests += 1
        if request.form.get("grant_type") == "refresh_token":
            counters.refreshes += 1
            if store.faults.refresh:
                status, body = REFRESH_FAULTS[store.faults.refresh.pop(0)]
                return Response(body, status, mimetype="application/json")
        refusal = store.faults.standing
        if refusal:
            return Response(refusal.body, refusal.status, refusal.headers, mimetype="application/json")
        answer: Response = provider.authorization.create_token_response()
        return answer

    @pages.post("/introspect")
    def introspect() -> Response:
        counters.introspections += 1
        answer: Response = provider.authorization.create_endpoint_response("introspection")
        return answer

    @pages.post("/revoke")
    def revoke() -> Response:
        answer: Response = provider.authorization.create_endpoint_response("revocation")
        return answer

    @pages.get("/v1/userinfo")
    def userinfo() -> Response:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        found = store.live_token(value.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            return _bearer_error(401, "invalid_token")
        if not set(found.grant.scope.split()) & {"openid", *LONG_SCOPES.values()}:
            return _bearer_error(403, "insufficient_scope")
        return jsonify(user_info(found.grant.account, found.grant.scope))

    @pages.get("/gmail/v1/users/me/profile")
    def profile() -> Response:
        """Gmail's own way to say whose token it is; the mail scope is enough."""
        _, _, value = request.headers.get("Authorization", "").partition(" ")
        found = store.live_token(value.strip())
        if found is None:
            return _bearer_error(401, "invalid_token")
        if MAIL_SCOPE not in found.grant.scope.split():
            return _bearer_error(403, "insufficient_scope")
        return jsonify({"emailAddress": found.grant.account.email, "messagesTotal": 0, "threadsTotal": 0})


def _bearer_error(status: int, error: str) -> Response:
    """RFC 6750 section 3."""
    headers = {"WWW-Authenticate": f'Bearer error="{error}"'}
    return Response(json.dumps({"error": error}), status, headers, mimetype="application/json")


def _add_metadata(pages: Blueprint, provider: Provider) -> None:
    @pages.get("/.well-known/openid-configuration")
    def configuration() -> Response:
        urls = provider.endpoints
        return jsonify(
            issuer=provider.issuer,
            authorization_endpoint=urls["authorization_url"],
            token_endpoint=urls["token_url"],
            userinfo_endpoint=urls["userinfo_url"],
            revocation_endpoint=urls["revoke_url"],
            introspection_endpoint=urls["introspection_url"],
            jwks_uri=urls["jwks_url"],
            scopes_supported=sorted(SCOPES),
            response_types_supported=["code"],
            subject_types_supported=["public"],
            id_token_signing_alg_values_supported=["RS256"],
            token_endpoint_auth_methods_supported=["client_secret_post", "client_secret_basic"],
            code_challenge_methods_supported=["plain", "S256"],
        )

    @pages.get("/oauth2/v3/certs")
    def certs() -> Response:
        return jsonify(keys=[provider.key.as_dict(private=False)])
