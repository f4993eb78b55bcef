"""The first rungs of a connection test, the same for mailboxes and senders: name, TCP, TLS.

The rungs above (login, folder, MAIL FROM) belong to who speaks the protocol; `timed` makes a step of them.
"""

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from mailcore.clean import clean_line
from sso import causes, guard, network, tls
from sso.causes import Cause

TIMEOUT = 10
LONGEST_LINE = 2000
MOST_LINES = 100

Protocol = Literal["IMAP", "POP3", "SMTP", "HTTPS"]

# What is said in clear before TLS begins: RFC 9051 6.2.1, RFC 2595 4, RFC 3207.
UPGRADE: dict[Protocol, list[bytes]] = {
    "IMAP": [b"a1 STARTTLS\r\n"],
    "POP3": [b"STLS\r\n"],
    "SMTP": [b"EHLO ucs.invalid\r\n", b"STARTTLS\r\n"],
}
USUAL_PORT: dict[tuple[Protocol, str], tuple[str, int]] = {
    ("IMAP", "tls"): ("IMAP with SSL", 993),
    ("IMAP", "starttls"): ("IMAP without SSL", 143),
    ("POP3", "tls"): ("POP3 with SSL", 995),
    ("POP3", "starttls"): ("POP3 without SSL", 110),
    ("SMTP", "tls"): ("SMTP with SSL", 465),
    ("SMTP", "starttls"): ("SMTP with STARTTLS", 587),
}
UPGRADE_NAME: dict[Protocol, str] = {"IMAP": "STARTTLS", "POP3": "STLS", "SMTP": "STARTTLS"}


@dataclass(frozen=True)
class Step:
    """One rung: what was done, whether it worked, what came of it or what to do, and how long it took."""

    name: str
    ok: bool
    detail: str
    seconds: float
    cause: Cause = causes.UNKNOWN


@dataclass(frozen=True)
class Place:
    """A server as the administrator typed it in, and how TLS begins there.

    :param mode: "tls" from the first byte; "starttls" after the protocol's own command; "none".
    """

    host: str
    port: int
    protocol: Protocol
    mode: Literal["tls", "starttls", "none"]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class StepFailed(Exception):
    """A rung broke; the text is the sentence to show."""

    def __init__(self, sentence: str, cause: Cause = causes.UNKNOWN) -> None:
        super().__init__(sentence)
        self.cause = cause


def _failed(found: network.Finding) -> StepFailed:
    return StepFailed(found.sentence, found.cause)


def timed(name: str, work: Callable[[], str]) -> Step:
    """Do a step and note how it went.

    :param work: returns what to show; raises StepFailed with a sentence when it didn't work.
    """
    began = time.monotonic()
    try:
        detail, ok, cause = work(), True, causes.UNKNOWN
    except StepFailed as error:
        detail, ok, cause = str(error), False, error.cause
    return Step(name, ok, detail, time.monotonic() - began, cause)


def reach(place: Place) -> list[Step]:
    """Name look-up, TCP and TLS, as far as it goes: the last step is the failed one."""
    steps = [resolve_host(place.host, place.port)]
    if steps[-1].ok:
        steps.append(_with_usual_port(open_port(place.host, place.port), place))
    if steps[-1].ok and place.mode != "none":
        steps.append(start_tls(place))
    return steps


def resolve_host(host: str, port: int) -> Step:
    """Look the name up; addresses that nobody may connect to are refused, private networks are not."""

    def work() -> str:
        try:
            found = guard.addresses(host, port, what="The server address", private=True)
        except guard.GuardError as error:
            raise _failed(network.finding("FORBIDDEN ADDRESS", host, port, reason=str(error))) from error
        except guard.Unreachable as error:
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else socket.gaierror()
            raise _failed(network.diagnose(cause, host, port)) from error
        return f"{host} is {', '.join(dict.fromkeys(address for address, _ in found))}"

    return timed("Name", work)


def open_port(host: str, port: int) -> Step:
    """Connect, and hang up again."""

    def work() -> str:
        try:
            socket.create_connection((host, port), timeout=TIMEOUT).close()
        except OSError as error:
            raise _failed(network.diagnose(error, host, port)) from error
        return f"port {port} is open"

    return timed("TCP", work)


