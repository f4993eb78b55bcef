"""A password field into a credential: plain text stays a password, one of our token URLs becomes a token.

A token URL is answered inside the process, whatever loopback host and port it names: in a container
127.0.0.1 is the worker itself, not the web server. A URL of another server is asked if an administrator has
put that server on the list (`sso/foreign.py`), and refused otherwise.
"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings

from sso import foreign, takers, tokens
from sso.models import ProviderToken
from sso.tokens import SignInError

TOKEN_PATH = re.compile(r"^/api/v1\.0/auth/token/([^/]+)/?$")
LARGEST_ID = 2**63 - 1


class NotATokenURL(SignInError):
    """A password that is a web address, but not one of our token URLs."""


@dataclass(frozen=True)
class Credential:
    """What to sign in with at a mail server. Its repr doesn't show the value."""

    kind: Literal["password", "xoauth2"]
    value: str = field(repr=False)
    provider_id: int | None = None


def resolve(secret: str, host: str, *, fresh: bool = False) -> Credential:
    """The credential for a stored password. May ask the provider, so call it outside of transactions.

    :param host: the server that it is for; a token is given only to those that may get it.
    :param fresh: get a new token, because the server refused the present one; plain passwords don't change.
    :raises SignInError: the URL is not ours, the token is not for that server, or there is none; its
        `sentence` says why.
    """
    check_server(secret, host)
    provider_id = token_provider_id(secret)
    if provider_id is None and is_web_address(secret):
        return Credential("xoauth2", foreign.token(secret, fresh=fresh))
    if provider_id is None:
        return Credential("password", secret)
    return Credential("xoauth2", tokens.access_token(provider_id, force=fresh), provider_id)


def check_server(secret: str, host: str) -> None:
    """Refuse to give a token to a server that may not get it; a plain password may go anywhere.

    :raises SignInError: as `resolve`.
    """
    provider_id = token_provider_id(secret)
    if provider_id is not None:
        takers.check_provider(provider_id, host)
    elif is_web_address(secret) and (server := foreign.server_of(secret)):
        takers.check_token_server(server, host)


def why_not_at(secret: str, host: str) -> str:
    """For forms: why the secret may not go to that server; "" when it may, or is none at all."""
    try:
        check_server(secret, host)
    except takers.NotItsServer as error:
        return error.sentence
    except SignInError:  # said where the password is looked at
        return ""
    return ""


def token_provider_id(secret: str) -> int | None:
    """The id in a token URL; None for a plain password, and for a token URL of an allowed server.

    :raises NotATokenURL: another web address.
    """
    text = secret.strip()
    if not is_web_address(text):
        return None
    name = token_name(text)
    if name is None and foreign.server_of(text):
        return None
    if name is None:
        raise NotATokenURL(
            "The password is a web address, but not a token URL of this installation: give "
            f"{token_url('2')} with the ID of the SSO provider at its end, or a plain password. If another "
            "server gives the tokens, add it under ☰ System → Token servers first."
        )
    if not (name.isascii() and name.isdigit() and int(name) <= LARGEST_ID):
        raise NotATokenURL(
            f"The token URL ends in “{name}”, which is no ID: look up the ID of the SSO provider under "
            "☰ System → SSO providers and put it there."
        )
    return int(name)


def is_web_address(secret: str) -> bool:
    """Whether a secret is a URL, so that it is no password."""
    return secret.strip().lower().startswith(("http://", "https://"))


def is_token_url(secret: str) -> bool:
    """Whether a secret is a token URL, ours or an allowed server's: then it is none, and may be shown."""
    return is_web_address(secret) and (
        token_name(secret) is not None or foreign.server_of(secret) is not None
    )


def token_name(secret: str) -> str | None:
    """The end of a token URL of ours: an id, in a settings file perhaps a name; None for any other text."""
    try:
        parts = urlsplit(secret.strip())
        host = parts.hostname or ""
    except ValueError:
        return None
    found = TOKEN_PATH.match(parts.path)
    if parts.scheme not in ("http", "https") or found is None or parts.query or parts.username:
        return None
    return found[1] if _is_loopback(host) or _origin(parts.scheme, parts.netloc) == _own_origin() else None


def token_url(name: str) -> str:
    """The token URL to type into a password field, as the reference pages show it."""
    return f"http://127.0.0.1:{urlsplit(settings.BASE_URL).port or 8080}/api/v1.0/auth/token/{name}"


def describe(secret: str) -> str:
    """A secret in words that tell nothing: “token of provider 2 (Google OAuth, box@example.com)”."""
    if not secret:
        return "no password"
    try:
        provider_id = token_provider_id(secret)
    except NotATokenURL as error:
        return error.sentence
    if provider_id is None and is_web_address(secret):
        return f"token of the token server “{foreign.server_of(secret)}”"
    if provider_id is None:
        return "password is set"
    token = ProviderToken.objects.select_related("provider").filter(provider=provider_id).first()
    if token is None:
        return f"token of provider {provider_id}, which does not exist"
    who = "needs sign-in" if token.needs_sign_in else token.account or "not signed in"
    return f"token of provider {provider_id} ({token.provider.get_type_display()}, {who})"


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(scheme: str, place: str) -> str:
    return f"{scheme}://{place}".lower()


def _own_origin() -> str:
    parts = urlsplit(settings.BASE_URL)
    return _origin(parts.scheme, parts.netloc)
