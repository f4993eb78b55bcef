"""Everything at once, on connections of their own: what deadlocks, and what is broken at the end.

Customers write, routing gives, agents answer, a supervisor moves, merges and splits, abilities change, people
come and go. `bench.dispatch --mixed` plays it at length, the test suite a few seconds of it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from threading import Barrier
from time import monotonic

from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone

from agents.models import Agent, AgentSkill
from queues import actions, kinds, routing, tasks, waking
from queues.actions import ActionRefused, Reply
from queues.history import MOVED_FROM
from queues.models import Conversation, EmailQueue, Event, Message
from queues.reasons import explain, replay
from queues.routing import AtCapacity
from tests.make import make_agent, make_mail, make_queue, make_supervisor, receive
from tests.queues import routing_oracle as oracle

State = Conversation.State


@dataclass
class Trial:
    """What was done how often, what was refused, and what should not have happened."""

    done: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    again: int = 0
    wrong: list[str] = field(default_factory=list)


def populate(agents: int = 6) -> None:
    """A push and a pick queue, one with demands, agents of all levels, and a supervisor of all queues."""
    people = [
        make_agent(f"agent{number}", {"billing": 1 + number % 5}, capacity=1 + number % 3)
        for number in range(agents)
    ]
    people.append(make_supervisor("bob", capacity=0))
    queues = [
        make_queue(people, mode=EmailQueue.Mode.PUSH),
        make_queue(people, {"billing": 2}, mode=EmailQueue.Mode.PUSH),
        make_queue(people),
    ]
    for number in range(24):
        receive(queues[number % 3], make_mail(From=_customer(-number)))


def _customer(number: int) -> str:
    """Different ones, as one who writes too much is held."""
    return f"charlie{number}@customer.example"


class Player:
    """One thread's share: does one thing again and again, each time to something else."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.count = 0
        self.queues = list(EmailQueue.objects.order_by("pk"))
        self.people = list(Agent.objects.select_related("user").exclude(user__username="bob").order_by("pk"))
        self.bob = User.objects.get(username="bob")

    def row(self, *states: str) -> Conversation:
        rows = Conversation.objects.filter(merged_into=None, state__in=states or State.values)
        found = list(rows.order_by("-pk")[:30])
        if not found:
            raise ActionRefused("There is none.")
        return self.draw.choice(found)

    def route(self) -> None:
        if self.draw.random() < 0.5:
            routing.dispatch(self.draw.choice(self.queues).pk)
        else:
            routing.offer(self.draw.choice(self.people).pk)

    def take_next(self) -> None:
        actions.take_next(self.draw.choice(self.people).user)

    def write(self) -> None:
        """A customer, anew or in answer to the last mail of a conversation."""
        if self.draw.random() < 0.4:
            self.count += 1
            receive(self.draw.choice(self.queues), make_mail(From=_customer(self.count)))
            return
        row = self.row()
        first, last = row.messages.filter(direction="in").first(), row.messages.last()
        if first is not None and last is not None:
            more = make_mail("More.", From=first.from_email, References=f"<{last.message_id}>")
            receive(row.queue, more)

    def reply(self) -> None:
        row = self.row(State.ASSIGNED)
        agent = Agent.objects.select_related("user").filter(conversations=row).first()
        if agent is None:
            raise ActionRefused("Nobody has it any more.")  # it was moved since: no answer is to be counted
        self.count += 1
        actions.reply(agent.user, row, Reply(text=f"Answer {self.count}."))

    def transfer(self) -> None:
        row = self.row()
        actions.transfer(self.bob, row, self.draw.choice(self.queues))

    def merge(self) -> None:
        actions.merge(self.bob, self.row(), self.row())

    def split(self) -> None:
        row = self.row()
        mails = list(row.messages.values_list("pk", flat=True))
        actions.split(self.bob, row, [self.draw.choice(mails)] if mails else [])

    def change_abilities(self) -> None:
        rows = AgentSkill.objects.filter(agent=self.draw.choice(self.people))
        rows.update(level=self.draw.randint(1, 5))
        if self.draw.random() < 0.5:
            kinds.refresh()
        else:
            kinds.rebuild()

    def sleep_and_wake(self) -> None:
        if self.draw.random() < 0.6:
            actions.snooze(self.bob, self.row(), timezone.now() + timedelta(milliseconds=50))
        else:
            waking.wake_due()

    def come_and_go(self) -> None:
        presences = ["available", "available", "away", "offline"]
        actions.set_presence(self.draw.choice(self.people).user, self.draw.choice(presences))
        if self.draw.random() < 0.3:
            tasks.sweep()


ROLES: tuple[tuple[str, ...], ...] = (
    ("route",), ("take_next", "route"), ("write",), ("reply",), ("transfer", "merge"), ("merge", "split"),
    ("change_abilities",), ("sleep_and_wake", "come_and_go"),
)  # fmt: skip
"""Eight threads, and what each does in turn."""


def play(seconds: float, seed: int = 1) -> Trial:
    """Let all roles go on beside each other for so long, and judge the end."""
    trial, barrier = Trial(), Barrier(len(ROLES))

    def run(number: int) -> Trial:
        try:
            player = Player(100 * seed + number)
            barrier.wait(timeout=60)
            return _go_on(player, ROLES[number], monotonic() + seconds)
        finally:
            connection.close()

    with _listening(trial), ThreadPoolExecutor(len(ROLES)) as pool:
        for part in pool.map(run, range(len(ROLES))):
            trial.done += part.done
            trial.refused += part.refused
            trial.wrong += part.wrong
        trial.wrong += judge(trial)
    return trial


def _go_on(player: Player, role: tuple[str, ...], until: float) -> Trial:
    part = Trial()
    while monotonic() < until:
        name = player.draw.choice(role)
        act: Callable[[], None] = getattr(player, name)
        try:
            act()
            part.done[name] += 1
        except (ActionRefused, AtCapacity):
            part.refused += 1
        except OperationalError as error:
            part.wrong.append(f"{name}: {error}")
    return part


class _Listener(logging.Handler):
    """Counts actions that met a deadlock and were done again, and keeps what broke a step of the sweep."""

    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self.trial = trial

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.trial.wrong.append(f"{record.getMessage()}: {record.exc_info and record.exc_info[1]}")
        else:
            self.trial.again += 1


@contextmanager
def _listening(trial: Trial) -> Iterator[None]:
    handler = _Listener(trial)
    loggers = [logging.getLogger(name) for name in ("queues.transactions", "queues.tasks")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def judge(trial: Trial) -> list[str]:
    """What is broken: mails lost or doubled, counts, reasons, kinds, hands; nothing, if all is well."""
    found = []
    came, sent = Message.objects.filter(direction="in").count(), Message.objects.filter(direction="out")
    if came < trial.done["write"] or sent.count() != trial.done["reply"]:
        found.append(f"{came} mails came and {sent.count()} left, of {trial.done}")
    for row in Conversation.objects.all():
        if row.messages_count != row.messages.count():
            found.append(f"#{row.number} counts {row.messages_count} mails, and has {row.messages.count()}")
    for event in Event.objects.filter(data__has_key="rule"):
        at = event.data.get(MOVED_FROM, event.conversation_id)
        if replay(event.data).conversation_id != at or explain(event.data) != event.sentence:
            found.append(f"event {event.pk} replays to another choice")
    for check in (oracle.check_rows, kinds.refresh, oracle.check_kinds, tasks.sweep, oracle.check_swept):
        try:
            check()
        except AssertionError as error:
            found.append(f"{check.__name__}: {error}")
    return found
