"""One dispatcher of the trials: gives agents what is first for them, and answers for them, until time is up.

    python -m bench.dispatcher SECONDS SEED

Prints as JSON how many conversations it gave and how long each decision with its claim took.
"""

import json
import os
import random
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucs.settings")

import django

django.setup()

from django.db import transaction  # noqa: E402

from agents.models import Agent  # noqa: E402
from queues import routing, states  # noqa: E402
from queues.models import Conversation  # noqa: E402

State = Conversation.State


def answer_one(agent_id: int) -> None:
    """The agent answers the oldest thing in their hands, if there is any."""
    with transaction.atomic():
        mine = Conversation.objects.filter(agent=agent_id, state=State.ASSIGNED).order_by("assigned_at")
        pk = mine.values_list("pk", flat=True).first()
        row = states.lock_free(pk) if pk is not None else None
        if row is not None and row.state == State.ASSIGNED and row.agent_id == agent_id:
            states.await_customer(row, routing.clock())


def main(seconds: float, seed: str) -> None:
    """Give and answer in turn."""
    draw = random.Random(seed)
    agents = list(Agent.objects.order_by("pk").values_list("pk", flat=True))
    times: list[float] = []
    given = 0
    print("ready", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        agent_id = draw.choice(agents)
        started = time.perf_counter()
        got = routing.offer(agent_id)
        if got is not None:
            given += 1
            times.append(1000 * (time.perf_counter() - started))
        if draw.random() < 0.6:
            answer_one(agent_id)
    print(json.dumps({"given": given, "times": times}), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
