"""Any order of workers, crashes, late answers, sweeps and decisions: no mail leaves twice by itself."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailsenders import outbox
from mailsenders.due import UNSETTLED
from mailsenders.models import EmailSender, OutgoingMail, OutgoingRecipient
from mailsenders.outbox import Claim, Outcome
from tests.make import make_outgoing, make_sender

State = OutgoingMail.State
Recipient = OutgoingRecipient.State
ANSWERS = {"taken": Recipient.ACCEPTED, "later": Recipient.RETRY, "refused": Recipient.REFUSED}

which = st.sampled_from([0, 0, 0, 1])
steps = st.one_of(
    st.tuples(st.just("enqueue"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("claim")),
    st.tuples(st.just("claim")),
    st.tuples(st.just("start"), which),
    st.tuples(st.just("answer"), which, st.sampled_from([*ANSWERS, "silent taken", "silence"])),
    st.tuples(st.just("put_back"), which),
    st.tuples(st.sampled_from(["undo", "resend", "mark_sent"]), which),
    st.tuples(st.just("leases_end")),
    st.tuples(st.just("time_passes")),
)


@dataclass
class World:
    """The outbox, its workers, and a server that counts."""

    sender: EmailSender

    def __post_init__(self) -> None:
        self.mails: list[OutgoingMail] = []
        self.workers: list[Claim] = []
        self.texting: list[Claim] = []
        self.taken: Counter[int] = Counter()
        self.allowed: Counter[int] = Counter()  # by enqueue and by persons

    def enqueue(self, key: int, held: bool) -> None:
        mail = make_outgoing(self.sender, order_key=key, hold=600 if held else 0)
        self.mails.append(mail)
        self.allowed[mail.pk] = 1

    def claim(self) -> None:
        found = outbox.claim(self.sender.pk, timezone.now())
        if found is None:
            return
        mail = OutgoingMail.objects.get(pk=found.mail_id)
        earlier = OutgoingMail.objects.filter(order_key=mail.order_key, pk__lt=mail.pk, state__in=UNSETTLED)
        assert not earlier.exists()
        self.workers.append(found)

    def start(self, number: int) -> None:
        """A worker goes on, however late, and sends the text if it may."""
        if number >= len(self.workers):
            return
        claim = self.workers.pop(number)
        if outbox.start_data(claim):
            self.texting.append(claim)
        else:
            assert not outbox.finish(claim, self.outcome(claim, Recipient.REFUSED))

    def answer(self, number: int, answer: str) -> None:
        """The server answers a text, or takes it without a word, or loses it."""
        if number >= len(self.texting):
            return
        claim = self.texting.pop(number)
        self.taken[claim.mail_id] += "taken" in answer
        if answer in ANSWERS:
            outbox.finish(claim, self.outcome(claim, ANSWERS[answer]))
        else:
            outbox.finish_uncertain(claim, Outcome({}))

    def put_back(self, number: int) -> None:
        if number < len(self.workers):
            outbox.put_back(self.workers.pop(number))

    def undo(self, number: int) -> None:
        if number < len(self.mails) and outbox.undo(self.mails[number]):
            self.allowed[self.mails[number].pk] = 0

    def resend(self, number: int) -> None:
        if number >= len(self.mails):
            return
        mail = OutgoingMail.objects.get(pk=self.mails[number].pk)
        if outbox.resend(mail) and mail.state == State.UNCERTAIN:
            self.allowed[mail.pk] += 1  # a person has decided that it did not arrive

    def mark_sent(self, number: int) -> None:
        if number < len(self.mails):
            outbox.mark_sent(self.mails[number])

    def leases_end(self) -> None:
        """The workers are thought dead; each may still come back as a ghost."""
        OutgoingMail.objects.filter(state=State.SENDING).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        outbox.sweep(timezone.now())

    def time_passes(self) -> None:
        OutgoingMail.objects.filter(state__in=[State.HELD, State.RETRY]).update(not_before=timezone.now())

    def check(self) -> None:
        for mail in OutgoingMail.objects.filter(sender=self.sender):
            states = set(mail.recipients.values_list("state", flat=True))
            assert self.taken[mail.pk] <= self.allowed[mail.pk]
            assert (mail.state == State.SENDING) == (mail.lease_until is not None)
            if mail.state == State.SENT:
                assert states == {Recipient.ACCEPTED}
                assert mail.sent_at
            if mail.state == State.FAILED:
                assert states == {Recipient.REFUSED}
            if mail.state in (State.CANCELLED, State.HELD):
                assert not self.taken[mail.pk]

    def outcome(self, claim: Claim, state: Recipient) -> Outcome:
        return Outcome(dict.fromkeys(claim.recipients, (state, "said")), "said")


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=5, max_size=25))
@example([("claim",), ("start", 0), ("leases_end",), ("claim",), ("start", 0), *[("answer", 0, "taken")] * 2])
@example([("claim",), ("leases_end",), ("claim",), *[("start", 0)] * 2, *[("answer", 0, "taken")] * 2])
@example([("claim",), ("leases_end",), ("claim",), ("put_back", 0), ("claim",), *[("start", 0)] * 2])
def test_no_mail_leaves_twice_by_itself(plan: list[tuple[object, ...]]) -> None:
    with transaction.atomic():
        world = World(make_sender())
        world.enqueue(0, False)
        for name, *arguments in plan:
            getattr(world, str(name))(*arguments)
            world.check()
        transaction.set_rollback(True)
