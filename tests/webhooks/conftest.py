"""A receiver on loopback, and webhooks that may ask it."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.servers.receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.ALLOW_PRIVATE_HOSTS = True
    with receiving() as found:
        yield found
