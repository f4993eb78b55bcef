"""The first rungs of a connection test, the same for mailboxes and senders: name, TCP, TLS.

The rungs above (login, folder, MAIL FROM) belong to who speaks the protocol; `timed` makes a step of them.
"""

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from sso import guard, tls

TIMEOUT = 10
LONGEST_LINE = 2000
MOST_LINES = 100

Protocol = Literal["IMAP", "POP3", "SMTP"]

# What is said in clear before TLS begins: RFC 9051 6.2.1, RFC 2595 4, RFC 3207.
UPGRADE: dict[Protocol, list[bytes]] = {
    "IMAP": [b"a1 STARTTLS\r\n"],
    "POP3": [b"STLS\r\n"],
    "SMTP": [b"EHLO ucs.invalid\r\n", b"STARTTLS\r\n"],
}
UPGRADE_NAME: dict[Protocol, str] = {"IMAP": "STARTTLS", "POP3": "STLS", "SMTP": "STARTTLS"}


@dataclass(frozen=True)
class Step:
    """One rung: what was done, whether it worked, what came of it or what to do, and how long it took."""

    name: str
    ok: bool
    detail: str
    seconds: float


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


def timed(name: str, work: Callable[[], str]) -> Step:
    """Do a step and note how it went.

    :param work: returns what to show; raises StepFailed with a sentence when it didn't work.
    """
    began = time.monotonic()
    try:
        detail, ok = work(), True
    except StepFailed as error:
        detail, ok = str(error), False
    return Step(name, ok, detail, time.monotonic() - began)


def reach(place: Place) -> list[Step]:
    """Name look-up, TCP and TLS, as far as it goes: the last step is the failed one."""
    steps = [resolve_host(place.host, place.port)]
    if steps[-1].ok:
        steps.append(open_port(place.host, place.port))
    if steps[-1].ok and place.mode != "none":
        steps.append(start_tls(place))
    return steps


def resolve_host(host: str, port: int) -> Step:
    """Look the name up; addresses that nobody may connect to are refused, private networks are not."""

    def work() -> str:
        try:
            found = guard.addresses(host, port, what="The server address", private=True)
        except guard.GuardError as error:
            raise StepFailed(str(error)) from error
        except guard.Unreachable as error:
            raise StepFailed(
                f"No server is known by the name {host}: check the server address for a typing error."
            ) from error
        return f"{host} is {', '.join(dict.fromkeys(address for address, _ in found))}"

    return timed("Name", work)


def open_port(host: str, port: int) -> Step:
    """Connect, and hang up again."""

    def work() -> str:
        try:
            socket.create_connection((host, port), timeout=TIMEOUT).close()
        except OSError as error:
            raise StepFailed(explain(error, host, port)) from error
        return f"port {port} is open"

    return timed("TCP", work)


def start_tls(place: Place) -> Step:
    """Agree on TLS, checking the certificate, and hang up again."""

    def work() -> str:
        try:
            with _wrapped(place, tls.context()) as line:
                return f"{line.version()}, certificate for {_names(line)}"
        except ssl.SSLCertVerificationError as error:
            raise StepFailed(_certificate_sentence(place, error)) from error
        except OSError as error:
            raise StepFailed(explain(error, place.host, place.port)) from error

    return timed("TLS", work)


def explain(error: OSError, host: str, port: int) -> str:
    """A network error in a sentence that names the server and the remedy. Also for polls and deliveries."""
    place = f"{host}:{port}"
    match error:
        case socket.gaierror():
            return f"No server is known by the name {host}: check the server address for a typing error."
        case ConnectionRefusedError():
            return f"{place} refuses connections: nothing listens there. Check the service port."
        case ssl.SSLCertVerificationError():
            return (
                f"The certificate of {place} is not trusted ({error.verify_message or error.reason}): give "
                "the name that stands in the certificate, or add its authority with UCS_CA_BUNDLE."
            )
        case ssl.SSLError() if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            return (
                f"{place} does not speak TLS from the first byte: choose STARTTLS (switch off “Use SSL "
                "connection”), or the port for SSL."
            )
        case ssl.SSLEOFError():
            return f"{place} hung up while TLS was agreed on: it may be starting. Check the port if it lasts."
        case ssl.SSLError():
            return f"{place} and this server can't agree on TLS ({error.reason or error}): check the port."
        case TimeoutError():
            return (
                f"{place} does not answer: check the service port and whether a firewall lets this machine "
                "out; a port for SSL also keeps silent when it is spoken to without SSL."
            )
        case ConnectionResetError() | BrokenPipeError():
            return f"{place} closed the connection: check the service port, and try again later."
        case _:
            return f"{place} can't be reached ({error.strerror or error}): check the address and the network."


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
                said = answer[:200].decode(errors="replace").strip()
                raise StepFailed(
                    f"{place} does not offer {UPGRADE_NAME[place.protocol]} (it said “{said}”): "
                    "choose SSL with its port, or ask the operator of the server."
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


def _certificate_sentence(place: Place, error: ssl.SSLCertVerificationError) -> str:
    names = _unverified_names(place)
    if "ostname mismatch" in error.verify_message or "IP address mismatch" in error.verify_message:
        return (
            f"The certificate of {place} is not for {place.host}, but for {names}: "
            "give the server address by a name of the certificate."
        )
    return (
        f"The certificate of {place} (for {names}) is not trusted: {error.verify_message}. If the server is "
        "yours, add its authority with UCS_CA_BUNDLE; if not, do not send a password there."
    )


def _unverified_names(place: Place) -> str:
    # Only to say whose certificate it is: nothing is sent over this line.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with suppress(OSError, StepFailed), _wrapped(place, context) as line:
        return _names(line)
    return "another name"


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
