"""One dispatcher of the trials, in a process of its own that is forked from the one which judges.

It gives agents what is first for them, and answers for them, until time is up.
"""

import random
import time
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection

from django.db import transaction

from agents.models import Agent
from queues import routing, states
from queues.models import Conversation

State = Conversation.State
FORK = get_context("fork")


@dataclass
class Work:
    """How many conversations were given, and how many ms each decision with its claim took."""

    given: int = 0
    times: list[float] = field(default_factory=list)


class Dispatcher:
    """The process, as the one that judges sees it; fork it only without an open database connection."""

    def __init__(self, seconds: float, seed: int) -> None:
        self._line, theirs = FORK.Pipe()
        self.process = FORK.Process(target=_work, args=(theirs, seconds, seed), daemon=True)
        self.process.start()
        theirs.close()

    def kill_after(self, seconds: float) -> bool:
        """kill -9; False when it had ended by then."""
        self.process.join(seconds)
        is_alive = self.process.is_alive()
        self.process.kill()
        return is_alive

    def result(self) -> Work | None:
        """What it has done; None when it did not come to its end."""
        try:
            work: Work | None = self._line.recv()
        except EOFError:
            work = None
        self.process.join()
        self._line.close()
        return work


def _work(line: Connection, seconds: float, seed: int) -> None:
    """Give and answer in turn."""
    draw, work = random.Random(str(seed)), Work()
    agents = list(Agent.objects.order_by("pk").values_list("pk", flat=True))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        agent_id = draw.choice(agents)
        started = time.perf_counter()
        if routing.offer(agent_id) is not None:
            work.given += 1
            work.times.append(1000 * (time.perf_counter() - started))
        if draw.random() < 0.6:
            _answer_one(agent_id)
    line.send(work)


def _answer_one(agent_id: int) -> None:
    """The agent answers the oldest thing in their hands, if there is any."""
    with transaction.atomic():
        mine = Conversation.objects.filter(agent=agent_id, state=State.ASSIGNED).order_by("assigned_at")
        pk = mine.values_list("pk", flat=True).first()
        row = states.lock_free(pk) if pk is not None else None
        if row is not None and row.state == State.ASSIGNED and row.agent_id == agent_id:
            states.await_customer(row, routing.clock())
