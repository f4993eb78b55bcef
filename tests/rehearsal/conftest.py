"""A rehearsal world in a thread of the test process, shared by the tests of one module."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from imapclient import IMAPClient

from rehearsal.customers.crowd import Habits
from rehearsal.mail.imap import keep_tasks_alive
from rehearsal.oauth import Client
from rehearsal.world import Options, World

Result = TypeVar("Result")
GOOGLE_MAILBOX = "mailbox.email@company.com"
PASSWORD = "rehearsal"


@dataclass
class RunningWorld:
    """The world, and what a test does with it from outside."""

    world: World
    loop: asyncio.AbstractEventLoop
    client: Client

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop of the world."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def token(self, address: str = GOOGLE_MAILBOX) -> str:
        return self.world.oauth.issue(address, self.client)[0]

    def port(self, name: str, port: int) -> int:
        return self.world.ports[f"{name}:{port}"]

    @property
    def tls(self) -> ssl.SSLContext:
        """A client's context that trusts this world."""
        return ssl.create_default_context(cafile=str(self.world.options.folder / "ca.pem"))

    def imap(self, name: str) -> IMAPClient:
        """A connection to the TLS port, without login."""
        return IMAPClient("127.0.0.1", self.port(name, 993), ssl_context=self.tls, timeout=10)


def wait_for(condition: Callable[[], Result], seconds: float = 10) -> Result:
    """The first true answer; asks again and again until the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
    return answer


def start_world(options: Options) -> tuple[RunningWorld, Callable[[], None]]:
    """Start a world; the second value stops it."""
    loop = asyncio.new_event_loop()
    keep_tasks_alive(loop)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    world = World(options)
    asyncio.run_coroutine_threadsafe(world.start(), loop).result(20)
    client = Client("tests.apps.googleusercontent.com", "secret")
    world.oauth.add_client(client)

    def stop() -> None:
        asyncio.run_coroutine_threadsafe(world.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)

    return RunningWorld(world, loop, client), stop


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    running, stop = start_world(
        Options(folder=tmp_path_factory.mktemp("rehearsal"), habits=Habits(every=3600, burst=0))
    )
    yield running
    stop()
