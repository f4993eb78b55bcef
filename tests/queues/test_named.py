"""The history tells what was merged, split and moved by right: no subject of a queue that isn't one's own."""

from collections.abc import Iterator

import pytest
from django.test import Client

from agents.models import Agent
from api.models import APIKey
from queues import actions
from queues.history import Kind, note_event
from queues.models import Conversation, EmailQueue, Message
from queues.named import UNKNOWN, tellable
from tests.make import make_agent, make_conversation, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db

SECRET = "Dismissal of Charlie"


@pytest.fixture
def both() -> Agent:
    """Dora, who works in both queues and joins what others do."""
    return make_agent("dora", capacity=9)


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=9)


@pytest.fixture
def orders(alice: Agent, both: Agent) -> EmailQueue:
    return make_queue([alice, both], name="Orders")


@pytest.fixture
def staff(both: Agent) -> EmailQueue:
    return make_queue([both], name="Staff matters")


def secret(staff: EmailQueue) -> Message:
    """A mail of the queue in which Alice doesn't work."""
    return receive(staff, make_mail("Have you heard?", Subject=SECRET))


def told_to(agent: Agent, row: Conversation) -> Iterator[str]:
    """Everything that a person can ask about a conversation: its page, and what programs read."""
    client = Client()
    client.force_login(agent.user)
    key = {"Authorization": f"Bearer {APIKey.make(agent.user_id)}"}
    page, part = f"/conversations/{row.pk}/", f"/conversations/{row.pk}/parts"
    for answer in (client.get(page), client.get(part), Client().get(f"/api/v1.0{page[:-1]}", headers=key)):
        assert answer.status_code == 200
        yield answer.content.decode()


def check(alice: Agent, both: Agent, row: Conversation, other: Conversation, plain: str) -> None:
    """Alice may see the one and not the other, Dora both."""
    for text in told_to(alice, row):
        assert plain in text
        assert SECRET not in text
        assert f"#{other.number} " not in text
        assert f'"conversation": {other.pk}' not in text
    for text in told_to(both, row):
        assert other.subject in text
        assert f"#{other.number}" in text
        assert plain not in text
    client = Client()
    client.force_login(alice.user)
    for page in (f"/conversations/{other.pk}/", f"/conversations/{other.pk}/parts"):
        assert client.get(page).status_code == 404


def test_merged_into_theirs(alice: Agent, both: Agent, orders: EmailQueue, staff: EmailQueue) -> None:
    ours, theirs = make_conversation(orders), secret(staff).conversation
    actions.merge(both.user, ours, theirs)
    event = ours.events.get(kind=Kind.MERGED)
    assert tellable(event, ()) == "Dora merged it into a conversation of another queue."
    assert tellable(event, {theirs.pk}) == event.sentence
    for text in list(told_to(alice, ours)):
        assert "Dora merged it into a conversation of another queue." in text
        assert SECRET not in text


def test_merged_into_ours(alice: Agent, both: Agent, orders: EmailQueue, staff: EmailQueue) -> None:
    ours, theirs = make_conversation(orders), secret(staff).conversation
    # The mail moves, and is shown: only what is told about the other conversation is looked at here.
    Message.objects.filter(conversation=theirs).update(subject="Sizes")
    actions.merge(both.user, theirs, ours)
    check(alice, both, ours, theirs, "Dora merged a conversation of another queue into it.")


def test_split_off_and_moved_away(alice: Agent, both: Agent, orders: EmailQueue, staff: EmailQueue) -> None:
    first = receive(orders, make_mail())
    second = receive(orders, make_mail("More.", References=f"<{first.message_id}>"))
    ours = first.conversation
    theirs = actions.split(both.user, ours, [second.pk], SECRET)
    actions.transfer(both.user, theirs, staff)
    plain = "Dora split a mail off, into what is a conversation of another queue now."
    check(alice, both, ours, theirs, plain)
    event = theirs.events.filter(kind=Kind.SPLIT).get()
    assert tellable(event, ()) == "Dora split it off a conversation of another queue."


def test_a_mail_moved_here(alice: Agent, both: Agent, orders: EmailQueue, staff: EmailQueue) -> None:
    ours, mail = make_conversation(orders), secret(staff)
    receive(staff, make_mail("More.", Subject=SECRET, References=f"<{mail.message_id}>"))
    Message.objects.filter(pk=mail.pk).update(subject="Sizes")
    mail.refresh_from_db()
    theirs = mail.conversation
    actions.move_message(both.user, mail, ours)
    check(alice, both, ours, theirs, "here from a conversation of another queue.")
    event = theirs.events.get(kind=Kind.MOVED)
    assert tellable(event, ()).endswith(" to a conversation of another queue.")


@pytest.mark.parametrize(
    ("sentence", "plain"),
    [
        (f"Dora merged #7 “{SECRET}” into it: 1 mail.",
         "Dora merged a conversation of another queue into it."),
        (f"Dora split 12 mails off: #7 “{SECRET}”.",
         "Dora split 12 mails off, into what is a conversation of another queue now."),
        (f"Dora moved a mail of x to #1 “ here from #7 “{SECRET}”.",
         "Dora moved a mail of x to #1 “ here from a conversation of another queue."),
        (f"In other words, once: {SECRET}", UNKNOWN),
    ],
)  # fmt: skip
@pytest.mark.parametrize("data", [{}, {"conversation": 7}, {"conversation": "7"}])
def test_old_and_odd_rows(orders: EmailQueue, sentence: str, plain: str, data: dict[str, object]) -> None:
    event = note_event(make_conversation(orders), Kind.MERGED, sentence, data=data)
    assert tellable(event, ()) == plain
    assert tellable(event, {8}) == plain


def test_who_lost_the_right_reads_it_no_more(both: Agent, orders: EmailQueue, staff: EmailQueue) -> None:
    ours, mail = make_conversation(orders), secret(staff)
    actions.merge(both.user, ours, mail.conversation)
    assert any(SECRET in text for text in told_to(both, mail.conversation))
    staff.members.remove(both)
    for text in told_to(both, ours):
        assert SECRET not in text
