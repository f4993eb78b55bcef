"""A contact centre that anything can happen to, as a state machine, and what is checked around each step."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agents import presence
from agents.models import Agent, Language, Skill
from queues import actions, kinds, offers, routing, tasks, waking
from queues.actions import ActionRefused, Reply
from queues.models import Conversation, EmailQueue, Event
from tests.make import make_agent, make_mail, make_queue, make_supervisor, receive
from tests.queues import routing_oracle as oracle
from tests.queues.routing_world import World

State = Conversation.State
Presence = Agent.Presence
Wait = EmailQueue.WaitRule

TEXTS = {
    "cs": "Dobrý den, kde je prosím moje objednávka? Čekám na ni už dva týdny a nikdo mi neodpověděl.",
    "en": "Good morning, where is my order please? I have waited for two weeks and nobody has answered.",
}
STEPS = [
    {"after_minutes": 60, "skills": {"returns": 1}},
    {"after_minutes": 120, "language_level": 2, "skills": {"certified": 0}},
]
FIRM = {"certified": "yes_no", "product/red": "choice"}
"""What one has or hasn't, by its kind; a demand of it is 6, as is having it."""

SKILLS = ["billing", "returns", *FIRM]
TIMES = [
    *("waiting_since", "due_at", "snoozed_until", "assigned_at", "reserved_until", "offered_at", "accept_by"),
    *("accepted_at", "escalate_at", "closed_at", "breached_at"),
]
names = st.sampled_from(["alice", "dora", "eve", "bob"])
agents = st.sampled_from(["alice", "dora", "eve"])
numbers = st.integers(0, 5)
levels = st.integers(0, 5)
which = st.integers(0, 2)


def populate() -> None:
    """Where each story begins: people and queues, written once for all of them."""
    Language.objects.bulk_create([Language(tag=tag) for tag in TEXTS], ignore_conflicts=True)
    product = Skill.objects.create(name="product", kind="choice")
    for name, kind in FIRM.items():
        Skill.objects.create(name=name, kind=kind, of=product if kind == "choice" else None)
    people = [
        make_agent("alice", {"billing": 4, "returns": 2, "certified": 6}, {"cs": 5, "en": 3}, capacity=2),
        make_agent("dora", {"billing": 2, "returns": 4, "product/red": 6}, {"en": 5, "cs": 2}),
        make_agent("eve", {"billing": 1}, {"en": 4}, capacity=3),
        make_supervisor("bob", capacity=1),
    ]
    push = EmailQueue.Mode.PUSH
    make_queue(people, {"billing": 2}, mode=push, first_response=180)
    make_queue(people[:3], mode=push, wait_rule=Wait.OFF, weight=2, next_response=120)
    make_queue(people[1:], {"returns": 3}, wait_rule=Wait.STEPS, steps=STEPS)
    kinds.refresh()


def as_stored(skill: str, level: int) -> int:
    """Whoever is said to have what is had or not, has it."""
    return 6 if skill in FIRM and level else level


