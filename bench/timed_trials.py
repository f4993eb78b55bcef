"""Trials of timed answers: the tick that sends one, against everything that people and mails do meanwhile.

Each round has an answer whose time has come, and several hands that reach for it at the same moment, each on
a database connection of its own. However it ends, it ends with one mail and no draft, or with no mail and the
draft; and nobody was written to over the head of who wrote in time.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

from django.db import connections as databases
from django.utils import timezone

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues import actions, later, tasks
from queues.actions import ActionRefused, Reply
from queues.models import Conversation, Draft, Message
from tests.make import make_agent, make_mail, make_queue, make_supervisor, receive

TEXT, CHANGED = "In the morning.", "Changed."
JITTER = 0.012  # seconds
PATIENCE = 0.3  # of who wants to take back what may leave


@dataclass
class Verdict:
    """What came of the rounds."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ends = ", ".join(f"{number} {name}" for name, number in sorted(self.ends.items()))
        return f"{self.ends.total()} rounds: {ends}; {len(self.faults)} faults of ours"


class Office:
    """Alice, who times answers, and Bob, her supervisor."""

    def __init__(self) -> None:
        name = uuid4().hex[:8]
        self.alice: Agent = make_agent(f"alice{name}", capacity=1000)
        self.queue = make_queue([self.alice], name=f"Orders {name}")
        self.bob: Agent = make_supervisor(f"bob{name}", queues=[self.queue])

    def round(self, luck: random.Random) -> Verdict:
        """One answer, two ticks, and two to four other hands."""
        trial = Trial(self)
        others = luck.sample(sorted(trial.hands), luck.randint(2, 4))
        names = ["tick", "tick", *others]
        errors = trial.run([(name, luck.random() * JITTER) for name in names])
        end, faults = trial.judged()
        told = "+".join(names)
        return Verdict(Counter([end]), [f"{told}: {fault}" for fault in [*errors, *faults]])


class Trial:
    """One timed answer whose time has come."""

    def __init__(self, office: Office) -> None:
        self.office, self.user = office, office.alice.user
        self.asked = receive(office.queue, make_mail(From=f"Charlie <{uuid4().hex[:8]}@customer.example>"))
        self.row = self.asked.conversation
        self.token = str(uuid4())
        soon = timezone.now() + timedelta(minutes=5)
        self.draft = actions.schedule(self.user, self.row, self.answer(send_at=soon))
        Draft.objects.filter(pk=self.draft.pk).update(send_at=timezone.now())
        self.hands: dict[str, Callable[[], object]] = {
            "hint": lambda: tasks.leave(self.draft.pk),
            "cancel": lambda: actions.cancel(self.user, self.row, self.draft.pk),
            "edit": self.edit,
            "undo": self.undo,
            "customer": self.customer,
            "now": self.send_now,
            "now again": self.send_now,
            "click": lambda: actions.reply(self.user, self.row, self.answer()),
            "click again": lambda: actions.reply(self.user, self.row, self.answer()),
            "autosave": lambda: actions.save_draft(self.user, self.row, CHANGED, token=self.token),
            "colleague": self.colleague,
        }

    def answer(self, **more: object) -> Reply:
        values: dict[str, object] = {"text": TEXT, "token": self.token, "seen_message_id": self.asked.pk}
        return Reply(**(values | more))  # type: ignore[arg-type]

    def edit(self) -> None:
        actions.cancel(self.user, self.row, self.draft.pk)
        actions.save_draft(self.user, self.row, CHANGED, token=self.token, seen_message_id=self.asked.pk)

    def undo(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            sent = self.row.messages.filter(direction="out", compose_token=self.token).first()
            if sent is not None:
                actions.undo(self.user, sent)
                return
            time.sleep(0.005)

    def customer(self) -> None:
        raw = make_mail("Never mind.", From=self.asked.from_email, References=f"<{self.asked.message_id}>")
        receive(self.office.queue, raw)

    def send_now(self) -> None:
        actions.send_now(self.user, self.row, self.draft.pk, self.asked.pk)

    def colleague(self) -> None:
        actions.reply(self.office.bob.user, self.row, Reply(text="Done already.", token=str(uuid4())))

    def run(self, hands: list[tuple[str, float]]) -> list[str]:
        """All hands at once; what went wrong, which is anything but a refusal in words."""
        barrier = Barrier(len(hands))

        def reach(name: str, pause: float) -> None:
            work = self.tick if name == "tick" else self.hands[name]
            try:
                barrier.wait(timeout=30)
                time.sleep(pause)
                work()
            finally:
                databases.close_all()

        with ThreadPoolExecutor(len(hands)) as pool:
            reached = [(name, pool.submit(reach, name, pause)) for name, pause in hands]
        ended = [(name, each.exception()) for name, each in reached]
        return [f"{name}: {error!r}" for name, error in ended if error and not _is_refusal(error)]

    def tick(self) -> None:
        later.send_one(self.draft.pk, timezone.now())

    def judged(self) -> tuple[str, list[str]]:
        """How it ended, and what must not be; what was only locked a moment ago leaves at the next tick."""
        self.tick()
        mails = self.row.messages.filter(agent=self.office.alice, direction="out")
        left = list(mails.exclude(outgoing__state=OutgoingMail.State.CANCELLED))
        drafts = list(Draft.objects.filter(conversation=self.row, agent=self.office.alice))
        faults = []
        if len(left) + len(drafts) != 1:
            faults.append(f"{len(left)} mails and {len(drafts)} drafts")
        faults += [f"the draft says “{each.text}”" for each in drafts if each.text not in (TEXT, CHANGED)]
        faults += [f"the draft {each.pk} was never looked at" for each in drafts if _is_overdue(each)]
        faults += [fault for each in left for fault in self._over_a_head(each)]
        state = Conversation.objects.get(pk=self.row.pk).state
        if drafts and state == Conversation.State.SNOOZED:
            faults.append("the draft waits for a person, and its conversation sleeps")
        return self._end(left, drafts), faults

    def _over_a_head(self, sent: Message) -> list[str]:
        between = self.row.messages.filter(pk__gt=self.asked.pk, pk__lt=sent.pk, automatic="no")
        between = between.exclude(agent=self.office.alice).exclude(
            outgoing__state=OutgoingMail.State.CANCELLED
        )
        return [f"sent although {each} came before" for each in between]

    def _end(self, left: list[Message], drafts: list[Draft]) -> str:
        if left:
            return "sent"
        return "held" if any(each.held_why for each in drafts) else "kept as a draft"


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, ActionRefused)


def _is_overdue(draft: Draft) -> bool:
    return draft.send_at is not None and draft.send_at < timezone.now()


def timed_trial(rounds: int, seed: int) -> Verdict:
    """Many rounds in one office."""
    luck, office, total = random.Random(seed), Office(), Verdict()
    for _ in range(rounds):
        verdict = office.round(luck)
        total.ends += verdict.ends
        total.faults += verdict.faults
    return total
