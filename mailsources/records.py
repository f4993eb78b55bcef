"""What DNS says about the mail of a domain: servers that it names, who takes its mail, whose names it uses.

SRV     _imaps._tcp … _submission._tcp    servers for mailboxes (RFC 6186, RFC 8314 5.1)
MX      the domain                        who takes its mail, and mostly has its mailboxes (RFC 5321 5.1)
CNAME   autodiscover, mail                other names of a provider's servers
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from dns.exception import DNSException, Timeout
from dns.name import Name
from dns.resolver import NXDOMAIN, NoAnswer, NoResolverConfiguration, Resolver

from sso import serverlist
from sso.steps import Place

# What a domain can name, the safest first: TLS from the first byte before STARTTLS.
SERVICES: tuple[tuple[str, Literal["IMAP", "SMTP"], Literal["tls", "starttls"]], ...] = (
    ("_imaps", "IMAP", "tls"),
    ("_imap", "IMAP", "starttls"),
    ("_submissions", "SMTP", "tls"),
    ("_submission", "SMTP", "starttls"),
)
ALIASES = ("autodiscover", "mail")
LIFETIME = 4.0  # seconds for a question, all servers and tries together
AT_ONCE = 8


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Records:
    """What DNS says of one domain, the best first; names as they are compared (`serverlist.plain`).

    :param named: the servers for mailboxes that the domain itself names.
    :param exchangers: who takes its mail.
    :param others: probed names and what they are other names for.
    :param trouble: why DNS told nothing, in words; "" when it could be asked.
    """

    named: tuple[Place, ...] = ()
    exchangers: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    trouble: str = ""


def look_up(domain: str) -> Records:
    """Ask all questions at once. What DNS doesn't know is empty; what can't be asked is in `trouble`."""
    try:
        asked = _Asked(resolver())
    except NoResolverConfiguration:
        return Records(trouble="This machine knows no DNS server")
    aliases = [f"{prefix}.{domain}" for prefix in ALIASES]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        servers = pool.map(lambda service: asked.records(f"{service[0]}._tcp.{domain}", "SRV"), SERVICES)
        exchangers = pool.submit(asked.records, domain, "MX")
        others = pool.map(asked.canonical, aliases)
        named = [
            Place(host, record.port, protocol, mode)
            for (_, protocol, mode), records in zip(SERVICES, servers, strict=True)
            for record in sorted(records, key=lambda each: (each.priority, -each.weight))
            if (host := _plain(record.target))  # "." says that there is none
        ]
        takers = sorted(exchangers.result(), key=lambda each: each.preference)
        return Records(
            named=tuple(named),
            exchangers=tuple(host for record in takers if (host := _plain(record.exchange))),
            others=tuple(zip(aliases, others, strict=True)),
            trouble=asked.trouble,
        )


def resolver() -> Resolver:
    """The machine's own DNS servers.

    :raises NoResolverConfiguration: it knows none.
    """
    dns = Resolver()
    dns.lifetime = LIFETIME
    return dns


class _Asked:
    """Questions to one resolver, and the trouble that they had."""

    def __init__(self, dns: Resolver) -> None:
        self.trouble = ""
        self._dns = dns

    def records(self, name: str, kind: str) -> list[Any]:
        return self._ask(lambda: list(self._dns.resolve(name, kind, search=False)), [])

    def canonical(self, name: str) -> str:
        """The end of a chain of CNAMEs; the name itself if it is no other name."""
        return self._ask(lambda: _plain(self._dns.canonical_name(name)), "")

    def _ask(self, question: Callable[[], _T], nothing: _T) -> _T:
        try:
            return question()
        except (NXDOMAIN, NoAnswer):
            pass  # it knows of none
        except Timeout:
            self.trouble = f"DNS did not answer within {LIFETIME:g} s"
        except DNSException as error:
            self.trouble = f"DNS could not be asked: {error}"
        return nothing


def _plain(name: Name) -> str:
    return serverlist.plain(str(name))