class Centre(RuleBasedStateMachine):
    """Three agents and a supervisor; queues with each wait rule, of which two push, and one weighs more.

    Levels are changed as the forms do it, which look at once who can do what, or by other means: then the
    next sweep finds it, and whoever asks for the next one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all_of_it = transaction.atomic()
        self.all_of_it.__enter__()
        self.token = 0
        self.is_fresh = True
        self.has_any = False
        self.queues = list(EmailQueue.objects.order_by("pk"))

    # What is looked at around each step

    @contextmanager
    def by(self, *, routing: bool = False, keeps_due: bool = True) -> Iterator[World]:
        """A step of routing or of people; routing fills nobody too much, and moves no due time."""
        before = World().read()
        known = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        yield before
        after = before.later() if routing else World()
        if routing:
            oracle.check_capacity(before, after)
        if keeps_due:
            oracle.check_due(before, after)
        for event in Event.objects.filter(pk__gt=known, data__has_key="rule").order_by("pk"):
            is_asked = event.kind == "taken"  # looks for itself whether anything has changed
            oracle.check_reason(event, after, is_fresh=self.is_fresh or is_asked)
        oracle.check_rows(after)

    def agent(self, name: str) -> Agent:
        return Agent.objects.select_related("user").get(user__username=name)

    def row(self, number: int) -> Conversation | None:
        rows = list(Conversation.objects.filter(merged_into=None).order_by("-pk")[:6])
        return rows[number % len(rows)] if rows else None

    def act(self, name: str, number: int, action: Any) -> None:
        row = self.row(number)
        if row is not None:
            with self.refusing():
                action(self.agent(name).user, row)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """What is refused changes nothing."""
        try:
            with transaction.atomic():
                yield
        except ActionRefused:
            pass

    # Customers

    @initialize(queue=which, language=st.sampled_from(sorted(TEXTS)))
    def it_begins_with_mail(self, queue: int, language: str) -> None:
        self.a_mail_arrives(queue, language, 2)

    @rule(queue=which, language=st.sampled_from(sorted(TEXTS)), count=st.integers(1, 3))
    def a_mail_arrives(self, queue: int, language: str, count: int) -> None:
        with self.by(routing=True):
            for _ in range(count):
                receive(self.queues[queue], make_mail(TEXTS[language]))
        self.has_any = True

    @precondition(lambda self: self.has_any)
    @rule(number=numbers, language=st.sampled_from(sorted(TEXTS)))
    def the_customer_answers(self, number: int, language: str) -> None:
        row = self.row(number)
        if row is not None:
            self.follow_up(row, language)

    def follow_up(self, row: Conversation, language: str) -> None:
        if row.state == State.HELD:
            return
        last = row.messages.latest("pk")
        with self.by(routing=True) as before:
            receive(row.queue, make_mail(TEXTS[language], References=f"<{last.message_id}>"))
        oracle.check_came_back(before, row.pk)

    # Routing

    @rule(name=names)
    def take_next(self, name: str) -> None:
        agent = self.agent(name)
        if not agent.user.is_active:
            return
        given, is_refused = None, True
        with self.by(routing=True) as before, self.refusing():
            given = actions.take_next(agent.user)
            is_refused = False
        oracle.check_taken(before, agent, given, is_refused=is_refused)

    @rule(queue=st.integers(0, 1))
    def push(self, queue: int) -> None:
        with self.by(routing=True):
            routing.dispatch(self.queues[queue].pk)

    @rule(name=names)
    def offer(self, name: str) -> None:
        with self.by(routing=True):
            tasks.offer(self.agent(name).pk)

    @rule(minutes=st.sampled_from([0, 1, 10, 70, 200]), is_alive=st.booleans())
    def the_sweep_comes(self, minutes: int, is_alive: bool) -> None:
        """After some minutes, in which browsers gave signs of life or not."""
        self.pass_time(minutes, is_alive=is_alive)
        with self.by(routing=True):
            tasks.sweep()
        self.is_fresh = True
        oracle.check_swept()
        oracle.check_kinds()

    def pass_time(self, minutes: int, *, is_alive: bool) -> None:
        """All that is written is older by so many minutes."""
        by = timedelta(minutes=minutes)
        changes: dict[str, Any] = {name: F(name) - by for name in TIMES}
        Conversation.objects.update(due_tick=F("due_tick") - minutes, **changes)
        Event.objects.update(at=F("at") - by)
        Agent.objects.update(**{name: F(name) - by for name in ("presence_at", "seen_at", "idle_since")})
        if is_alive:
            Agent.objects.exclude(presence=Presence.OFFLINE).update(seen_at=timezone.now())

    # What was offered

    @precondition(lambda self: self.has_any)
    @rule(number=numbers)
    def accept(self, number: int) -> None:
        row = Conversation.objects.filter(accept_by__isnull=False).order_by("pk").first()
        if row is not None and row.agent is not None:
            with self.by():
                assert offers.accept(row, row.agent)

    @rule()
    def miss(self) -> None:
        missed = Conversation.objects.filter(accept_by__isnull=False)
        count = missed.update(accept_by=timezone.now())
        if not count:
            return
        with self.by(routing=True):
            assert offers.expire() == count

    # Agents

    @precondition(lambda self: self.has_any)
    @rule(name=names, number=numbers, close=st.booleans())
    def reply(self, name: str, number: int, close: bool) -> None:
        self.token += 1
        answer = Reply(text=f"Answer {self.token}", close=close, token=str(self.token))
        with self.by(keeps_due=False):
            self.act(name, number, lambda user, row: actions.reply(user, row, answer))

    @precondition(lambda self: self.has_any)
    @rule(name=names, number=numbers, what=st.sampled_from(["take", "release", "reopen"]))
    def lay_hands_on(self, name: str, number: int, what: str) -> None:
        with self.by():
            self.act(name, number, getattr(actions, what))

    @precondition(lambda self: self.has_any)
    @rule(to=agents, number=numbers)
    def override(self, to: str, number: int) -> None:
        """The supervisor gives it to whom they want."""
        agent = self.agent(to)
        with self.by():
            self.act("bob", number, lambda user, row: actions.assign(user, row, agent))

    @precondition(lambda self: self.has_any)
    @rule(number=numbers, queue=which)
    def transfer(self, number: int, queue: int) -> None:
        row = self.row(number)
        had = (row.due_at, row.waiting_since) if row is not None else None
        with self.by(keeps_due=False):
            self.act("bob", number, lambda user, row: actions.transfer(user, row, self.queues[queue]))
        if row is not None and row.due_at is not None:
            row.refresh_from_db()
            assert (row.due_at, row.waiting_since) == had

    @precondition(lambda self: self.has_any)
    @rule(number=numbers)
    def snooze(self, number: int) -> None:
        until = timezone.now() + timedelta(hours=1)
        with self.by():
            self.act("bob", number, lambda user, row: actions.snooze(user, row, until))

    @rule()
    def wake(self) -> None:
        asleep = Conversation.objects.filter(state=State.SNOOZED).order_by("pk").first()
        if asleep is None:
            return
        Conversation.objects.filter(pk=asleep.pk).update(snoozed_until=timezone.now())
        with self.by(routing=True) as before:
            assert waking.wake_due() == 1
        oracle.check_came_back(before, asleep.pk)

    @precondition(lambda self: self.has_any)
    @rule(number=numbers, into=numbers)
    def merge(self, number: int, into: int) -> None:
        other = self.row(into)
        if other is not None:
            with self.by(keeps_due=False):
                self.act("bob", number, lambda user, row: actions.merge(user, row, other))

    @precondition(lambda self: self.has_any)
    @rule(number=numbers, place=numbers)
    def split(self, number: int, place: int) -> None:
        def split(user: User, row: Conversation) -> None:
            messages = list(row.messages.order_by("pk"))
            actions.split(user, row, [messages[place % len(messages)].pk])

        with self.by(keeps_due=False):
            self.act("bob", number, split)

    # Who is there, and what they can do

    @rule(name=names, wanted=st.sampled_from([*Presence.values, Presence.AVAILABLE]))
    def presence(self, name: str, wanted: str) -> None:
        with self.by(routing=True):
            actions.set_presence(self.agent(name).user, wanted)

    @rule(name=agents)
    def the_browser_dies(self, name: str) -> None:
        Agent.objects.filter(user__username=name).update(seen_at=timezone.now() - 2 * presence.HEARTBEAT_LOST)

    @rule(name=agents, on=st.booleans())
    def switch(self, name: str, on: bool) -> None:
        User.objects.filter(username=name).update(is_active=on)
        self.is_fresh = False

    @rule(name=agents, queue=which, on=st.booleans())
    def join_or_leave(self, name: str, queue: int, on: bool) -> None:
        team = self.queues[queue].members
        (team.add if on else team.remove)(self.agent(name))
        self.is_fresh = False

    @rule(name=names, skill=st.sampled_from([*SKILLS, *TEXTS]), level=levels, by_form=st.booleans())
    def edit_levels(self, name: str, skill: str, level: int, by_form: bool) -> None:
        agent = self.agent(name)
        rows: Any = agent.language_levels if skill in TEXTS else agent.skill_levels
        of = {"language_id": skill} if skill in TEXTS else {"skill": Skill.objects.get(name=skill)}
        rows.filter(**of).delete()
        if level:
            rows.create(level=as_stored(skill, level), **of)
        self.edited(by_form)

    @rule(queue=which, skill=st.sampled_from(["billing", *FIRM]), level=levels, by_form=st.booleans())
    def edit_demand(self, queue: int, skill: str, level: int, by_form: bool) -> None:
        rows = self.queues[queue].skill_demands
        rows.filter(skill__name=skill).delete()
        if level:
            rows.create(skill=Skill.objects.get(name=skill), level=as_stored(skill, level))
        self.edited(by_form)

    @precondition(lambda self: self.has_any)
    @rule(number=numbers, wanted=st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5)))
    def demand(self, number: int, wanted: dict[str, int]) -> None:
        with self.by():
            self.act("bob", number, lambda user, row: actions.demand(user, row, wanted))

    @rule(queue=which, wait_rule=st.sampled_from(Wait.values), by_form=st.booleans())
    def edit_wait_rule(self, queue: int, wait_rule: str, by_form: bool) -> None:
        rows = EmailQueue.objects.filter(pk=self.queues[queue].pk)
        rows.update(wait_rule=wait_rule, steps=STEPS if wait_rule == Wait.STEPS else [])
        self.edited(by_form)

    def edited(self, by_form: bool) -> None:
        """By other means it is found by the next form, sweep, or who asks for the next one."""
        self.queues = list(EmailQueue.objects.order_by("pk"))
        self.is_fresh = by_form
        if by_form:
            kinds.refresh()
            oracle.check_kinds()

    @rule(name=names, capacity=st.integers(0, 4), queue=which, weight=st.integers(1, 3))
    def edit_room(self, name: str, capacity: int, queue: int, weight: int) -> None:
        Agent.objects.filter(user__username=name).update(capacity=capacity)
        EmailQueue.objects.filter(pk=self.queues[queue].pk).update(weight=weight)
        self.queues = list(EmailQueue.objects.order_by("pk"))

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.all_of_it.__exit__(None, None, None)
