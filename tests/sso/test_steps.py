import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Literal

import pytest
from pytest_django.fixtures import Settings

from sso import ladder, steps
from sso.steps import Place, Protocol
from tests.servers.authority import Authority
from tests.servers.ports import free_ports

GREETINGS: dict[Protocol, bytes] = {
    "IMAP": b"* OK ready\r\n",
    "POP3": b"+OK ready\r\n",
    "SMTP": b"220-mail\r\n220 ready\r\n",
}
ANSWERS = {
    b"A1 STARTTLS": b"* STATUS\r\na1 OK go\r\n",
    b"STLS": b"+OK go\r\n",
    b"EHLO UCS.INVALID": b"250-mail\r\n250 STARTTLS\r\n",
    b"STARTTLS": b"220 go\r\n",
}


@pytest.fixture
def authority(tmp_path: Path, settings: Settings) -> Authority:
    """A CA that the product trusts."""
    made = Authority(tmp_path)
    settings.CA_BUNDLE = str(made.bundle)
    return made


@contextmanager
def server(
    context: ssl.SSLContext, protocol: Protocol, mode: Literal["tls", "starttls", "none"]
) -> Iterator[int]:
    """A mail server as far as TLS; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_serve, args=(listener, context, protocol, mode))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext, protocol: Protocol, mode: str) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        try:
            with line:
                if mode != "tls":
                    _talk(line, protocol, mode == "starttls")
                context.wrap_socket(line, server_side=True).close()
        except OSError:
            continue


def _talk(line: socket.socket, protocol: Protocol, upgrade: bool) -> None:
    line.sendall(GREETINGS[protocol])
    with line.makefile("rb") as commands:
        for command in iter(commands.readline, b""):
            known = command.strip().upper()
            line.sendall(ANSWERS[known] if upgrade or known.startswith(b"EHLO") else b"a1 BAD 502 no\r\n")
            if upgrade and b"TLS" in known:
                return


def served(authority: Authority, *names: str) -> ssl.SSLContext:
    certificate = authority.certificate(*names)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


@pytest.mark.parametrize("protocol", ["IMAP", "POP3", "SMTP"])
@pytest.mark.parametrize("mode", ["tls", "starttls"])
def test_the_ladder_as_far_as_tls(
    authority: Authority, protocol: Protocol, mode: Literal["tls", "starttls"]
) -> None:
    with server(served(authority), protocol, mode) as port:
        found = steps.reach(Place("localhost", port, protocol, mode))

    assert [(step.name, step.ok) for step in found] == [("Name", True), ("TCP", True), ("TLS", True)]
    assert "127.0.0.1" in found[0].detail
    assert "certificate for localhost, 127.0.0.1" in found[2].detail


@pytest.mark.parametrize(("protocol", "mode"), [("IMAP", "tls"), ("SMTP", "starttls")])
def test_a_certificate_for_another_name_is_named(
    authority: Authority, protocol: Protocol, mode: Literal["tls", "starttls"]
) -> None:
    with server(served(authority, "mail.company.com", "imap.company.com"), protocol, mode) as port:
        last = steps.reach(Place("localhost", port, protocol, mode))[-1]

    assert not last.ok
    assert f"localhost:{port} is not for localhost, but for mail.company.com, imap.company.com" in last.detail


def test_an_unknown_authority_is_said(authority: Authority, settings: Settings) -> None:
    settings.CA_BUNDLE = ""
    with server(served(authority), "IMAP", "tls") as port:
        last = steps.reach(Place("localhost", port, "IMAP", "tls"))[-1]
    assert not last.ok
    assert "is not trusted" in last.detail
    assert "UCS_CA_BUNDLE" in last.detail


@pytest.mark.parametrize("protocol", ["IMAP", "POP3", "SMTP"])
def test_a_server_without_starttls_is_told(authority: Authority, protocol: Protocol) -> None:
    with server(served(authority), protocol, "none") as port:
        last = steps.reach(Place("127.0.0.1", port, protocol, "starttls"))[-1]
    assert not last.ok
    assert f"127.0.0.1:{port} does not offer {steps.UPGRADE_NAME[protocol]}" in last.detail


def test_tls_at_a_port_without_it(authority: Authority) -> None:
    with server(served(authority), "IMAP", "none") as port:
        last = steps.reach(Place("127.0.0.1", port, "IMAP", "tls"))[-1]
    assert "does not speak TLS from the first byte: clear “Use SSL connection”" in last.detail


def test_a_closed_port_and_an_unknown_name() -> None:
    (port,) = free_ports(1)
    found = steps.reach(Place("127.0.0.1", port, "IMAP", "tls"))
    assert [step.name for step in found] == ["Name", "TCP"]
    assert found[-1].detail == (
        f"127.0.0.1:{port} refuses connections: nothing listens there. Check the service port. "
        "IMAP with SSL is usually at 993."
    )
    (step,) = steps.reach(Place("no-such-host.invalid", 993, "IMAP", "tls"))
    assert not step.ok
    assert "No server is known by the name no-such-host.invalid" in step.detail


def test_metadata_addresses_are_refused() -> None:
    (step,) = steps.reach(Place("169.254.169.254", 80, "SMTP", "none"))
    assert not step.ok
    assert "never asked" in step.detail


def test_without_tls_the_ladder_ends_at_tcp(authority: Authority) -> None:
    with server(served(authority), "SMTP", "none") as port:
        assert [step.name for step in steps.reach(Place("127.0.0.1", port, "SMTP", "none"))] == [
            "Name",
            "TCP",
        ]


def test_what_the_server_said_stays_and_its_usual_advice_goes() -> None:
    said = (
        "mail.example.com:993 refused the token ([AUTHENTICATIONFAILED] No): sign in again, and check IMAP."
    )
    assert (
        ladder.without_advice(said) == "mail.example.com:993 refused the token ([AUTHENTICATIONFAILED] No)."
    )
    assert ladder.without_advice("It hung up.") == "It hung up."
