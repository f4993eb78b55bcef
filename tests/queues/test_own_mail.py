"""Who has a conversation in hand is told when its customer writes: once, and not while it is before them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues import actions, notices_mail
from queues.models import Conversation, EmailQueue, Notice
from queues.watching import Doing, watch
from tests.make import make_agent, make_mail, make_queue, make_sender, receive

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_redis")]


@pytest.fixture
def alice() -> Agent:
    alice = make_agent("alice", capacity=9)
    alice.user.email = "alice@example.com"
    alice.user.save()
    return alice


@pytest.fixture
def row(alice: Agent) -> Conversation:
    queue = make_queue([alice, make_agent("dora")], name="Orders", sender=make_sender())
    return actions.take(alice.user, receive(queue).conversation)


def writes_again(row: Conversation) -> None:
    first = row.messages.order_by("pk")[0]
    receive(EmailQueue.objects.get(name="Orders"), make_mail(In_Reply_To=f"<{first.message_id}>"))


def told(agent: Agent) -> list[dict[str, object]]:
    return [each.data for each in agent.notices.order_by("pk")]


def test_the_holder_is_told_by_the_bell_alone(alice: Agent, row: Conversation) -> None:
    writes_again(row)
    assert told(alice) == [{"what": "mail", "mine": True}]
    Notice.objects.update(at=timezone.now() - timedelta(hours=1))
    notices_mail.mail_due()
    assert not OutgoingMail.objects.exists()


def test_what_comes_back_to_its_holder_is_told_and_what_waits_is_not(alice: Agent, row: Conversation) -> None:
    actions.await_customer(alice.user, row)
    writes_again(row)
    assert told(alice) == [{"what": "mail", "mine": True}]
    row.refresh_from_db()
    assert row.agent == alice
    actions.release(alice.user, row)
    writes_again(row)
    soon = timezone.now() + timedelta(minutes=2)
    Conversation.objects.update(state="assigned", agent=alice, accept_by=soon)
    writes_again(row)  # it is offered: that rings by itself
    assert len(told(alice)) == 1


def test_who_follows_their_own_is_told_once(alice: Agent, row: Conversation) -> None:
    dora = Agent.objects.get(user__username="dora")
    for each in (alice, dora):
        actions.follow(each.user, row)
    writes_again(row)
    assert told(alice) == told(dora) == [{"what": "mail"}]


def test_who_has_it_before_them_is_not_told(alice: Agent, row: Conversation) -> None:
    watch(alice.user, row, "window", Doing.VIEWING)
    writes_again(row)
    assert told(alice) == []
    watch(alice.user, row, "window", Doing.GONE)
    writes_again(row)
    assert len(told(alice)) == 1
