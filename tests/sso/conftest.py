"""A provider of independent make, and builders around it."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from rehearsal.oauth import Account, OAuthServer

MAILBOX = "mailbox.email@company.com"
OTHER = "returns@company.com"


@pytest.fixture
def oauth_server() -> Iterator[OAuthServer]:
    """An OAuth server on loopback with two mailboxes."""
    with OAuthServer(accounts=[Account(MAILBOX, "Mailbox"), Account(OTHER, "Returns")]) as server:
        yield server


@pytest.fixture(autouse=True)
def allow_loopback(settings: Settings) -> None:
    """The servers of the tests are on loopback."""
    settings.ALLOW_PRIVATE_HOSTS = True
