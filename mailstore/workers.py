"""Which queues there are, and whether somebody works on them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from mailstore import hints

QUEUES = ("fetch", "deliver", "send", "tokens", "housekeeping")
INTAKE = "intake"
"""The process that forwarded mail is handed over to: no Celery queue, but it gives the same sign of life."""

HEARTBEAT_SECONDS = 15
MISSED_HEARTBEATS = 3
LONGEST_SILENCE = 600
"""Seconds without a sign that are still no outage, but a long task or a restart."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One queue: served or not, and how many tasks wait (None: Redis can't be asked)."""

    queue: str
    alive: bool
    backlog: int | None
    last_seen: datetime | None


def heartbeat_key(queue: str) -> str:
    """Where the last sign of life of a queue's workers stands."""
    return f"ucs:heartbeat:{queue}"


def since_key(queue: str) -> str:
    """Where it stands since when there was always a worker of a queue."""
    return f"ucs:alive-since:{queue}"


def note_heartbeat(queue: str) -> None:
    """Remember that a worker of this queue is alive now. Raises redis.RedisError."""
    now = str(time.time())
    with hints.client().pipeline(transaction=False) as pipeline:
        pipeline.set(heartbeat_key(queue), now, ex=24 * 3600)
        pipeline.set(since_key(queue), now, nx=True)
        pipeline.expire(since_key(queue), LONGEST_SILENCE)
        pipeline.execute()


def alive_since(queue: str) -> datetime | None:
    """Since when there is a worker of this queue; None without one, or if Redis can't be asked."""
    try:
        since: Any = hints.client().get(since_key(queue))
    except redis.RedisError:
        return None
    return datetime.fromtimestamp(float(since), UTC) if since else None


def worker_states(queues: Sequence[str] = QUEUES) -> list[WorkerState]:
    """Each of these queues, in their order; without Redis nobody counts as alive."""
    try:
        with hints.client().pipeline(transaction=False) as pipeline:
            for queue in queues:
                pipeline.get(heartbeat_key(queue))
                pipeline.llen(queue)
            answers = pipeline.execute()
    except redis.RedisError:
        return [WorkerState(queue, alive=False, backlog=None, last_seen=None) for queue in queues]
    return [
        worker_state(queue, beat, waiting)
        for queue, beat, waiting in zip(queues, answers[::2], answers[1::2], strict=True)
    ]


def worker_state(queue: str, beat: bytes | None, waiting: int) -> WorkerState:
    """The state of one queue out of what Redis holds on it."""
    last_seen = datetime.fromtimestamp(float(beat), UTC) if beat else None
    silence = (datetime.now(UTC) - last_seen).total_seconds() if last_seen else None
    alive = silence is not None and silence < HEARTBEAT_SECONDS * MISSED_HEARTBEATS
    return WorkerState(queue, alive=alive, backlog=waiting, last_seen=last_seen)
