"""The servers of an address: of a well-known provider, or by names that servers usually have, tried out.

    address ─▶ well-known domain? ─▶ domain of a well-known provider's customer? ─▶ usual names, connected to

A domain whose autodiscover name leads to a provider is that provider's customer. The usual names are those
that people and RFC 6186 use; the first that takes a connection with TLS is taken.
"""

import socket
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sso import serverlist
from sso.providers import preset
from sso.steps import Place, reach

DATA = Path(__file__).with_name("mail_providers.toml")
AT_ONCE = 12
PROBED = ("autodiscover", "mail")
SECURITY = {"tls": "SSL", "starttls": "STARTTLS"}


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how TLS begins there; `host` is "" when none was found."""

    host: str = ""
    port: int = 0
    security: str = "SSL"


@dataclass(frozen=True, slots=True)
class Guess:
    """What is known about an address.

    :param kind: the type of SSO provider, "" for a password.
    :param found: how it was found, or why not, in words.
    """

    imap: Server
    smtp: Server
    kind: str
    found: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    domains: tuple[str, ...]
    canonical: tuple[str, ...]
    kind: str
    imap: Server
    smtp: Server
    note: str


def guess(address: str) -> Guess:
    """The servers of an address. Asks the network unless its domain is known."""
    domain = serverlist.plain(address.rpartition("@")[2])
    for known in _table():
        if _is_in(domain, known.domains):
            return _of(known, f"{domain} is {known.name}.")
    for known, name in _customers(domain):
        return _of(known, f"{name} leads to {known.name}, so its mail is probably there.")
    return _tried(domain)


def candidates(domain: str) -> tuple[list[Place], list[Place]]:
    """Where the servers of a domain usually are, the likeliest first."""
    imap = [Place(f"{name}{domain}", 993, "IMAP", "tls") for name in ("imap.", "mail.", "")]
    imap += [Place(f"{name}{domain}", 143, "IMAP", "starttls") for name in ("imap.", "mail.")]
    smtp = [Place(f"{name}{domain}", 587, "SMTP", "starttls") for name in ("smtp.", "mail.", "")]
    smtp += [Place(f"{name}{domain}", 465, "SMTP", "tls") for name in ("smtp.", "mail.")]
    return imap, smtp


def _tried(domain: str) -> Guess:
    imap, smtp = candidates(domain)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip([*imap, *smtp], pool.map(reach, [*imap, *smtp]), strict=True))
    works = {place for place, steps in answers.items() if steps[-1].ok}
    found_in, found_out = _first(imap, works), _first(smtp, works)
    words = [f"{place} answers" for place in (found_in, found_out) if place]
    for what, place, places in (("incoming", found_in, imap), ("outgoing", found_out, smtp)):
        if place is None:
            words.append(
                f"no {what} server was found by the usual names, such as {places[0]}: "
                f"{answers[places[0]][-1].detail.rstrip('.')}. Ask its provider, and type it in"
            )
    return Guess(_server(found_in), _server(found_out), "", "; ".join(words) + ".")


def _first(places: Sequence[Place], works: set[Place]) -> Place | None:
    return next((place for place in places if place in works), None)


def _server(place: Place | None) -> Server:
    return Server(place.host, place.port, SECURITY[place.mode]) if place else Server()


def _customers(domain: str) -> list[tuple[_Known, str]]:
    """Well-known providers that a name of the domain is another name for."""
    found = []
    for name in (f"{prefix}.{domain}" for prefix in PROBED):
        real = _canonical(name)
        found += [(known, name) for known in _table() if real and _is_in(real, known.canonical)]
    return found


def _canonical(name: str) -> str:
    try:
        (first, *_) = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except (OSError, UnicodeError):
        return ""
    return serverlist.plain(first[3])


def _is_in(name: str, domains: Sequence[str]) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def _of(known: _Known, found: str) -> Guess:
    return Guess(known.imap, known.smtp, known.kind, found, known.note)


@lru_cache(maxsize=1)
def _table() -> tuple[_Known, ...]:
    entries = tomllib.loads(DATA.read_text(encoding="utf-8"))["provider"]
    return tuple(
        _Known(
            name=each["name"],
            domains=tuple(each["domains"]),
            canonical=tuple(each.get("canonical", ())),
            kind=each.get("kind", ""),
            imap=Server(*each["imap"]) if "imap" in each else _preset(each["kind"], "imap", "SSL"),
            smtp=Server(*each["smtp"]) if "smtp" in each else _preset(each["kind"], "smtp", "STARTTLS"),
            note=each.get("note", ""),
        )
        for each in entries
    )


def _preset(kind: str, protocol: str, security: str) -> Server:
    host, _, port = str(getattr(preset(kind), protocol)).partition(":")
    return Server(host, int(port), security)
