"""Fixtures for everybody."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError
from django.db import connection, connections
from django.test import TransactionTestCase
from playwright.sync_api import Browser, sync_playwright

from mailstore import announce, hints

FLUSHES = 5
_flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


def _patient_flush(self: TransactionTestCase) -> None:
    """Empty the database, again when a last request of a closed page held what it was to lock."""
    for left in reversed(range(FLUSHES)):
        try:
            _flush(self)
        except CommandError:
            if not left:
                raise
        else:
            break


TransactionTestCase._fixture_teardown = _patient_flush  # type: ignore[attr-defined]


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


@pytest.fixture(autouse=True)
def no_announcement_pause() -> Iterator[None]:
    """One test's missing Redis must not silence the next one."""
    announce._Pause.until = 0.0
    yield
    announce._Pause.until = 0.0
