"""Real mailboxes for the tests of the incoming side."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from mailsources import imap
from mailsources.models import EmailSource, FetchedMail
from tests.make import make_mail, make_source
from tests.servers import dovecot as dovecots
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA that the tests' servers have their certificates from."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return Authority(folder)


@pytest.fixture(scope="session")
def dovecot(authority: Authority) -> Iterator[Dovecot]:
    """One Dovecot for all tests: each takes a new user."""
    with dovecots.running(authority) as server:
        yield server


@pytest.fixture(autouse=True)
def trusted(settings: Settings, authority: Authority) -> None:
    """The product trusts the tests' CA."""
    settings.CA_BUNDLE = str(authority.bundle)


@pytest.fixture(autouse=True)
def no_kept_lines() -> Iterator[None]:
    """One test's open connections are not another's."""
    yield
    imap.kept.clear()


KINDS = {
    "imap-ssl": ("IMAP", True, "imaps"),
    "imap-starttls": ("IMAP", False, "imap"),
    "pop3-ssl": ("POP3", True, "pop3s"),
    "pop3-stls": ("POP3", False, "pop3"),
}


def source_at(server: Dovecot, kind: str = "imap-ssl", **overrides: Any) -> EmailSource:
    """A source for a new mailbox of `server`; `kind` is one of KINDS."""
    server_type, use_ssl, port = KINDS[kind]
    values: dict[str, Any] = {
        "server_type": server_type,
        "use_ssl": use_ssl,
        "server_address": server.host,
        "service_port": getattr(server.ports, port),
        "username": server.new_user(),
        "password": PASSWORD,
    }
    return make_source(**(values | overrides))


def contents(source: EmailSource) -> list[bytes]:
    """What the ledger holds of a source, sorted."""
    rows = FetchedMail.objects.filter(source=source, raw__isnull=False).select_related("raw")
    return sorted(row.raw.as_bytes() for row in rows if row.raw)


def fill(server: Dovecot, source: EmailSource, number: int) -> list[bytes]:
    """Drop so many different mails, and return them sorted."""
    mails = [make_mail(f"This is mail {one}.") for one in range(number)]
    for raw in mails:
        server.drop(source.username, raw)
    return sorted(mails)


def in_threads(number: int, work: Callable[[], Any]) -> list[Any]:
    """Results of the same work done by several threads at once."""
    results: list[Any] = []
    start = threading.Barrier(number)

    def one() -> None:
        start.wait()
        try:
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
