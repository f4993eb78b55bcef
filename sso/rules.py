"""What an SSO provider's settings must fulfil; forms and settings files both ask here."""

import re
from typing import Protocol
from urllib.parse import urlsplit

from django.utils.text import slugify

from sso import serverlist

RESERVED_NAMES = ("google", "microsoft", "start", "paste", "token")
"""Paths below /login/oauth2/ that a generic provider's name must not take."""

RESERVED_SCOPES = frozenset(("openid", "profile", "email", "offline_access"))
TENANT = re.compile(r"^[A-Za-z0-9.-]+$")
DOMAIN = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts at Microsoft, by its ID."""

MANY_TENANTS = ("common", "organizations")
"""No tenants: whoever asks there is sent to that of the account; an app for one organisation is unknown."""

OPEN_TENANTS = ("common", "organizations", "consumers", CONSUMERS)
OPEN_DOMAINS = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com"),
        *("icloud.com", "me.com", "aol.com", "gmx.com", "gmx.net", "gmx.de", "web.de", "mail.com", "mail.ru"),
        *("proton.me", "protonmail.com", "seznam.cz", "yandex.com", "yandex.ru", "zoho.com"),
    )
)
"""Where anybody gets an address; the best known."""

GUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)


class Settings(Protocol):
    """The fields that are looked at."""

    type: str
    name: str
    client_secret: str
    client_authentication: str
    scope: str
    mailbox: str
    tenant: str
    app_only: bool
    authorization_url: str
    token_url: str
    issuer: str
    for_people: bool
    allowed_domains: str
    create_people: bool
    smtp_server: str
    mail_servers: str


def problems(provider: Settings) -> dict[str, str]:
    """Field → the sentence that says what is wrong with it and what to do."""
    check = {"google": _google, "microsoft": _microsoft, "generic": _generic}.get(provider.type)
    found = check(provider) if check else {}
    found["mail_servers"] = serverlist.problem(provider.mail_servers)
    found["smtp_server"] = _smtp_server(provider.smtp_server)
    if provider.for_people:
        found = _people(provider) | {name: sentence for name, sentence in found.items() if sentence}
    return {name: sentence for name, sentence in found.items() if sentence}


NEEDED = {
    "google": ("client_secret",),
    "microsoft": ("client_secret", "tenant"),
    "generic": ("scope", "authorization_url", "token_url"),
}
"""What each type of provider needs besides the client ID; the form marks it."""


def is_secret_id(secret: str) -> bool:
    """Whether this looks like the ID of a client secret at Microsoft instead of its value."""
    return bool(GUID.match(secret.strip()))


def domains_in(text: str) -> tuple[str, ...]:
    """The domains of a list that somebody typed: separated by commas, spaces or lines, perhaps with an @."""
    words = (word.strip().lstrip("@").rstrip(".").lower() for word in re.split(r"[,;\s]+", text))
    return tuple(dict.fromkeys(word for word in words if word))


def resources(scope: str) -> set[str]:
    """The servers that a scope is for, as one token is good for one only (AADSTS28000)."""
    words = [word for word in scope.split() if word not in RESERVED_SCOPES]
    return {urlsplit(word).netloc.lower() or "graph.microsoft.com" for word in words}


def _google(provider: Settings) -> dict[str, str]:
    return {
        "client_secret": _secret(provider),
        "client_authentication": _in_the_form(provider),
        "app_only": _app_only(provider),
    }


def _microsoft(provider: Settings) -> dict[str, str]:
    return {
        "client_secret": _secret(provider),
        "client_authentication": _in_the_form(provider),
        "tenant": _tenant(provider),
        "scope": _one_resource(provider),
        "mailbox": _mailbox(provider),
    }


def _generic(provider: Settings) -> dict[str, str]:
    needed = "This is needed for a generic provider: its documentation names it."
    return {
        "app_only": _app_only(provider),
        "client_authentication": "HTTP Basic needs the client secret: enter it, or choose “None”."
        if provider.client_authentication == "client_secret_basic" and not provider.client_secret
        else "",
        "authorization_url": "" if provider.authorization_url else needed,
        "token_url": "" if provider.token_url else needed,
        "scope": ""
        if provider.scope
        else "Type in the scope for mail that the server's documentation names.",
        "name": f"“{provider.name}” is the path of another type: choose another name."
        if slugify(provider.name) in RESERVED_NAMES
        else "",
    }


def _people(provider: Settings) -> dict[str, str]:
    """What must be known before anybody's account at the provider opens ours."""
    elsewhere = provider.type == "generic" or provider.token_url or provider.authorization_url
    return {
        "allowed_domains": _domains(provider),
        "create_people": _newcomers(provider),
        "for_people": "An app that signs in by itself is nobody: choose another provider for people."
        if provider.app_only
        else "",
        "issuer": "Name the issuer, as people sign in at a server of your own: its documentation says "
        "which, and /.well-known/openid-configuration is found below it."
        if elsewhere and not provider.issuer
        else "",
        "tenant": "Name the one tenant whose people may sign in: at this one, accounts of everybody would."
        if provider.type == "microsoft" and provider.tenant.lower() in OPEN_TENANTS
        else "",
    }


def _smtp_server(server: str) -> str:
    """One server: it may get the tokens, so it must not be read as a list."""
    if server.startswith(serverlist.BELOW) or len(serverlist.listed(server)) > 1:
        return "Name one server here, such as smtp.example.com."
    return serverlist.problem(server)


def _domains(provider: Settings) -> str:
    found = domains_in(provider.allowed_domains)
    if not found:
        return "Name the domains whose people may sign in: without, everybody with such an account could."
    wrong = next((domain for domain in found if not DOMAIN.fullmatch(domain)), "")
    return f"“{wrong}” is no domain: write them like example.com, separated by commas." if wrong else ""


def _newcomers(provider: Settings) -> str:
    opened = sorted(OPEN_DOMAINS.intersection(domains_in(provider.allowed_domains)))
    if not (provider.create_people and opened):
        return ""
    return (
        f"Anybody gets an address at {' or '.join(opened)} and would be an agent here: list the people under "
        "☰ System → Users instead, or leave that domain out."
    )


def _secret(provider: Settings) -> str:
    return "" if provider.client_secret else "Copy the client secret from the provider's console."


def _in_the_form(provider: Settings) -> str:
    if provider.client_authentication == "client_secret_post":
        return ""
    return "Only a generic server may want the client otherwise than in the form: leave this key out."


def _tenant(provider: Settings) -> str:
    if not provider.tenant:
        return "Copy the Directory (tenant) ID from the app's overview page, or type a domain of the tenant."
    return "" if TENANT.match(provider.tenant) else "A tenant is an ID or a domain name, without a slash."


def _one_resource(provider: Settings) -> str:
    found = resources(provider.scope)
    if provider.app_only or len(found) <= 1:
        return ""
    return (
        f"A token is good for one server only, but these scopes are for {' and '.join(sorted(found))}: keep "
        "those of outlook.office.com."
    )


def _mailbox(provider: Settings) -> str:
    if provider.app_only and not provider.mailbox:
        return "Name the mailbox that the app reads: nobody signs in who could tell."
    return ""


def _app_only(provider: Settings) -> str:
    return "Only a Microsoft app can sign in by itself here." if provider.app_only else ""
