"""An OpenID provider that none of us wrote: idpyoidc of the IdentityPython project, in Google's shape.

It is the library's own authorization, token (with PKCE), userinfo, discovery and introspection; ours are the
HTTP port, a page to choose an account and to allow, and Google's `access_type=offline`, without which there
is no refresh token.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any

from flask import Flask, Response, redirect, request
from idpyoidc.message.oidc import AccessTokenRequest, AuthorizationRequest, RefreshAccessTokenRequest
from idpyoidc.server import Server
from idpyoidc.server.exception import UnAuthorizedClient
from idpyoidc.server.user_authn.user import UserAuthnMethod, create_signed_jwt
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.servers.ports import HOST, free_ports

MAIL = "https://mail.google.com/"
RSA = {"type": "RSA", "key": "", "use": ["sig"]}
EC = {"type": "EC", "crv": "P-256", "use": ["sig"]}
ACR = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
RESOURCE_SERVER = ("dovecot", "secret-of-the-mail-server")
AnyResponse = Any


@dataclass(frozen=True)
class Provider:
    """A running provider. `accounts` are the addresses that can sign in."""

    url: str
    server: Any
    accounts: tuple[str, ...]
    asked: list[str] = field(default_factory=list)

    @property
    def authorization_url(self) -> str:
        return f"{self.url}/authorization"

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    @property
    def userinfo_url(self) -> str:
        return f"{self.url}/userinfo"

    @property
    def introspection_url(self) -> str:
        """With the name and secret of a mail server, as Dovecot wants it."""
        return f"{self.url.replace('://', '://' + ':'.join(RESOURCE_SERVER) + '@')}/introspection"

    def add_client(self, client_id: str, secret: str, redirect_uri: str) -> None:
        """Register a web application."""
        self.server.context.cdb[client_id] = {
            "client_id": client_id,
            "client_secret": secret,
            "redirect_uris": [(redirect_uri, {})],
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "allowed_scopes": ["openid", "email", "profile", MAIL],
            "token_endpoint_auth_method": "client_secret_post",
        }
        self.server.context.keyjar.add_symmetric(client_id, secret)

    def owner_of(self, token: str) -> str | None:
        """The address whose live token this is, if it is good for mail; asked of the library itself."""
        endpoint = self.server.get_endpoint("introspection")
        said = endpoint.process_request(
            {"token": token, "client_id": RESOURCE_SERVER[0]}, release=["username"]
        )
        answer = said["response_args"].to_dict()
        is_good = answer.get("active") and MAIL in str(answer.get("scope", "")).split()
        return str(answer["username"]) if is_good else None


class Chooser(UserAuthnMethod):  # type: ignore[misc]  # idpyoidc has no types
    """Google's two pages in one: who it is, and whether the application may."""

    accounts: tuple[str, ...] = ()

    def __call__(self, **kwargs: Any) -> str:
        context = self.upstream_get("context")
        keyjar = self.upstream_get("attribute", "keyjar")
        token = create_signed_jwt(context.issuer, keyjar, **kwargs)
        choices = "".join(
            f'<p><label><input type="radio" name="account" value="{one}" required> {one}</label>'
            for one in map(escape, self.accounts)
        )
        return (
            "<!doctype html><title>Sign in</title><h1>Choose an account</h1>"
            '<form method="post" action="/verify">'
            f'<input type="hidden" name="token" value="{escape(token)}">{choices}'
            "<p>UCS wants to read, compose, send and delete mail.</p>"
            '<button name="decision" value="allow">Allow</button> '
            '<button name="decision" value="deny">Cancel</button></form>'
        )

    def verify(self, *args: Any, **kwargs: Any) -> str:
        return str(kwargs["account"])


def _configuration(url: str, accounts: tuple[str, ...], token_life: int) -> dict[str, Any]:
    users = {one: {"sub": one, "email": one, "email_verified": True} for one in accounts}
    secret_methods = {"client_authn_method": ["client_secret_post", "client_secret_basic"]}
    oidc, oauth2 = "idpyoidc.server.oidc", "idpyoidc.server.oauth2"
    return {
        "issuer": url,
        "httpc_params": {"verify": False},
        "key_conf": {"uri_path": "jwks.json", "key_defs": [RSA, EC]},
        "preference": {
            "scopes_supported": ["openid", "email", "profile", MAIL],
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
        },
        "scopes_to_claims": {"openid": ["sub"], "email": ["email"], "profile": [], MAIL: []},
        "token_handler_args": {
            "key_conf": {"key_defs": [{"type": "oct", "bytes": 24, "use": ["enc"], "kid": "code"}]},
            "code": {"lifetime": 600},
            "token": {
                "class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": token_life},
            },
            "refresh": {
                "class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": 86400},
            },
            "id_token": {
                "class": "idpyoidc.server.token.id_token.IDToken",
                "kwargs": {"base_claims": {"email": {"essential": True}, "email_verified": None}},
            },
        },
        "endpoint": {
            "provider_config": {
                "path": ".well-known/openid-configuration",
                "class": f"{oidc}.provider_config.ProviderConfiguration",
                "kwargs": {"client_authn_method": None},
            },
            "authorization": {
                "path": "authorization", "class": f"{oidc}.authorization.Authorization",
                "kwargs": {"client_authn_method": None, "response_types_supported": ["code"]},
            },
            "token": {"path": "token", "class": f"{oidc}.token.Token", "kwargs": secret_methods},
            "userinfo": {
                "path": "userinfo", "class": f"{oidc}.userinfo.UserInfo",
                "kwargs": {"client_authn_method": ["bearer_header"]},
            },
            "introspection": {
                "path": "introspection", "class": f"{oauth2}.introspection.Introspection",
                "kwargs": {**secret_methods, "enforce_audience_restriction": False},
            },
        },
        "userinfo": {"class": "idpyoidc.server.user_info.UserInfo", "kwargs": {"db": users}},
        "authentication": {"user": {"acr": ACR, "class": Chooser, "kwargs": {}}},
        "authz": {
            "class": "idpyoidc.server.authz.AuthzHandling",
            "kwargs": {
                "grant_config": {
                    "usage_rules": {
                        "authorization_code": {
                            "supports_minting": ["access_token", "refresh_token", "id_token"], "max_usage": 1,
                        },
                        "access_token": {},
                        "refresh_token": {"supports_minting": ["access_token", "refresh_token"]},
                    },
                    "expires_in": 86400,
                }
            },
        },
        "add_ons": {
            "pkce": {
                "function": f"{oauth2}.add_on.pkce.add_support",
                "kwargs": {"essential": True, "code_challenge_methods": {"S256": None}},
            }
        },
    }  # fmt: skip


