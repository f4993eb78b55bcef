"""Tasks reach their queue and only that one, from a process whose Redis may be away."""

import os
import socket
import subprocess
import sys

import pytest
from celery import shared_task
from django.db import transaction

from mailstore.announce import announce
from mailstore.workers import QUEUES, worker_states
from ucs.celery import app, broker_url, schedule


@shared_task
def nothing(*, number: int) -> None:
    """A task that is only ever handed over."""


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("mailsources.tasks.poll_due", "fetch"),
        ("mailsources.tasks.deliver", "deliver"),
        ("mailsources.tasks.sweep", "housekeeping"),
        ("mailsenders.tasks.send", "send"),
        ("sso.tasks.refresh", "tokens"),
        ("queues.tasks.sweep", "housekeeping"),
    ],
)
def test_routes(task: str, queue: str) -> None:
    assert app.amqp.router.route({}, task)["queue"].name == queue


@pytest.mark.parametrize(
    ("redis", "broker"),
    [
        ("redis://host:1/2", "redis://host:1/2"),
        ("rediss://host:1/2", "rediss://host:1/2"),
        ("unix:///a/b.sock?db=3", "redis+socket:///a/b.sock?virtual_host=3"),
    ],
)
def test_broker_url(redis: str, broker: str) -> None:
    assert broker_url(redis) == broker


@pytest.mark.usefixtures("clean_redis")
def test_announced_after_commit_into_one_queue(transactional_db: None) -> None:
    with transaction.atomic():
        announce(nothing, number=1)
        assert all(state.backlog == 0 for state in worker_states())
    assert {state.queue: state.backlog for state in worker_states()} == dict.fromkeys(QUEUES, 0) | {
        "housekeeping": 1
    }


ANNOUNCE = """
import time, django
django.setup()
from mailstore.announce import LOST, publish
from ucs import celery, tasks
celery.answer_fast()
started = time.monotonic()
for _ in range(5):
    publish(tasks.heartbeat, {"queue": "send"})
print(time.monotonic() - started, LOST._value.get())
"""


@pytest.mark.parametrize("answers", [False, True], ids=["refused", "silent"])
def test_missing_redis_costs_little_and_raises_nothing(answers: bool) -> None:
    """Like a web process whose Redis refuses connections, or takes them and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        if not answers:
            server.close()
        env = dict(os.environ, REDIS_URL=url, DJANGO_SETTINGS_MODULE="ucs.settings")
        ran = subprocess.run(
            [sys.executable, "-c", ANNOUNCE], env=env, capture_output=True, text=True, check=True, timeout=60
        )
    seconds, lost = map(float, ran.stdout.split())
    assert seconds < 8, "each of five that had waited would have cost two seconds"
    assert lost == 5
    assert "will be found by the sweeper" in ran.stderr


def test_every_tick_is_a_task() -> None:
    """A name in the schedule that no task has would only show in the log of a worker."""
    app.loader.import_default_modules()
    missing = {tick["task"] for tick in schedule().values()} - set(app.tasks)
    assert missing == set()
