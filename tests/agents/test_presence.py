"""Being there, and ceasing to be."""

from datetime import UTC, datetime, timedelta

import pytest

from agents import presence
from agents.models import Agent
from agents.rights import is_administrator, is_supervisor, working_agent
from tests.make import make_administrator, make_agent, make_supervisor

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Presence = Agent.Presence


def test_becoming_available_begins_the_idle_time_once() -> None:
    alice = make_agent("alice", presence=Presence.OFFLINE)
    presence.set_presence(alice, "available", NOON)
    presence.set_presence(alice, "available", NOON + timedelta(minutes=5))
    alice.refresh_from_db()
    assert (alice.presence, alice.idle_since) == (Presence.AVAILABLE, NOON)
    with pytest.raises(ValueError):
        presence.set_presence(alice, "lunch")


def test_who_gives_no_sign_of_life_for_90_seconds_is_offline() -> None:
    alice, dora, program = make_agent("alice"), make_agent("dora"), make_agent("program")
    presence.seen(alice, NOON)
    presence.seen(dora, NOON + timedelta(seconds=1))
    assert presence.expire(NOON + timedelta(seconds=90, milliseconds=1)) == [alice]
    assert presence.expire(NOON + timedelta(seconds=90, milliseconds=2)) == []
    assert presence.seen(alice) == Presence.OFFLINE
    assert presence.seen(dora) == Presence.AVAILABLE
    program.refresh_from_db()
    assert program.presence == Presence.AVAILABLE


def test_rights() -> None:
    alice, bob, root = make_agent("alice"), make_supervisor("bob"), make_administrator()
    assert [is_supervisor(user) for user in (alice.user, bob.user, root)] == [False, True, True]
    assert [is_administrator(user) for user in (alice.user, bob.user, root)] == [False, False, True]
    profile = working_agent(root)
    assert profile is not None
    assert profile.role == Agent.Role.ADMINISTRATOR
    assert working_agent(root) == profile
    root.is_active = False
    assert not is_administrator(root)
