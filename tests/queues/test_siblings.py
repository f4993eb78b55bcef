"""One mail in two queues: each sees the other, and an answer in one is known in both."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from queues import actions
from queues.actions import Reply
from queues.models import Conversation
from queues.siblings import Sibling, siblings
from tests.make import make_agent, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=9)


def twins(alice: Agent, **headers: str) -> tuple[Conversation, Conversation]:
    """The same mail in Orders, which is Alice's, and in Billing."""
    raw = make_mail(To="orders@example.com, billing@example.com", **headers)
    orders, billing = make_queue([alice], name="Orders"), make_queue(name="Billing")
    return receive(orders, raw).conversation, receive(billing, raw).conversation


def answer(agent: Agent, row: Conversation, **more: Any) -> Any:
    return actions.reply(agent.user, row, Reply(text="On its way.", **more))


def heard(row: Conversation) -> list[str]:
    return list(row.events.filter(kind="answered_there").values_list("sentence", flat=True))


def test_each_sees_the_other_as_far_as_the_user_may(alice: Agent) -> None:
    one, other = twins(alice)
    assert siblings(alice.user, one) == [Sibling("Billing", None)]
    other.queue.members.add(alice)
    assert siblings(alice.user, one) == [Sibling("Billing", other)]
    assert siblings(alice.user, other) == [Sibling("Orders", one)]


@pytest.mark.parametrize(
    "header",
    [
        {"From": "eve@elsewhere.example"},
        {"Date": "Tue, 03 Mar 2026 09:30:00 +0000"},
        {"Message_ID": "<other@x>"},
    ],
)
def test_another_sender_date_or_id_is_another_mail(alice: Agent, header: dict[str, str]) -> None:
    usual = {"Message_ID": "<same@customer.example>"}
    one = receive(make_queue([alice]), make_mail(**usual)).conversation
    receive(make_queue([alice]), make_mail(**(usual | header)))
    assert siblings(alice.user, one) == []


def test_an_answer_is_known_to_both_until_it_is_taken_back(alice: Agent) -> None:
    one, other = twins(alice)
    sent = answer(alice, one, undo_seconds=60)
    said = f"#{one.number} (Orders)"
    assert heard(other) == [f"Alice answered it in {said}."]
    assert heard(one) == []
    actions.undo(alice.user, sent)
    assert heard(other) == [f"Alice answered it in {said}.", f"The answer in {said} was taken back."]


def test_an_answer_to_something_else_is_not(alice: Agent) -> None:
    one, other = twins(alice)
    sent = answer(alice, one)
    receive(one.queue, make_mail("More.", In_Reply_To=f"<{sent.message_id}>"))
    answer(alice, one)
    assert len(heard(other)) == 1


def test_merged_siblings_are_one(alice: Agent) -> None:
    one, other = twins(alice)
    other.queue.members.add(alice)
    actions.merge(alice.user, other, one)
    one.refresh_from_db()
    assert siblings(alice.user, one) == []
    assert one.messages_count == 2


def test_many_mails_and_siblings_cost_no_more_queries(alice: Agent) -> None:
    one, _ = twins(alice)
    with CaptureQueriesContext(connection) as few:
        siblings(alice.user, one)
    raw = one.messages.get().raw
    assert raw is not None
    for _ in range(5):
        receive(make_queue([alice]), raw.as_bytes())
        receive(one.queue, make_mail("More.", References=f"<{one.messages.latest('pk').message_id}>"))
    with CaptureQueriesContext(connection) as many:
        assert len(siblings(alice.user, one)) == 6
    assert len(many) == len(few) <= 5
