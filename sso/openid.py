"""Who signed in at a provider: OpenID Connect Core 1.0 over `sso.guard`, its tokens checked by joserfc.

Used for people alone. The sign-in for a mailbox (`sso/signin.py`) asks for mail scopes and keeps tokens; this
one asks for a name and an address, and keeps nothing.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from mailcore.clean import clean_text
from sso import guard, oauth
from sso.models import SSOProvider
from sso.oauth import Grant, ProviderDown, ProviderRefused, SignInError
from sso.providers import endpoints, issuer
from sso.refusals import quote

SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]  # none of them with a shared key
CLOCKS_DIFFER = 60  # seconds, by which two machines may disagree about exp and iat
KEYS_LIVE = 3600
KEYS_ASKED_EVERY = 60  # seconds at least, also when tokens name keys that nobody knows
DESCRIPTION = "/.well-known/openid-configuration"
LONGEST_NAME = 150
LONGEST_SUBJECT = 255
LONGEST_ADDRESS = 150  # of a user name, which it may become
# Written as nobody can misread: letters of other scripts may become plain ones when addresses are compared
# (the Kelvin sign a k, a dotless ı an I), and then one person would come in as another.
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


class NotThisPerson(ProviderRefused):
    """The provider's word is in order, but this account may not sign in here."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account at a provider.

    `issuer` and `subject` name it for ever; the address may change and is believed only if `is_verified`.
    """

    issuer: str
    subject: str
    email: str
    name: str = ""
    is_verified: bool = False

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2]


@dataclass(frozen=True)
class Server:
    """What a provider says of itself."""

    issuer: str
    keys_url: str
    keys: KeySet = field(repr=False)
    read_at: float


def sign_in_url(provider: SSOProvider, *, state: str, verifier: str, nonce: str) -> str:
    """The address where a person signs in: no mail scopes, no offline access.

    :raises ProviderRefused: the authorization URL may not be used.
    """
    query = {"scope": SCOPE, "state": state, "nonce": nonce, "prompt": "select_account"}
    if provider.type == SSOProvider.Type.GOOGLE and len(provider.domains) == 1:
        query["hd"] = provider.domains[
            0
        ]  # shortens Google's list of accounts; checked afterwards all the same
    return oauth.code_request(provider, verifier, query)


def who(provider: SSOProvider, answer: Mapping[str, str], *, verifier: str, nonce: str) -> Person:
    """Exchange the code of the callback, and tell who signed in.

    :param answer: the query of the callback.
    :raises SignInError: no answer, or one that is not in order; nothing was stored.
    """
    if "error" in answer:
        raise _sent_back(provider, answer["error"], answer.get("error_description", ""))
    if not answer.get("code"):
        raise ProviderRefused(f"{provider} sent you back without a code: begin the sign-in again.")
    if answer.get("iss", "") not in ("", _server(provider).issuer):  # RFC 9207: another server's answer
        raise ProviderRefused("The answer came from another server than was asked: begin the sign-in again.")
    grant = oauth.exchange(provider, code=answer["code"], verifier=verifier)
    if not grant.id_token:
        raise ProviderRefused(
            f"{provider} says nothing of who signed in: people can sign in only at a server that "
            "knows OpenID Connect."
        )
    claims = _checked(provider, grant.id_token, nonce)
    return _person(provider, claims | _more(provider, grant, claims))


def _sent_back(provider: SSOProvider, error: str, description: str) -> SignInError:
    if error == "access_denied":
        return NotThisPerson(
            "The sign-in was cancelled at the provider: begin it again, if you want to come in."
        )
    return ProviderRefused(f"{provider} refused the sign-in. (It said “{quote(error, description)}”.)")


def _checked(provider: SSOProvider, id_token: str, nonce: str) -> dict[str, Any]:
    """The claims of a token that is signed by the issuer, for us, for this sign-in, and still good."""
    server = _server(provider)
    try:
        token = _opened(provider, server, id_token)
        jwt.JWTClaimsRegistry(
            leeway=CLOCKS_DIFFER,
            iss={"essential": True, "value": server.issuer},
            aud={"essential": True, "value": provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
    except (JoseError, ValueError) as error:
        raise ProviderRefused(
            f"{provider} gave an identity that is not in order ({clean_text(str(error))[:200]}): begin the "
            "sign-in again. If this lasts, an administrator should check the issuer and the clock here."
        ) from error
    # Core 3.1.3.7, points 4 and 5: a token for several is for who is named as its bearer.
    if token.claims.get("azp", provider.client_id) != provider.client_id:
        raise ProviderRefused(f"{provider} gave an identity that was meant for another program.")
    return token.claims


def _opened(provider: SSOProvider, server: Server, id_token: str) -> jwt.Token:
    try:
        return jwt.decode(id_token, server.keys, algorithms=ALGORITHMS)
    except (JoseError, ValueError):
        if time.monotonic() - server.read_at < KEYS_ASKED_EVERY:
            raise
    # Keys change; a new one is used before the old list has aged.
    return jwt.decode(id_token, _server(provider, fresh=True).keys, algorithms=ALGORITHMS)


def _more(provider: SSOProvider, grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """The address from the user info endpoint, where the token has none (Core 5.3.2)."""
    url = endpoints(provider).userinfo_url
    if claims.get("email") or provider.type != SSOProvider.Type.GENERIC or not url:
        return {}
    said = _asked(provider, url, "user info URL", {"Authorization": f"Bearer {grant.access_token}"})
    if said.get("sub") != claims["sub"]:
        return {}
    return {name: said[name] for name in ("email", "email_verified", "name") if name in said}


def _person(provider: SSOProvider, claims: dict[str, Any]) -> Person:
    read = {"google": _google, "microsoft": _microsoft}.get(provider.type, _generic)
    subject, email, is_verified = read(provider, claims)
    # Core section 2: at most 255 ASCII characters. It is kept and compared as it is, so never trimmed.
    if not subject.isprintable() or not 0 < len(subject) <= LONGEST_SUBJECT or len(email) > LONGEST_ADDRESS:
        raise ProviderRefused(f"{provider} names the account in a way that can't be kept.")
    if email and not PLAIN_ADDRESS.fullmatch(email):
        raise NotThisPerson(
            f"{provider} gives this account an address with unusual characters, which could be taken for "
            "another one, so nobody is signed in by it: ask an administrator."
        )
    return Person(
        issuer=str(claims["iss"]),
        subject=subject,
        email=email.lower(),
        name=clean_text(str(claims.get("name") or "")).strip()[:LONGEST_NAME],
        is_verified=is_verified,
    )


def _generic(provider: SSOProvider, claims: dict[str, Any]) -> tuple[str, str, bool]:
    email = claims.get("email")
    return str(claims["sub"]), email if isinstance(email, str) else "", claims.get("email_verified") is True


def _google(provider: SSOProvider, claims: dict[str, Any]) -> tuple[str, str, bool]:
    # An address is Google's own to give at gmail.com, and where `hd` says that the domain is managed there.
    subject, email, is_verified = _generic(provider, claims)
    domain = email.rpartition("@")[2].lower()
    if domain != "gmail.com" and str(claims.get("hd") or "").lower() not in provider.domains:
        is_verified = False
    return subject, email, is_verified


def _microsoft(provider: SSOProvider, claims: dict[str, Any]) -> tuple[str, str, bool]:
    # The claim `email` is whatever somebody wrote into the directory. The sign-in name ends in a domain that
    # the tenant has proved to own; a guest's is that of another tenant.
    subject = str(claims.get("oid") or "")
    if not subject or not claims.get("tid") or str(claims["tid"]) not in str(claims["iss"]):
        raise ProviderRefused(f"{provider} does not say which account of which tenant signed in.")
    name = str(claims.get("preferred_username") or claims.get("upn") or "")
    is_guest = claims.get("idp", claims["iss"]) != claims["iss"] or "#ext#" in name.lower()
    return subject, name, not is_guest and str(claims.get("acct", "0")) == "0"


_servers: dict[tuple[str, str], Server] = {}
"""By issuer and the file of authorities: a process reads a provider's keys once an hour."""


