"""Requests to addresses that an administrator typed in: checked first, then sent to the checked address.

A name is resolved once; every address it has must be allowed, and the connection goes to one of those, so
that a name which changes its mind between check and use gains nothing. Redirects are not followed, proxies
from the environment are not used, certificates are always verified.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlencode, urlsplit

from django.conf import settings

from mailcore.clean import clean_line
from sso import tls

CONNECT_SECONDS = 15
LONGEST_TALK = 40.0  # seconds in all, for a slow server as for one that sends a letter now and then
MOST_TRIED = 3  # addresses of one name
LARGEST_ANSWER = 1_000_000

# Services of hosting firms that hand out credentials to whoever asks from inside, beside link-local ones.
METADATA = frozenset(
    ip_address(text)
    for text in (
        *("100.100.100.200", "168.63.129.16", "192.0.0.192"),  # Alibaba, Azure, Oracle
        *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"),  # Amazon, Google, Scaleway
    )
)
NAT64 = ip_network("64:ff9b::/96")  # RFC 6052; to Python, the local ones of RFC 8215 are reserved
THIS_NETWORK = ip_network("0.0.0.0/8")

# What listens there by common consent is no web server, and might take a request for commands of its own.
NOT_THE_WEB = frozenset(
    (
        *(21, 22, 23, 25, 53, 69, 79, 109, 110, 111, 119, 123, 135, 137, 139, 143, 161, 179),
        *(389, 427, 445, 465, 512, 513, 514, 515, 540, 548, 554, 587, 601, 631, 636, 873, 990, 993, 995),
        *(1433, 1521, 1723, 2049, 2379, 3306, 3389, 3659, 4190, 5060, 5061, 5432, 5672, 5900, 6000, 6379),
        *(6566, 6667, 6697, 10080, 11211, 27017),
    )
)

Address = IPv4Address | IPv6Address


class GuardError(Exception):
    """An address that may not be used; the text is a sentence for the administrator."""


class Unreachable(Exception):
    """The server could not be asked or did not answer; the text says which and why."""


@dataclass(frozen=True)
class Answer:
    """What a server said. The body may hold secrets, so it isn't shown."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """A header's value, "" without it; names are the same in any letters (RFC 9110 section 5.1)."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Question:
    """A request: `form` or `body` makes it a POST, without them it is a GET.

    :param body: the octets as they are; `headers` say of what type they are.
    :param largest: octets of the answer that are read; what is longer is cut.
    :param seconds: for all of it.
    :param only_public: the address comes from strangers: no private one, whatever the settings say.
    """

    url: str
    what: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    largest: int = LARGEST_ANSWER
    seconds: float = LONGEST_TALK
    only_public: bool = False
    body: bytes | None = field(default=None, repr=False)


def check_url(url: str, *, what: str) -> None:
    """Refuse a URL that may not be asked. A name that can't be resolved now is let pass.

    :param what: what the URL is for, as the beginning of a sentence: "The access token URL".
    :raises GuardError: with the reason and the remedy.
    """
    parts = _parts(url, what)
    try:
        addresses(parts.hostname or "", _port(parts), what=what)
    except Unreachable:
        return


def ask(question: Question) -> Answer:
    """Send the request and read the answer, whatever its status.

    :raises GuardError: the URL or a header is not allowed.
    :raises Unreachable: no answer within the time-out.
    """
    parts = _parts(question.url, question.what)
    host, port = parts.hostname or "", _port(parts)
    found = addresses(host, port, what=question.what)
    if question.only_public:
        for ip, _ in found:
            _require_public(ip, host, question.what)
    _require_tls(parts, found, question.what)
    _require_lines(question)
    try:
        return _exchange(question, parts, _connect(found, question.seconds))
    except (OSError, ValueError, http.client.HTTPException) as error:  # ssl calls some names no names
        reason = clean_line(str(error)) or type(error).__name__  # a bad status line is told as it came
        raise Unreachable(f"{host}:{port} did not answer ({reason})") from error


