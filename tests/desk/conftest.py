"""A browser before the real web process."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from queues.models import Conversation, EmailQueue
from tests.make import make_agent, make_queue, receive
from tests.product import eventually
from tests.servers.ports import free_ports

# A refusal, a session that is over, a request cut off as the page was left: the page tells them in words.
# An answer whose button a live update has taken away: the desk itself puts its toast where it belongs.
# A browser that a test has put offline, or a request that it has cut off.
# What Playwright itself runs in the frame of a mail, where nothing may run; what mails try is counted apart.
EXPECTED = re.compile(
    r"\b(401|409)\b|ERR_FAILED|ERR_INTERNET_DISCONNECTED|"
    r"^htmx:(afterRequest|sendError|sendAbort|oobErrorNoTarget), |"
    r"^Blocked script execution in '[^']*/messages/\d+/body'"
)
DEADLINE = 15.0
ZONE = "Europe/Prague"
START_SECONDS = 60.0  # of a cold start beside other tests
expect.set_options(timeout=DEADLINE * 1000)

SignIn = Callable[..., Page]


@dataclass(frozen=True)
class Web:
    """A web process, and where it listens."""

    process: "subprocess.Popen[bytes]"
    url: str

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Nothing is answered, and nothing that comes is refused."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def web(django_db_setup: None) -> Iterator[Web]:
    """One that works on the tests' database, once for all tests."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "uvicorn", "ucs.asgi:application", "--port", str(port)]
    options = ["--log-level", "warning", "--timeout-graceful-shutdown", "1"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = dict(os.environ, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="tests.settings")
    process = subprocess.Popen([*command, *options], env=environment)
    try:
        _wait_for(port, process)
        yield Web(process, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE)


@pytest.fixture(scope="session")
def site(web: Web) -> str:
    """The address of the web process."""
    return web.url


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "the web process ended by itself"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the web process doesn't listen")


def written(page: Page, text: str) -> None:
    """Begin an answer to the conversation that is open; it is saved."""
    page.keyboard.press("r")
    page.locator("#reply-text").fill(text)
    expect(page.locator("[data-saved]")).to_contain_text("Saved")


class Watched:
    """What a page must not do: complain in the console, or ask anybody but us."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self._site = site
        context.on("request", self._asked)
        context.on("console", lambda message: self._said(message.type, message.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _asked(self, request: Request) -> None:
        ours = (self._site, "data:", "blob:", "about:", "chrome-extension:", "chrome:")  # shows PDFs
        if not request.url.startswith(ours) or "stolen" in request.url:
            self.foreign.append(request.url)

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not EXPECTED.search(text):
            self.complaints.append(text)


def _is_quiet() -> bool:
    """Nothing works on the database any more, which is emptied next: that would wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return bool(cursor.fetchone() == (0,))


def _signed_in(username: str) -> SimpleCookie:
    """The cookies of somebody who has just signed in; tests/staff/test_browser.py does it on the page."""
    browser = Client(headers={"accept-language": "en-US"})
    answer = browser.post("/login/", {"username": username, "password": username})
    assert answer.status_code == 302, answer.content
    return browser.cookies


@pytest.fixture
def sign_in(chromium: Browser, site: str) -> Iterator[SignIn]:
    """Open a desk, as in `sign_in("alice", "/?view=all")`; no page may complain or ask strangers."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def open_desk(username: str, at: str = "/", *, width: int = 1440, height: int = 900) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, base_url=site, timezone_id=ZONE
        )
        opened.append((context, Watched(context, site)))
        cookies = _signed_in(username).values()
        context.add_cookies([{"name": each.key, "value": each.value, "url": site} for each in cookies])
        context.add_cookies([{"name": "time_zone", "value": ZONE, "url": site}])  # of the page of the sign-in
        page = context.new_page()
        page.goto(at)
        expect(page.locator("#desk")).to_be_visible()
        page.wait_for_load_state()  # its modules have run
        return page

    yield open_desk
    for context, _ in opened:
        context.close()
    eventually(_is_quiet, "the web process has answered what was asked")
    for _, watched in opened:
        assert watched.complaints == []
        assert watched.foreign == []


@pytest.fixture
def orders() -> EmailQueue:
    """A queue of Alice and Bob."""
    return make_queue([make_agent("alice", capacity=5), make_agent("bob", capacity=5)], name="Orders")


@pytest.fixture
def row(orders: EmailQueue) -> Conversation:
    """What a customer wrote there."""
    return receive(orders).conversation


@pytest.fixture
def page(sign_in: SignIn, row: Conversation) -> Page:
    """The desk of Alice, with it open."""
    return sign_in("alice", f"/conversations/{row.pk}/")
