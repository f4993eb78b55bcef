"""What seldom follows by chance, and breaks things most: a change, and at once what must have seen it."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from agents.models import Agent
from queues import actions, routing
from queues.actions import Reply
from queues.models import Conversation, EmailQueue
from tests.queues.routing_machine import SKILLS, TEXTS, Centre, levels, names, numbers, which
from tests.queues.routing_world import World

State = Conversation.State
Presence = Agent.Presence
CHANGES = ("nothing", "loses", "leaves")
abilities = st.sampled_from(["billing", "returns", *TEXTS])


class Stories(Centre):
    """The same centre, where some things happen together."""

    def in_hand(self, number: int) -> Conversation | None:
        rows = list(Conversation.objects.filter(state=State.ASSIGNED, merged_into=None).order_by("-pk")[:6])
        return rows[number % len(rows)] if rows else None

    @rule(
        number=numbers,
        change=st.sampled_from(CHANGES),
        wanted=st.sampled_from([Presence.AVAILABLE, Presence.AVAILABLE, Presence.AWAY, Presence.OFFLINE]),
        capacity=st.integers(0, 3),
    )
    def much_has_changed_when_the_customer_answers(
        self, number: int, change: str, wanted: str, capacity: int
    ) -> None:
        """Who answered can't do it any more, works elsewhere, has gone, or has more to do."""
        row = self.in_hand(number) or self.get_going()
        if row is None or row.agent is None or not row.agent.user.is_active:
            return
        name = row.agent.user.username
        self.token += 1
        with self.by(keeps_due=False), self.refusing():
            actions.reply(row.agent.user, row, Reply(text=f"Answer {self.token}", token=str(self.token)))
        self.change(name, row, change)
        Agent.objects.filter(pk=row.agent.pk).update(capacity=capacity)
        self.presence(name, wanted)
        row.refresh_from_db()
        self.follow_up(row, row.language or "en")

    def change(self, name: str, row: Conversation, change: str) -> None:
        demanded = list(World().wanted(row))
        if change == "loses" and demanded:
            self.edit_levels(name, demanded[self.token % len(demanded)], 0, by_form=False)
        if change == "leaves":
            row.queue.members.remove(self.agent(name))
            self.is_fresh = False

    @rule(change=st.sampled_from(CHANGES), asks=st.booleans())
    def who_it_is_kept_for_has_changed(self, change: str, asks: bool) -> None:
        """And is there again, and asks for the next one, or is given it."""
        kept = Conversation.objects.filter(reserved_for__isnull=False).order_by("pk").first()
        if kept is None or kept.reserved_for is None or not kept.reserved_for.user.is_active:
            return
        name = kept.reserved_for.user.username
        self.token += 1
        self.change(name, kept, change)
        Agent.objects.filter(pk=kept.reserved_for.pk).update(capacity=4)
        self.presence(name, Presence.AVAILABLE)
        if asks:
            self.take_next(name)
        self.the_sweep_comes(0, is_alive=True)

    def get_going(self) -> Conversation | None:
        """Somebody takes something in hand."""
        self.a_shift_begins("bob")
        return self.in_hand(0)

    @rule(name=names, ability=abilities, level=levels, queue=which, joins=st.booleans())
    def somebody_learns_or_forgets_and_asks_for_more(
        self, name: str, ability: str, level: int, queue: int, joins: bool
    ) -> None:
        """By other means than the forms, and no sweep lies between."""
        if name != "bob":
            self.join_or_leave(name, queue, joins)
        self.edit_levels(name, ability, level, by_form=False)
        self.ask_on_and_on(name)

    @rule(name=names)
    def ask_on_and_on(self, name: str) -> None:
        """Until there is nothing more, or no room."""
        for _ in range(3):
            self.take_next(name)

    @rule(name=names, capacity=st.integers(1, 4), weight=st.integers(1, 3))
    def more_comes_than_there_is_room_for(self, name: str, capacity: int, weight: int) -> None:
        """Of light and heavy queues, for who has to do already."""
        EmailQueue.objects.filter(pk=self.queues[1].pk).update(weight=weight)
        Agent.objects.filter(user__username=name).update(capacity=capacity)
        self.a_mail_arrives(0, "en", 1)
        self.a_mail_arrives(1, "en", 2)
        self.presence(name, Presence.AVAILABLE)
        self.ask_on_and_on(name)

    @rule(gone=names)
    def a_shift_begins(self, gone: str) -> None:
        """All but one are there, and who is there gets what waits."""
        for name in ("alice", "dora", "eve", "bob"):
            self.presence(name, Presence.OFFLINE if name == gone else Presence.AVAILABLE)
        self.the_sweep_comes(0, is_alive=True)

    @rule(minutes=st.sampled_from([1, 10, 70]), capacity=st.integers(1, 4))
    def all_is_missed_or_waits_long(self, minutes: int, capacity: int) -> None:
        """What was offered comes back, and time passes until the steps of wait rules let others in."""
        Agent.objects.update(capacity=capacity)
        self.miss()
        self.the_sweep_comes(minutes, is_alive=True)

    @rule(queue=st.integers(0, 1), skill=st.sampled_from(SKILLS), level=levels)
    def something_special_is_demanded(self, queue: int, skill: str, level: int) -> None:
        """Of the newest, before it is given away."""
        self.a_mail_arrives(queue, "en", 1)
        with self.by():
            self.act("bob", 0, lambda user, row: actions.demand(user, row, {skill: level} if level else {}))
        with self.by(routing=True):
            routing.dispatch(self.queues[queue].pk)
