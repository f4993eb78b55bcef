import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from sso import guard
from tests.servers.ports import free_ports

WHAT = "The access token URL"


class Page(BaseHTTPRequestHandler):
    """Says what it was asked, and redirects under /away."""

    def do_GET(self) -> None:
        away = self.path == "/away"
        body = f"{self.command} {self.path} {self.headers['Host']}".encode()
        self.send_response(302 if away else 200)
        if away:
            self.send_header("Location", "/secret")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(form)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def page() -> Iterator[int]:
    """A web server on loopback; its port."""
    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def names(**addresses: str) -> Any:
    """A getaddrinfo that knows these names; several addresses separated by blanks, each look-up takes one."""
    known = {name.replace("_", "."): value.split() for name, value in addresses.items()}

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror("Name or service not known")
        left = known[host]
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return look_up


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/x", "not a web address"),
        ("javascript:alert(1)", "not a web address"),
        ("https://", "not a web address"),
        ("https://exa mple.com/", "not a web address"),
        ("https://example.com:99999/", "not a web address"),
        ("https://example.com/\r\nHost: x", "not a web address"),
        ("https://user:secret@example.com/", "user name or password"),
        ("http://example.com/token", "not encrypted"),
        ("https://169.254.169.254/latest/meta-data", "never asked"),
        ("https://[::ffff:169.254.169.254]/", "never asked"),
        ("https://[64:ff9b::a9fe:a9fe]/", "never asked"),
        ("https://[fe80::1]/", "never asked"),
        ("https://[fd00:ec2::254]/", "never asked"),
        ("https://100.100.100.200/", "never asked"),
        ("https://0.0.0.0/", "never asked"),
        ("https://224.0.0.1/", "never asked"),
        ("https://255.255.255.255/", "never asked"),
        ("https://0.1.2.3/", "never asked"),
        ("https://168.63.129.16/", "never asked"),
        ("https://192.0.0.192/", "never asked"),
        ("https://2852039166/latest", "never asked"),
        ("https://0xa9fea9fe/latest", "never asked"),
        ("https://0xa9.0xfe.0251.0xfe/", "never asked"),
        ("https://169.254.43518/", "never asked"),
        ("https://[::a9fe:a9fe]/", "never asked"),
        ("https://[::ffff:a9fe:a9fe]/", "never asked"),
        ("https://[::ffff:0:a9fe:a9fe]/", "never asked"),
        ("https://[2002:a9fe:a9fe::1]/", "never asked"),
        ("https://[2001:0:4136:e378:8000:63bf:5601:5601]/", "never asked"),
        ("https://[64:ff9b:1::a9fe:a9fe]/", "never asked"),
        ("https://[fe80::1%lo]/", "never asked"),
        ("https://[fd00:ec2::23]/", "never asked"),
        ("https://[fd20:ce::254]/", "never asked"),
        ("https://[ff02::1]/", "never asked"),
        ("https://[::]/", "never asked"),
        ("https://example.com/tök", "not a web address"),
        ("https://example.com/?a=\x7f", "not a web address"),
        ("https://example.com:25/", "port 25"),
        ("https://127.0.0.1:6379/", "port 6379"),
        ("http://localhost:5432/token", "port 5432"),
        ("https://@:secret@example.com/", "user name or password"),
        ("http://2130706433/token", "not encrypted"),
    ],
)
def test_addresses_that_are_always_refused(url: str, why: str, settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True
    with pytest.raises(guard.GuardError, match=why) as caught:
        guard.check_url(url, what=WHAT)
    assert str(caught.value).startswith(WHAT)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.5", "172.16.0.9", "100.64.0.1", "[::1]", "[fd00::1]"),
        *("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:10.0.0.1]", "[::ffff:7f00:1]"),
        *("[2002:0a00:0001::1]", "[64:ff9b::10.0.0.1]", "[fec0::1]", "localhost"),
    ],
)
def test_private_addresses_only_by_setting(host: str, settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True
    guard.check_url(f"https://{host}/token", what=WHAT)
    settings.ALLOW_PRIVATE_HOSTS = False
    with pytest.raises(guard.GuardError, match="UCS_ALLOW_PRIVATE_HOSTS=true"):
        guard.check_url(f"https://{host}/token", what=WHAT)


def test_every_address_of_a_name_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (one, port)) for one in ("93.184.216.34", "169.254.169.254")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(guard.GuardError, match=r"host.example.com \(169.254.169.254\)"):
        guard.check_url("https://host.example.com/", what=WHAT)


