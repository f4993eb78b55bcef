"""Rounds in which every worker of every machine wakes with an expired token at the same moment.

Each round says what was wrong with it; an empty list is what is wanted. The provider counts its calls.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.db import connection
from django.utils import timezone

from bench.token_crowd import Crowd, Order, Result
from rehearsal.oauth import OAuthServer
from sso import deaths
from sso.models import ProviderToken, SSOProvider

SHORT_CLAIM = 2.0
CALL_SECONDS = 30.0


@dataclass
class World:
    """Who plays: the provider's server, the product's row for it, the machines."""

    server: OAuthServer
    crowd: Crowd
    provider: SSOProvider

    @property
    def row(self) -> ProviderToken:
        return ProviderToken.objects.get(provider=self.provider)

    def expire(self) -> None:
        """The access token has ended, and the provider may be asked at once."""
        past = timezone.now() - timedelta(minutes=5)
        ProviderToken.objects.filter(provider=self.provider).update(expires_at=past, next_attempt_at=None)

    def order(self, claim: float = 0, dies_once: str = "") -> Order:
        return Order(self.provider.pk, claim=claim, dies_once=dies_once)


@dataclass
class Tally:
    """What came of many rounds."""

    rounds: int = 0
    calls: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        middle = statistics.median(self.seconds) if self.seconds else 0
        longest = max(self.seconds, default=0)
        return (
            f"{self.rounds} rounds, {self.calls} calls, {len(self.wrong)} wrong; a worker waits "
            f"{middle * 1000:.0f} ms (median), {longest * 1000:.0f} ms (longest)"
        )


def play(world: World, rounds: int) -> Tally:
    """Nothing goes wrong at the provider: exactly one call in each round, and its token for everybody."""
    tally = Tally()
    for number in range(rounds):
        world.expire()
        before = world.server.refreshes
        results = world.crowd.ask(world.order())
        calls = world.server.refreshes - before
        tally.rounds += 1
        tally.calls += calls
        tally.seconds += [each.seconds for each in results]
        found = [] if calls == 1 else [f"{calls} calls"]
        tally.wrong += [f"round {number}: {each}" for each in found + _unserved(world, results)]
    return tally


def _unserved(world: World, results: Iterable[Result]) -> list[str]:
    """Who got no token, or one that is not the mailbox's living one."""
    living = [each for each in results if not each.died]
    found = [f"{each.error}: {each.sentence}" for each in living if not each.token]
    given = {each.token for each in living if each.token}
    found += ["different tokens"] if len(given) > 1 else []
    owner = world.provider.mailbox
    return found + ["a dead token" for token in given if world.server.owner_of(token) != owner]


def killed(world: World) -> list[str]:
    """kill -9 between the provider's answer and the commit; the refresh token stays good."""
    results, calls = _kill(world)
    return _unserved(world, results) + _expect(calls == 2, f"{calls} calls")


def killed_with_the_only_token(world: World) -> list[str]:
    """The same where each refresh token is good once: the sign-in is lost, and everybody is told so."""
    results, calls = _kill(world)
    living = [each for each in results if not each.died]
    return [
        *_expect(calls == 2, f"{calls} calls"),
        *_expect({each.error for each in living} == {"NeedsSignIn"}, f"{results}"),
        *_expect(all(deaths.KILLED in each.sentence for each in living), "the cause isn't named"),
        *_expect(world.row.needs_sign_in, "the row doesn't ask for a sign-in"),
    ]


def _kill(world: World) -> tuple[list[Result], int]:
    world.expire()
    before = world.server.refreshes
    with tempfile.TemporaryDirectory() as place:
        results = world.crowd.ask(world.order(SHORT_CLAIM, dies_once=str(Path(place) / "died")))
    died = sum(each.died for each in results)
    assert died == 1, results
    return results, world.server.refreshes - before


def slow(world: World, seconds: float) -> list[str]:
    """The provider takes its time: everybody waits for the one call."""
    world.expire()
    before = world.server.refreshes
    world.server.faults.answer_after = seconds
    try:
        results = world.crowd.ask(world.order())
    finally:
        world.server.faults.answer_after = 0
    calls = world.server.refreshes - before
    return _unserved(world, results) + _expect(calls == 1, f"{calls} calls")


def down_then_good(world: World) -> list[str]:
    """503, and nobody asks again before its time; then all is well."""
    world.expire()
    before = world.server.refreshes
    world.server.faults.refresh = ["unavailable"]
    first, again = world.crowd.ask(world.order()), world.crowd.ask(world.order())
    calls = world.server.refreshes - before
    errors = {each.error for each in first + again}
    world.expire()
    good = world.crowd.ask(world.order())
    return [
        *_expect(calls == 1, f"{calls} calls while it was down"),
        *_expect(errors == {"ProviderDown"}, f"{errors}"),
        *_expect(world.server.refreshes - before == 2, "too many calls afterwards"),
        *_unserved(world, good),
    ]


def database_lost(world: World, lose: Callable[[], None]) -> list[str]:
    """The database goes away between the call and the commit: the token that was fetched is stored still."""
    world.expire()
    before = world.server.refreshes
    world.server.faults.answer_after = 1
    try:
        world.crowd.begin(world.order())
        _wait(lambda: world.server.refreshes > before)
        lose()
        world.crowd.results()  # who waited for the row may have lost the connection
    finally:
        world.server.faults.answer_after = 0
    results = world.crowd.ask(world.order())
    calls = world.server.refreshes - before
    return _unserved(world, results) + _expect(calls == 1, f"{calls} calls")


def cut_connections() -> None:
    """What a restart does to everybody else's connections."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + CALL_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the provider was not asked"
        time.sleep(0.01)


def _expect(is_so: bool, otherwise: str) -> list[str]:
    return [] if is_so else [otherwise]