def _application(provider: Provider) -> Flask:
    app, server = Flask("oidc_op"), provider.server

    def answered(endpoint: Any, said: Any, asked: Any) -> AnyResponse:
        values = said.to_dict() if hasattr(said, "to_dict") else said
        if "http_response" in values:
            return Response(values["http_response"], 200, mimetype="text/html")
        if "error" in values:
            return Response(said.to_json(), 400, mimetype="application/json")
        info = endpoint.do_response(request=asked, **values)
        if info.get("response_placement", endpoint.response_placement) == "url":
            return redirect(info["response"], 303)
        return Response(info["response"], 200, dict(info["http_headers"]))

    def taken(name: str) -> tuple[Any, Any]:
        endpoint = server.get_endpoint(name)
        headers = {key.lower(): value for key, value in request.headers.items()}
        where = {"headers": headers, "method": request.method, "url": request.url, "cookie": []}
        asked = request.values.to_dict()
        provider.asked.append(name)
        return endpoint, endpoint.parse_request(asked, http_info=where)

    @app.errorhandler(UnAuthorizedClient)
    def refused(error: UnAuthorizedClient) -> AnyResponse:
        return {"error": "invalid_client"}, 401

    @app.get("/authorization")
    def authorization() -> AnyResponse:
        endpoint, asked = taken("authorization")
        return answered(endpoint, endpoint.process_request(asked, http_info={}), asked)

    @app.post("/verify")
    def verify() -> AnyResponse:
        method = server.context.authn_broker.get_method_by_id("user")
        said = method.unpack_token(request.form["token"])
        asked = AuthorizationRequest().from_urlencoded(said["query"])
        if request.form["decision"] != "allow":
            return redirect(f"{asked['redirect_uri']}?error=access_denied&state={asked['state']}", 303)
        endpoint = server.get_endpoint("authorization")
        account = method.verify(**request.form.to_dict())
        session = endpoint.create_session(asked, account, said["authn_class_ref"], said["iat"], method)
        return answered(endpoint, endpoint.authz_part2(request=asked, session_id=session), asked)

    @app.post("/token")
    def token() -> AnyResponse:
        endpoint, asked = taken("token")
        kinds = {"authorization_code": AccessTokenRequest, "refresh_token": RefreshAccessTokenRequest}
        if "error" not in asked:
            asked = kinds[asked["grant_type"]](**asked.to_dict())
        is_first = asked.get("grant_type") == "authorization_code"
        more = {"issue_refresh": _wants_offline(server, asked["code"])} if is_first else {}
        return answered(endpoint, endpoint.process_request(asked, **more), asked)

    @app.route("/introspection", methods=["POST"])
    def introspection() -> AnyResponse:
        endpoint, asked = taken("introspection")
        return answered(endpoint, endpoint.process_request(asked, release=["username"]), asked)

    @app.get("/userinfo")
    def userinfo() -> AnyResponse:
        endpoint, asked = taken("userinfo")
        return answered(endpoint, endpoint.process_request(asked), asked)

    @app.get("/favicon.ico")
    def favicon() -> AnyResponse:
        return "", 204

    @app.get("/jwks.json")
    def keys() -> AnyResponse:
        return server.context.keyjar.export_jwks()

    @app.get("/.well-known/openid-configuration")
    def discovery() -> AnyResponse:
        endpoint, asked = taken("provider_config")
        return answered(endpoint, endpoint.process_request(asked), asked)

    return app


def _wants_offline(server: Any, code: str) -> bool:
    found = server.context.session_manager.get_session_info_by_token(
        code, grant=True, handler_key="authorization_code"
    )
    return bool(found["grant"].authorization_request.get("access_type") == "offline")


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: codes and states stand in the query."""


@contextmanager
def running(*accounts: str, token_life: int = 3600) -> Iterator[Provider]:
    """A started provider, with a mail server that may ask about tokens."""
    port = free_ports(1)[0]
    url = f"http://{HOST}:{port}"
    Chooser.accounts = accounts
    provider = Provider(url, Server(_configuration(url, accounts, token_life)), accounts)
    provider.add_client(*RESOURCE_SERVER, f"{url}/nowhere")
    http = make_server(HOST, port, _application(provider), request_handler=_QuietHandler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        http.shutdown()
        http.server_close()
        thread.join(10)