def addresses(host: str, port: int, *, what: str, private: bool = False) -> list[tuple[str, int]]:
    """The socket addresses of a name, all of them allowed.

    :param private: private networks are allowed, whatever the settings say: mail servers often stand there.
    :raises GuardError: one of them is not.
    :raises Unreachable: the name has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"the name {host} can't be resolved ({error})") from error
    for info in found:
        check_address(str(info[4][0]), host=host, what=what, private=private)
    return [(str(info[4][0]), int(info[4][1])) for info in found]


def check_address(address: str, *, host: str, what: str, private: bool = False) -> None:
    """Refuse an IP address that may not be connected to.

    :raises GuardError: link-local, metadata, multicast and the like always; private and loopback
        addresses unless `private` or settings.ALLOW_PRIVATE_HOSTS is on.
    """
    ip = _plain(ip_address(address.partition("%")[0]))
    shown = address if host == address else f"{host} ({address})"
    odd = ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved or ip in THIS_NETWORK
    if ip in METADATA or (odd and not ip.is_loopback):  # to Python, ::1 is reserved as well
        raise GuardError(f"{what} leads to {shown}, an address that is never asked: give another host.")
    if not _is_public(ip) and not private and not settings.ALLOW_PRIVATE_HOSTS:
        raise GuardError(
            f"{what} leads to {shown}, an address inside a private network: give a public host, "
            "or allow such addresses with UCS_ALLOW_PRIVATE_HOSTS=true."
        )


def _require_public(address: str, host: str, what: str) -> None:
    if not _is_public(_plain(ip_address(address.partition("%")[0]))):
        raise GuardError(f"{what} leads to {host} ({address}), an address inside a private network.")


def _is_public(ip: Address) -> bool:
    # To Python, the site-local addresses of old (RFC 3879) are global.
    return ip.is_global and not (isinstance(ip, IPv6Address) and ip.is_site_local)


def _plain(ip: Address) -> Address:
    # An IPv4 address in the clothes of an IPv6 one leads to the same machine.
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped or ip.sixtofour:
            return ip.ipv4_mapped or ip.sixtofour or ip
        if ip.teredo:  # RFC 4380: who is behind the server that it names
            return ip.teredo[1]
        if ip in NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _parts(url: str, what: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and (parts.path + parts.query).isascii()
    except ValueError:
        usable = False
    if not usable or any(char <= " " or char == "\x7f" for char in url):
        raise GuardError(
            f"{what} is not a web address: give one that begins with https:// and a server’s name."
        )
    if parts.username or parts.password:
        raise GuardError(f"{what} holds a user name or password: leave them out of the address.")
    if _port(parts) in NOT_THE_WEB:
        raise GuardError(f"{what} names port {parts.port}, which is not a web server's: correct the port.")
    if parts.scheme == "http" and not _is_loopback_name(parts.hostname or ""):
        raise GuardError(f"{what} is not encrypted: begin it with https://.")
    return parts


def _is_loopback_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return _plain(ip_address(host)).is_loopback
    except ValueError:
        return False


def _require_tls(parts: SplitResult, found: list[tuple[str, int]], what: str) -> None:
    if parts.scheme == "http" and not all(_plain(ip_address(ip)).is_loopback for ip, _ in found):
        raise GuardError(f"{what} is not encrypted: begin it with https://.")


def _require_lines(question: Question) -> None:
    # The library would say so too, but with the value, which may be a secret.
    for name, value in question.headers.items():
        if not value.isprintable() or max(value, default=" ") > "\xff":
            raise GuardError(
                f"{question.what}: the value of {name} has a line break or a letter that no header may have: "
                "type the secret in again, without it."
            )


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _connect(found: list[tuple[str, int]], seconds: float) -> socket.socket:
    last: OSError = OSError("no address")
    tried = found[:MOST_TRIED]
    for address in tried:
        try:
            line = socket.create_connection(address, timeout=min(CONNECT_SECONDS, seconds) / len(tried))
            line.settimeout(seconds)
            return line
        except OSError as error:
            last = error
    raise last


def _exchange(question: Question, parts: SplitResult, line: socket.socket) -> Answer:
    # The library's own HTTPSConnection would make a TLS context of its own; the port is for the Host header.
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80)
    with line, _secured(line, parts) as secured, _ended_in_time(secured, question.seconds):
        connection.sock = secured
        try:
            if isinstance(secured, ssl.SSLSocket):
                secured.do_handshake()
            _send(connection, question, parts)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read(question.largest))
        finally:
            connection.close()


def _secured(line: socket.socket, parts: SplitResult) -> socket.socket:
    if parts.scheme == "http":
        return line
    return tls.context().wrap_socket(line, server_hostname=parts.hostname, do_handshake_on_connect=False)


@contextmanager
def _ended_in_time(line: socket.socket, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, _shut, [line])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(line: socket.socket) -> None:
    with suppress(OSError):
        # Not the method of SSLSocket: that one takes the reader's TLS state away.
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def _send(connection: http.client.HTTPConnection, question: Question, parts: SplitResult) -> None:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Accept": "application/json", "User-Agent": "ucs-email", "Connection": "close"}
    headers |= question.headers
    if question.body is not None:
        connection.request("POST", target, body=question.body, headers=headers)
        return
    if question.form is None:
        connection.request("GET", target, headers=headers)
        return
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request("POST", target, body=urlencode(question.form), headers=headers)