def _with_usual_port(step: Step, place: Place) -> Step:
    """A port at which nobody answers: which one it usually is."""
    what, port = USUAL_PORT.get((place.protocol, place.mode), ("", 0))
    if not port or port == place.port or step.cause.name not in ("port_refused", "timeout"):
        return step
    return replace(step, detail=f"{step.detail} {what} is usually at {port}.")


def start_tls(place: Place) -> Step:
    """Agree on TLS, checking the certificate, and hang up again."""
    words = network.AT_SOURCE if place.protocol in ("IMAP", "POP3") else network.AT_SENDER

    def work() -> str:
        try:
            with _wrapped(place, tls.context()) as line:
                return f"{line.version()}, certificate for {_names(line)}"
        except ssl.SSLCertVerificationError as error:
            whose = _unverified_names(place)
            raise _failed(network.diagnose(error, place.host, place.port, whose=whose, **words)) from error
        except OSError as error:
            if place.mode == "starttls" and _speaks_tls(place):
                raise _failed(network.finding("TLS WANTED", place.host, place.port, **words)) from error
            raise _failed(network.diagnose(error, place.host, place.port, **words)) from error

    return timed("TLS", work)


def explain(error: OSError, host: str, port: int) -> str:
    """A network error in a sentence that names the server and the remedy. Also for polls and deliveries."""
    return network.diagnose(error, host, port).sentence


def _wrapped(place: Place, context: ssl.SSLContext) -> ssl.SSLSocket:
    line = socket.create_connection((place.host, place.port), timeout=TIMEOUT)
    try:
        if place.mode == "starttls":
            _upgrade(place, line)
        return context.wrap_socket(line, server_hostname=place.host)
    except BaseException:
        line.close()
        raise


def _upgrade(place: Place, line: socket.socket) -> None:
    """Read the greeting and say what has to be said before TLS."""
    with line.makefile("rb") as answers:
        _last_line(place.protocol, answers.readline, b"*")
        for command in UPGRADE[place.protocol]:
            line.sendall(command)
            answer = _last_line(place.protocol, answers.readline, b"a1")
            if not answer.upper().startswith((b"A1 OK", b"+OK", b"2")):
                said = clean_line(answer[:200].decode(errors="replace"))
                offer = UPGRADE_NAME[place.protocol]
                raise _failed(
                    network.finding("NO STARTTLS", place.host, place.port, offer=offer, reason=said)
                )


def _last_line(protocol: Protocol, read: Callable[[int], bytes], tag: bytes) -> bytes:
    """The line that ends an answer: SMTP has continuation lines, IMAP untagged ones."""
    for _ in range(MOST_LINES):
        answer = read(LONGEST_LINE)
        if not answer:
            raise ConnectionResetError("closed")
        if protocol == "SMTP" and answer[3:4] == b"-":
            continue
        if protocol == "IMAP" and not answer.lower().startswith(tag):
            continue
        return answer
    raise ConnectionResetError("too many lines")


def _speaks_tls(place: Place) -> bool:
    """Whether a server that says nothing in clear waits for a handshake."""
    with suppress(OSError), _wrapped(replace(place, mode="tls"), _unverified()):
        return True
    return False


def _unverified_names(place: Place) -> str:
    with suppress(OSError, StepFailed), _wrapped(place, _unverified()) as line:
        return _names(line)
    return "another name"


def _unverified() -> ssl.SSLContext:
    # Only to say what stands there: nothing is sent over such a line.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _names(line: ssl.SSLSocket) -> str:
    der = line.getpeercert(binary_form=True)
    if not der:
        return "nobody"
    certificate = x509.load_der_x509_certificate(der)
    with suppress(x509.ExtensionNotFound, ValueError):
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [
            *names.get_values_for_type(x509.DNSName),
            *map(str, names.get_values_for_type(x509.IPAddress)),
        ]
        return ", ".join(found[:5]) or "nobody"
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else "nobody"
