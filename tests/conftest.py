"""Fixtures for everybody."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections
from django.test import TransactionTestCase
from django.utils import timezone, translation
from dns.resolver import NoResolverConfiguration, Resolver
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from api import limits
from mailsources import records
from mailstore import announce, hints
from queues import live
from staff import rules
from tests import emptying

# A machine that is busy for a fifth of a second is no fault of ours, though hypothesis takes it for one.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time: a change fails by what it broke. `--hypothesis-profile=search` looks further.
settings.register_profile("suite", settings.get_profile("search"), derandomize=True)
settings.load_profile("suite")

TransactionTestCase._fixture_teardown = emptying.empty  # type: ignore[attr-defined]


@pytest.hookimpl(trylast=True)  # after pytest-django, which puts what needs no database last
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stories of whole products first: beside the last of them one of two workers would do nothing."""
    items.sort(key=lambda item: not _is_story(item))


def _is_story(item: pytest.Item) -> bool:
    """It may take longer than others, and has a database of its own."""
    return item.get_closest_marker("timeout") is not None and not item.get_closest_marker("django_db")


@pytest.fixture
def product_env(transactional_db: None) -> dict[str, str]:
    """The environment for a process of the product that works on this test's database and Redis."""
    database = connection.settings_dict["NAME"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()
    return dict(os.environ, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="ucs.settings")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of one module; Playwright keeps a loop in this thread, so not longer."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield browser
        browser.close()
        connections.close_all()  # beside Playwright's loop this thread has connections of its own


@pytest.fixture
def clean_redis() -> Iterator[None]:
    """This worker's Redis database, empty before and after."""
    hints.client().flushdb()
    yield
    hints.client().flushdb()


@pytest.fixture(scope="session", autouse=True)
def sign_in_rules_are_remembered() -> None:
    """For longer than any test takes: a slow one counted a query more when they were read again."""
    rules.REMEMBERED = 3600.0


@pytest.fixture(scope="session", autouse=True)
def no_name_is_asked_for_outside() -> Iterator[None]:
    """Without a network a question for a name lasts until a time-out, and some networks answer any name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", partial(_known_here, socket.getaddrinfo))
        patch.setattr(records, "resolver", no_resolver)
        yield


def no_resolver() -> Resolver:
    """As on a machine without DNS."""
    raise NoResolverConfiguration


def _known_here(ask: Callable[..., Any], host: str | bytes | None, *more: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else (host or "").encode("idna").decode()
    if name and name != "localhost" and not _is_address(name):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return ask(host, *more, **named)


def _is_address(name: str) -> bool:
    """In any spelling: ::1, 127.0.0.1, 127.1, 0x7f000001."""
    with suppress(OSError):
        return bool(socket.inet_aton(name))
    with suppress(ValueError):
        return bool(ip_address(name))
    return False


@pytest.fixture(autouse=True)
def no_announcement_pause() -> Iterator[None]:
    """One test's missing Redis must not silence the next one."""
    _forget_that_redis_was_away()
    yield
    _forget_that_redis_was_away()


def _forget_that_redis_was_away() -> None:
    announce._Pause.until = limits._Pause.until = live.publisher._quiet_until = 0.0


@pytest.fixture(autouse=True)
def nobody_asks() -> None:
    """The language and the zone of the last test's last request are not this one's."""
    translation.deactivate()
    timezone.deactivate()
