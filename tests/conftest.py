"""Fixtures for everybody."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.db import connection

from mailstore import announce, hints


@pytest.fixture
def product_env(transactional_db: None) -> dict[str, str]:
    """The environment for a process of the product that works on this test's database and Redis."""
    database = connection.settings_dict["NAME"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()
    return dict(os.environ, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="ucs.settings")


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