def _server(provider: SSOProvider, *, fresh: bool = False) -> Server:
    """The provider's description and keys.

    :raises ProviderRefused: it has none that fits.
    :raises ProviderDown: it can't be asked now.
    """
    place = issuer(provider).rstrip("/")
    if not place:
        raise ProviderRefused(f"{provider} has no issuer: an administrator must name it in its settings.")
    known = _servers.get((provider.type, place))
    if known and not fresh and time.monotonic() - known.read_at < KEYS_LIVE:
        return known
    said = _asked(provider, place + DESCRIPTION, "issuer")
    named, keys_url = str(said.get("issuer") or ""), str(said.get("jwks_uri") or "")
    # Microsoft is asked by a domain and answers with the tenant's ID.
    is_same = named.rstrip("/") == place or provider.type == SSOProvider.Type.MICROSOFT
    if not named or not keys_url or not is_same or "{" in named:
        raise ProviderRefused(
            f"{provider}: {place}{DESCRIPTION} describes “{named or 'no issuer'}”, not {place}: an "
            "administrator should correct the issuer."
        )
    keys = _asked(provider, keys_url, "address of the keys")
    try:
        found = Server(named, keys_url, KeySet.import_key_set({"keys": keys["keys"]}), time.monotonic())
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ProviderDown(f"{provider}: {keys_url} gave no keys that can be read.") from error
    _servers[provider.type, place] = found
    return found


def _asked(
    provider: SSOProvider, url: str, name: str, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """A JSON object from one of the provider's addresses."""
    try:
        answer = guard.ask(guard.Question(url, f"The {name} of {provider}", headers=headers or {}))
    except guard.GuardError as error:
        raise ProviderRefused(str(error)) from error
    except guard.Unreachable as error:
        raise ProviderDown(f"{provider}: {error}. Try again in a minute.") from error
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if answer.status != 200 or not isinstance(said, dict):
        raise ProviderDown(f"{provider}: {url} answered without a description (HTTP {answer.status}).")
    return said
