"""The servers of an address: of a well-known provider, or those that DNS and usage name, tried out.

    address ─▶ well-known domain? ─▶ ask DNS ─▶ customer of a well-known provider? ─▶ servers, connected to

A domain is a provider's customer if it names the provider's servers (SRV), lets the provider take its mail
(MX), or has an autodiscover name that leads there. Of all others these are connected to: what the domain
names, the names that servers usually have, what takes its mail; the first that answers with TLS is taken.
"""

import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mailsources import records
from mailsources.records import Records
from sso import serverlist
from sso.providers import preset
from sso.steps import Place, reach

DATA = Path(__file__).with_name("mail_providers.toml")
AT_ONCE = 12
MOST = 3  # records of a kind that are tried: whoever has a domain may name a hundred
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
    said = records.look_up(domain)
    for known, why in _providers(domain, said):
        return _of(known, f"{why}, so its mail is probably at {known.name}.")
    return _tried(domain, said)


def candidates(domain: str, said: Records) -> tuple[list[Place], list[Place]]:
    """Where the servers of a domain may be, the likeliest first: IMAP, SMTP."""
    imap = [Place(f"{name}{domain}", 993, "IMAP", "tls") for name in ("imap.", "mail.", "")]
    imap += [Place(f"{name}{domain}", 143, "IMAP", "starttls") for name in ("imap.", "mail.")]
    imap += [Place(host, 993, "IMAP", "tls") for host in said.exchangers[:MOST]]
    smtp = [Place(f"{name}{domain}", 587, "SMTP", "starttls") for name in ("smtp.", "mail.", "")]
    smtp += [Place(f"{name}{domain}", 465, "SMTP", "tls") for name in ("smtp.", "mail.")]
    smtp += [Place(host, 587, "SMTP", "starttls") for host in said.exchangers[:MOST]]
    named = [
        [each for each in said.named if each.protocol == protocol][:MOST] for protocol in ("IMAP", "SMTP")
    ]
    return list(dict.fromkeys(named[0] + imap)), list(dict.fromkeys(named[1] + smtp))


def _tried(domain: str, said: Records) -> Guess:
    imap, smtp = candidates(domain, said)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip([*imap, *smtp], pool.map(reach, [*imap, *smtp]), strict=True))
    works = {place for place, steps in answers.items() if steps[-1].ok}
    found_in, found_out = _first(imap, works), _first(smtp, works)
    told = [
        f"{place} answers{f', which {domain} names in its DNS' if place in said.named else ''}"
        for place in (found_in, found_out)
        if place
    ]
    missing = [
        (what, places[0])
        for what, place, places in (("incoming ", found_in, imap), ("outgoing ", found_out, smtp))
        if place is None
    ]
    if missing:
        what, tried = missing[0] if len(missing) == 1 else ("", missing[0][1])
        told += [
            f"No {what}server was found by DNS and the usual names, such as {tried}: "
            f"{answers[tried][-1].detail.rstrip('.')}",
            "Ask who has the mailbox for its servers, and type them in",
        ]
        told += [f"{said.trouble}, so what it would tell is missing"] if said.trouble else []
    note = _elsewhere(domain, {place.host for place in (found_in, found_out) if place})
    return Guess(_server(found_in), _server(found_out), "", ". ".join(told) + ".", note)


def _elsewhere(domain: str, hosts: set[str]) -> str:
    """A warning of servers outside of the domain: who controls its DNS gets the password (RFC 6186 6)."""
    foreign = sorted(host for host in hosts if not _is_in(host, [domain]))
    if not foreign:
        return ""
    return f"Go on only if you know {' and '.join(foreign)}: the password goes outside of {domain}."


def _first(places: Sequence[Place], works: set[Place]) -> Place | None:
    return next((place for place in places if place in works), None)


def _server(place: Place | None) -> Server:
    return Server(place.host, place.port, SECURITY[place.mode]) if place else Server()


def _providers(domain: str, said: Records) -> Iterator[tuple[_Known, str]]:
    """Well-known providers that DNS leads to, and how: servers before mail, mail before names."""
    leads = [(place.host, f"{domain} names {place.host} in its DNS") for place in said.named]
    leads += [(host, f"{host} takes the mail of {domain}") for host in said.exchangers]
    leads += [(other, f"{name} leads to {other}") for name, other in said.others]
    for host, why in leads:
        for known in _table():
            if _is_in(host, (*known.domains, *known.canonical)):
                yield known, why


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
