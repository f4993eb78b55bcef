"""Sixteen workers on two machines, all separate processes: `python -m bench.tokens` plays it 200 times."""

from collections.abc import Iterator

import pytest

from bench import token_rounds
from bench.token_crowd import Crowd
from bench.token_rounds import World
from rehearsal.oauth import OAuthServer
from tests.make import make_signed_in_provider
from tests.sso.conftest import MAILBOX

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(oauth_server: OAuthServer, product_env: dict[str, str]) -> Iterator[World]:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    with Crowd(product_env | {"UCS_ALLOW_PRIVATE_HOSTS": "true"}) as crowd:
        yield World(oauth_server, crowd, provider)


def strict(world: World) -> None:
    """Each refresh token is good once, and its second use ends the sign-in."""
    world.server.faults.rotate_refresh_tokens = world.server.faults.end_on_reuse = True


def test_the_provider_is_asked_once_whatever_happens(world: World) -> None:
    """One story, because sixteen processes take some seconds to start."""
    tally = token_rounds.play(world, 5)
    assert (tally.calls, tally.wrong) == (5, [])
    assert token_rounds.killed(world) == []
    strict(world)
    tally = token_rounds.play(world, 5)
    assert (tally.calls, tally.wrong) == (5, [])
    assert token_rounds.slow(world, 1) == []
    assert token_rounds.down_then_good(world) == []
    assert token_rounds.database_lost(world, token_rounds.cut_connections) == []
    assert token_rounds.killed_with_the_only_token(world) == []
