"""An SMTP server for each test that asks for one, trusted by the product."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from mailsenders import connections, crew
from mailsenders.models import EmailSender
from tests.make import make_sender
from tests.servers.authority import Authority
from tests.servers.smtp import SmtpServer

MakeServer = Callable[..., SmtpServer]
TYPES = {"none": "NONE", "starttls": "STARTTLS", "ssl": "SSL"}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of the test servers."""
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture(autouse=True)
def no_mail_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for two seconds must not open another connection."""
    monkeypatch.setattr(crew, "SLOW_SECONDS", 60.0)


@pytest.fixture
def make_server(authority: Authority, settings: Settings) -> Iterator[MakeServer]:
    """Starts servers, which stop with the test; their authority is trusted."""
    settings.CA_BUNDLE = str(authority.bundle)
    settings.ALLOW_PRIVATE_HOSTS = True
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            SmtpServer(**({"certificate": authority.certificate()} | options))
        )


@pytest.fixture
def server(make_server: MakeServer) -> SmtpServer:
    """A server that takes everything in clear, without a sign-in."""
    return make_server()


@pytest.fixture(autouse=True)
def no_kept_connections() -> Iterator[None]:
    """What one test has connected is closed before the next."""
    yield
    connections.close_all()


def sender_for(server: SmtpServer, **overrides: Any) -> EmailSender:
    """A sender that uses the server."""
    values = {"server_type": TYPES[server.tls], "server_address": server.host, "service_port": server.port}
    return make_sender(**(values | overrides))
