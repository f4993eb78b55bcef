"""Whether the API does what its description says: schemathesis asks it, and looks at the answers.

Used by the suite with a few requests for each operation, and by bench/described.py with many.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import schemathesis
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from schemathesis import checks

from api.models import APIKey
from queues.models import Conversation
from tests.make import make_administrator, make_agent, make_queue, make_sender, receive

DESCRIPTION = "/api/v1.0/openapi.json"
OUTSIDE = ("/test", "/activate", "/replay", "/again")
"""Ends of paths that talk to servers outside."""

NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@dataclass(frozen=True, slots=True)
class World:
    """A key that may do everything, and ids that there are, by the names of the places in paths."""

    key: str
    known: dict[str, Any]


def make_world() -> World:
    """A queue with a conversation, and an administrator's program."""
    chief = make_administrator()
    queue = make_queue([make_agent("alice", {"billing": 3})], name="Support", sender=make_sender())
    message = receive(queue)
    row: Conversation = message.conversation
    known = {
        "conversation_id": row.pk, "message_id": message.pk, "contact_id": row.contact_id,
        "queue_id": queue.pk, "username": "alice", "pk": queue.pk,
    }  # fmt: skip
    return World(APIKey.make(chief.pk, per_minute=1_000_000), known)


@contextmanager
def one_connection() -> Iterator[None]:
    """Requests use the connection, and so the transaction, of the test."""
    ends = (signals.request_started, signals.request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    try:
        yield
    finally:
        for end in ends:
            end.connect(close_old_connections)


def operations() -> Iterator[Any]:
    """Every operation of the description, but those that talk to the outside."""
    schema = schemathesis.openapi.from_wsgi(DESCRIPTION, app=WSGIHandler())
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if not operation.path.endswith(OUTSIDE):
            yield operation


def examine(operation: Any, world: World, examples: int) -> None:
    """Send so many requests to one operation; an error tells the first answer that isn't as described.

    Half of them go to rows that there are.
    """

    checks.load_all_checks()
    wanted = [checks.CHECKS.get_one(name) for name in NAMES]

    @seed(2026)
    @settings(
        max_examples=examples, deadline=None, database=None, verbosity=Verbosity.quiet,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), to_known=st.booleans())
    def answered(case: Any, to_known: bool) -> None:
        if to_known:
            case.path_parameters |= {k: v for k, v in world.known.items() if k in case.path_parameters}
        response = case.call(headers={"Authorization": f"Bearer {world.key}"})
        case.validate_response(response, checks=wanted)

    answered()