def test_a_name_that_changes_its_mind_gains_nothing(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False
    monkeypatch.setattr(socket, "getaddrinfo", names(rebind_example="93.184.216.34 127.0.0.1"))
    guard.check_url("https://rebind.example/", what=WHAT)
    with pytest.raises(guard.GuardError, match="private network"):
        guard.ask(guard.Question("https://rebind.example/", WHAT))


def test_http_to_a_name_that_is_not_loopback_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", names(localhost="10.0.0.9"))
    with pytest.raises(guard.GuardError, match="not encrypted"):
        guard.ask(guard.Question("http://localhost/", WHAT))


def test_an_unknown_name_may_be_saved_but_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", names())
    guard.check_url("https://nowhere.example/", what=WHAT)
    with pytest.raises(guard.Unreachable, match=r"nowhere\.example can't be resolved"):
        guard.ask(guard.Question("https://nowhere.example/", WHAT))


def test_a_question_is_asked_at_the_checked_address(page: int) -> None:
    answer = guard.ask(guard.Question(f"http://127.0.0.1:{page}/a?b=c", WHAT))
    assert (answer.status, answer.body) == (200, f"GET /a?b=c 127.0.0.1:{page}".encode())


def test_a_form_is_posted_and_not_shown(page: int) -> None:
    question = guard.Question(f"http://127.0.0.1:{page}/", WHAT, form={"client_secret": "canary ž"})
    answer = guard.ask(question)
    assert answer.body == b"client_secret=canary+%C5%BE"
    assert "canary" not in repr(question) + repr(answer)


def test_redirects_are_not_followed(page: int) -> None:
    assert guard.ask(guard.Question(f"http://127.0.0.1:{page}/away", WHAT)).status == 302


def test_a_server_that_is_not_there_is_named() -> None:
    (port,) = free_ports(1)
    with pytest.raises(guard.Unreachable, match=f"127.0.0.1:{port} did not answer"):
        guard.ask(guard.Question(f"http://127.0.0.1:{port}/", WHAT))


def test_a_name_that_tls_knows_no_name_for_is_no_crash(monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", page))])
    with pytest.raises(guard.Unreachable):
        guard.ask(guard.Question(f"https://.example.com:{page}/", WHAT))


def test_a_body_without_end_is_cut(page: int) -> None:
    question = guard.Question(f"http://127.0.0.1:{page}/long", WHAT, largest=10)
    assert guard.ask(question).body == b"GET /long "


def test_a_head_without_end_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line, suppress(OSError):
                line.recv(1000)
                line.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n")

        thread = Thread(target=answer)
        thread.start()
        with pytest.raises(guard.Unreachable):
            guard.ask(guard.Question(f"http://127.0.0.1:{listener.getsockname()[1]}/", WHAT))
        thread.join()


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert guard.ask(guard.Question(f"http://127.0.0.1:{page}/", WHAT)).status == 200


def test_the_names_of_headers_are_the_same_in_any_letters() -> None:
    answer = guard.Answer(200, {"retry-After": "7"}, b"")
    assert (answer.header("Retry-After"), answer.header("Location")) == ("7", "")


def test_a_server_that_talks_nonsense_is_no_crash() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = Thread(target=answer)
        thread.start()
        with pytest.raises(guard.Unreachable):
            guard.ask(guard.Question(f"http://127.0.0.1:{listener.getsockname()[1]}/", WHAT))
        thread.join()


def test_what_a_server_of_another_kind_says_can_be_stored() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.sendall(b"\x00\x00\x12\x04\x00 frames of HTTP/2\x00\r\n")

        thread = Thread(target=answer)
        thread.start()
        with pytest.raises(guard.Unreachable, match="frames of HTTP/2") as failed:
            guard.ask(guard.Question(f"http://127.0.0.1:{listener.getsockname()[1]}/", WHAT))
        thread.join()
    assert str(failed.value).isprintable()


@pytest.mark.parametrize("ending", ["\n", "\r\nHost: x", "\0", "…"])
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(page: int, ending: str) -> None:
    headers = {"Authorization": f"Bearer canary{ending}"}
    with pytest.raises(guard.GuardError, match="the value of Authorization has a line break") as refused:
        guard.ask(guard.Question(f"http://127.0.0.1:{page}/", WHAT, headers=headers))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_never_ends_is_cut_off(scheme: str) -> None:
    asked, stop = Event(), Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            line, _ = server.accept()
            with line, suppress(OSError):
                line.recv(1000)
                asked.set()
                # Over TLS: the beginning of a record, and then its content letter by letter.
                line.sendall(b"HTTP/1.1 200 OK\r\n\r\n" if scheme == "http" else b"\x16\x03\x03\x40\x00")
                while not stop.wait(0.05):
                    line.sendall(b"x")

        thread = Thread(target=drip)
        thread.start()
        try:
            began = time.monotonic()
            with suppress(guard.Unreachable):  # over HTTP what came so far may pass for an answer
                address = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/token"
                guard.ask(guard.Question(address, WHAT, seconds=0.5))
            assert time.monotonic() - began < 10
            assert asked.wait(10)
        finally:
            stop.set()
            thread.join()
