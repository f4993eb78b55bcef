"""Macros: everything of one, or nothing; and back again."""

import uuid
from typing import Any

import pytest

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues import actions, macros
from queues.actions import Reply
from queues.models import Conversation, Draft, EmailQueue, Event, Macro, Note, Tag
from queues.refusals import ActionRefused, NewMailArrived
from tests.make import make_agent, make_mail, make_queue, make_sender, receive

pytestmark = pytest.mark.django_db
State = Conversation.State


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=5)


@pytest.fixture
def orders(alice: Agent) -> EmailQueue:
    return make_queue([alice], name="Orders", sender=make_sender())


@pytest.fixture
def billing(alice: Agent) -> EmailQueue:
    return make_queue([alice], name="Billing", sender=make_sender(name="billing"))


@pytest.fixture
def row(orders: EmailQueue) -> Conversation:
    return receive(orders).conversation


def make_macro(**overrides: Any) -> Macro:
    values = {"name": "Hand over", "html": "<p>Dear {{ contact.name }}</p>", "note": "Check the invoice."}
    macro = Macro.objects.create(**(values | overrides))
    macro.tags.set([Tag.objects.get_or_create(name="invoice")[0]])
    return macro


def an_answer(**overrides: Any) -> Reply:
    return Reply(**({"text": "Dear Charlie", "token": str(uuid.uuid4())} | overrides))


def test_all_of_it_and_once(alice: Agent, row: Conversation, billing: EmailQueue) -> None:
    macro = make_macro(then="transfer", to_queue=billing)
    prepared = macros.prepare(alice.user, row, macro.pk)
    assert prepared.answer.text == "Dear Charlie Stone"
    assert prepared.steps == ("note “Check the invoice.”", "tag “invoice”", "move it to Billing")
    answer = an_answer()
    sent = macros.answer(alice.user, row, macro.pk, answer)
    row.refresh_from_db()
    assert (row.queue, row.state, row.agent) == (billing, State.WAITING, None)
    assert [tag.name for tag in row.tags.all()] == ["invoice"]
    assert Note.objects.get().text == "Check the invoice."
    assert Event.objects.get(kind="macro").sentence == "Alice ran the macro “Hand over”."
    again = macros.answer(alice.user, row, macro.pk, answer)
    assert again == sent
    assert (Note.objects.count(), OutgoingMail.objects.count()) == (1, 1)


@pytest.mark.parametrize("then", ["transfer", "assign", "snooze", "close", "stay"])
def test_undo_takes_all_of_it_back(
    alice: Agent, row: Conversation, orders: EmailQueue, billing: EmailQueue, then: str
) -> None:
    bob = make_agent("bob", queues=[orders])
    needs: dict[str, dict[str, Any]] = {
        "transfer": {"to_queue": billing},
        "assign": {"to_agent": bob},
        "snooze": {"snooze_hours": 24},
    }
    macro = make_macro(then=then, **needs.get(then, {}))
    sent = macros.answer(alice.user, row, macro.pk, an_answer())
    row.refresh_from_db()
    state = {"transfer": State.WAITING, "assign": State.ASSIGNED, "snooze": State.SNOOZED}
    assert row.state == state.get(then, State.CLOSED if then == "close" else State.PENDING)
    assert macros.undo(alice.user, sent)
    row.refresh_from_db()
    assert (row.queue, row.state, row.agent) == (orders, State.ASSIGNED, alice)
    assert not Note.objects.exists()
    assert not row.tags.exists()
    draft = Draft.objects.get()
    assert (draft.text, draft.macro) == ("Dear Charlie", macro)


def test_undo_comes_too_late(alice: Agent, row: Conversation, billing: EmailQueue) -> None:
    sent = macros.answer(alice.user, row, make_macro(then="transfer", to_queue=billing).pk, an_answer())
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT)
    assert not macros.undo(alice.user, sent)
    row.refresh_from_db()
    assert (row.queue, row.tags.count(), Note.objects.count()) == (billing, 1, 1)


def test_what_others_did_since_stays(alice: Agent, row: Conversation, billing: EmailQueue) -> None:
    sent = macros.answer(alice.user, row, make_macro(then="transfer", to_queue=billing).pk, an_answer())
    actions.take(alice.user, row)
    assert macros.undo(alice.user, sent)
    row.refresh_from_db()
    assert (row.queue, row.state) == (billing, State.ASSIGNED)
    assert Note.objects.count() == 1


def test_nothing_is_done_when_a_step_may_not_be(alice: Agent, row: Conversation, orders: EmailQueue) -> None:
    foreign = make_queue(name="Foreign")
    macro = make_macro(then="transfer", to_queue=foreign)
    with pytest.raises(ActionRefused, match="don't work in the email queue “Foreign”"):
        macros.answer(alice.user, row, macro.pk, an_answer())
    stranger = make_agent("charlie")
    with pytest.raises(ActionRefused, match="don't work"):
        macros.answer(stranger.user, row, make_macro(name="x").pk, an_answer())
    seen = row.messages.get().pk
    receive(orders, make_mail("Wait!", References=f"<{row.messages.get().message_id}>"))
    with pytest.raises(NewMailArrived):
        macros.answer(alice.user, row, make_macro(name="y").pk, an_answer(seen_message_id=seen))
    elsewhere = make_macro(name="z", html="")
    elsewhere.queues.set([foreign])
    with pytest.raises(ActionRefused, match="not here any more"):
        macros.run(alice.user, row, elsewhere.pk)
    row.refresh_from_db()
    assert row.state == State.WAITING
    assert not Note.objects.exists()
    assert not row.tags.exists()
    assert not OutgoingMail.objects.exists()


def test_without_an_answer(alice: Agent, row: Conversation) -> None:
    with pytest.raises(ActionRefused, match="writes an answer"):
        macros.run(alice.user, row, make_macro(name="With").pk)
    macros.run(alice.user, row, make_macro(html="", then="close").pk)
    row.refresh_from_db()
    assert (row.state, row.tags.count(), Note.objects.count()) == (State.CLOSED, 1, 1)
