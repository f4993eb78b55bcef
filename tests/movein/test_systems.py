"""Tickets of Zammad and FreeScout moved in: grouped as there, each once, with notes, tags and files."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from mailcore.parse import part_bytes
from mailsenders.models import OutgoingMail
from mailstore.models import FeedEvent
from movein import job, moving
from movein.facts import OLDEST
from movein.models import Move, Moved
from movein.zammad import Zammad
from queues.models import Conversation, Message, Note
from tests.make import make_agent, make_mail, make_queue, receive
from tests.movein.conftest import Mover, brought, finished
from tests.servers.helpdesks import TOKEN, HelpDesk, help_desk

pytestmark = pytest.mark.django_db(transaction=True)

CHARLIE = "Charlie Stone <charlie@customer.example>"
SUPPORT = "Support <support@example.com>"
QUESTION = make_mail("Where is it?", Message_ID="<q@customer.example>")


@pytest.fixture
def desk(settings: Any, imports: Path) -> Iterator[HelpDesk]:
    settings.ALLOW_PRIVATE_HOSTS = True
    with help_desk() as one:
        yield one


def ticket(number: int, state: str = "erledigt", **values: Any) -> dict[str, Any]:
    return {
        "id": number,
        "number": f"2020{number:04}",
        "title": f"Parcel {number}",
        "group": "Users",
        "state": state,
        "customer": "charlie@customer.example",
        "created_at": f"2020-03-{number:02}T09:30:00.000Z",
        **values,
    }


def article(number: int, of: int, sender: str = "Customer", **values: Any) -> dict[str, Any]:
    return {
        "id": number,
        "ticket_id": of,
        "type": "email",
        "sender": sender,
        "internal": False,
        "from": CHARLIE if sender == "Customer" else SUPPORT,
        "to": SUPPORT if sender == "Customer" else CHARLIE,
        "cc": None,
        "subject": f"Parcel {of}",
        "message_id": f"<z{number}@zammad.example>",
        "in_reply_to": None,
        "content_type": "text/html",
        "body": "<p>On its way.</p>",
        "attachments": [],
        "created_by": "charlie@customer.example" if sender == "Customer" else "alice@staff.example",
        "created_at": f"2020-03-{of:02}T{9 + number % 10:02}:31:00.000Z",
        **values,
    }


def zammad(desk: HelpDesk) -> None:
    """A closed ticket with all that there can be in one, an open one, a merged one and one of notes alone."""
    now = timezone.now().isoformat()
    desk.tickets = [
        ticket(1),
        ticket(2, "in Arbeit"),
        ticket(3, "merged"),
        ticket(4),
        ticket(5, group="Sales"),
    ]
    file = {"id": 66, "filename": "bill.pdf", "size": "4", "preferences": {"Content-Type": "application/pdf"}}
    body = {"id": 67, "filename": "message.html", "preferences": {"content-alternative": True}}
    desk.articles = {
        1: [
            article(11, 1, message_id="<q@customer.example>"),
            article(12, 1, "Agent", attachments=[file, body]),
            article(
                13, 1, "Agent", type="note", internal=True, **{"from": "Alice Smith"}, body="He is angry."
            ),
            article(14, 1, "System", body="<p>We got it.</p>"),
            article(15, 1, type="phone", **{"from": "Charlie Stone"}, created_by="", body="He called."),
        ],
        2: [article(21, 2, created_at=now)],
        3: [],
        4: [article(41, 4, "Agent", internal=True, body="Nothing else.")],
        5: [article(51, 5)],
    }
    desk.raws = {11: QUESTION}
    desk.files = {"1/12/66": b"%PDF"}
    desk.tags = {1: ["angry customer", "a,b"]}


def test_zammad(desk: HelpDesk, mover: Mover) -> None:
    zammad(desk)
    alice = make_agent("alice", languages={"en": 5})
    alice.user.email = "alice@staff.example"
    alice.user.save()
    queue = make_queue([alice], acknowledgement="We got it.")
    values = {"token": TOKEN, "queue": queue, "open_days": 30, "part": "Users"}
    move = mover("zammad", f"{desk.url}/", **values)
    assert (move.state, move.found, move.skipped, move.foreseen_known) == ("scanned", 4, 1, 0)
    move = brought(move)
    assert (move.state, move.taken, move.skipped, move.failures, move.messages) == ("done", 2, 2, 0, 4)
    first = Conversation.objects.get(subject__startswith="Parcel", state="closed")
    thread = list(first.messages.order_by("created_at"))
    assert [(each.direction, each.automatic) for each in thread] == [
        *(("in", "no"), ("out", "no"), ("out", "auto_reply")),
    ]
    asked, answered, _ = thread
    assert asked.raw is not None
    assert asked.raw.as_bytes() == QUESTION  # as it was on the wire
    assert asked.created_at == datetime(2020, 3, 1, 10, 31, tzinfo=UTC)
    assert (answered.agent, answered.outgoing, answered.message_id) == (alice, None, "z12@zammad.example")
    file = answered.attachments.get()
    assert answered.raw is not None
    assert (file.name, part_bytes(answered.raw.as_bytes(), file.part)) == ("bill.pdf", b"%PDF")
    notes = list(first.notes.order_by("created_at").values_list("text", flat=True))
    assert notes == [
        f"Ticket#20200001 in Zammad: {desk.url}/#ticket/zoom/1",
        *("Alice Smith: He is angry.", "Charlie Stone: He called."),
    ]
    assert set(first.tags.values_list("name", flat=True)) == {"angry customer", "a b"}
    assert (first.contact.name, first.closed_at) == ("Charlie Stone", first.last_message_at)
    # What is open there, with the customer's word last, is open here.
    assert (move.opened, Conversation.objects.exclude(pk=first.pk).get().state) == (1, "waiting")
    assert not OutgoingMail.objects.exists()
    assert not FeedEvent.objects.exclude(type__startswith="conversation.released").exists()
    assert receive(queue, make_mail("Now?", In_Reply_To="<z12@zammad.example>")).conversation_id == first.pk
    # Later once more: only what has come since is taken, into the same conversation.
    desk.articles[1].append(article(16, 1, body="<p>Thanks.</p>", created_at="2020-04-01T00:00:00Z"))
    moving.begin_scan(move, None)
    move = finished(move)
    assert (move.found, move.foreseen_known) == (4, 2)
    move = brought(move)
    assert (move.taken, move.messages, Note.objects.count()) == (1, 1, 4)
    assert Message.objects.get(message_id="z16@zammad.example").conversation_id == first.pk


def test_a_ticket_with_no_date_is_left_out_and_the_others_are_not(desk: HelpDesk, mover: Mover) -> None:
    dates = {
        1: "2020-03-01T09:30:00Z",
        2: "0000-00-00",
        3: "",
        4: "9999-01-01T00:00:00Z",
        5: "0001-01-01T00:00:00+14:00",
    }
    desk.tickets = [ticket(number, created_at=at) for number, at in dates.items()]
    del desk.tickets[2]["created_at"]
    move = mover("zammad", desk.url, token=TOKEN)
    assert (move.state, move.found, move.skipped) == ("scanned", 5, 2)
    why = dict(move.items.filter(state="skipped").values_list("key", "why"))
    assert why["2"] == "It has a date that can't be read: “0000-00-00”."
    assert set(why) == {"2", "3"}
    assert move.first_at == OLDEST
    assert move.last_at is not None
    assert move.last_at <= timezone.now()


def test_what_is_here_already_by_mail_is_the_tickets_conversation(desk: HelpDesk, mover: Mover) -> None:
    zammad(desk)
    queue = make_queue()
    here = receive(queue, QUESTION)
    move = brought(mover("zammad", desk.url, token=TOKEN, queue=queue))
    conversation = Conversation.objects.get(pk=here.conversation_id)
    assert conversation.messages.filter(message_id="q@customer.example").count() == 1
    assert (conversation.messages.count(), conversation.state) == (3, "waiting")
    assert conversation.notes.count() == 3
    assert move.failures == 0


def test_a_server_that_is_away_is_asked_again_and_a_wrong_token_stops_it(
    desk: HelpDesk, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    zammad(desk)
    move = mover("zammad", desk.url, token=TOKEN)
    moving.start(move, None)
    desk.refusals = [429]
    began = timezone.now()
    moving.work(move.pk)
    move.refresh_from_db()
    assert (move.state, move.taken) == ("running", 0)
    assert "answered 429" in move.error
    assert move.lease_until is not None
    assert began + timedelta(seconds=3) < move.lease_until < timezone.now() + timedelta(seconds=8)
    assert moving.left_alone() == []
    Move.objects.update(lease_until=timezone.now())
    desk.refusals = [401]
    assert moving.left_alone() == [move.pk]
    moving.work(move.pk)
    move.refresh_from_db()
    assert (move.state, "refused the token (401)" in move.error) == ("failed", True)
    assert TOKEN not in move.error
    moving.go_on(move, None)
    desk.articles[2] = [{"id": 21}]  # no shape that is documented
    desk.tickets = [row for row in desk.tickets if row["id"] != 4]
    move = finished(move)
    assert (move.state, move.taken, move.failures) == ("done", 2, 1)
    assert set(move.items.values_list("key", "why")) == {
        ("2", "The answer has another shape than its documents say (KeyError: 'created_at')."),
        ("3", "It was merged into another ticket, which has its mails."),
        ("4", "Zammad has it no more (404)."),
    }


def test_one_ticket_that_never_comes_does_not_hold_up_the_others(desk: HelpDesk, mover: Mover) -> None:
    zammad(desk)
    move = mover("zammad", desk.url, token=TOKEN)
    moving.start(move, None)
    desk.broken.add("/api/v1/tickets/1?")
    for _ in range(5):
        Move.objects.update(lease_until=timezone.now())
        moving.work(move.pk)
    move.refresh_from_db()
    assert (move.state, move.failures, move.taken) == ("done", 1, 2)
    assert "asked for 5 times in vain" in move.items.get(key="1").why


def test_what_was_never_sent_is_no_mail_and_colleagues_are_no_customers(desk: HelpDesk, mover: Mover) -> None:
    typed = {"created_by": "alice@staff.example", "from": "Charlie Stone"}
    big = {"id": 68, "filename": "film.mp4", "preferences": {}}  # and not to be had
    desk.tickets = [ticket(1)]
    desk.articles = {
        1: [
            article(11, 1, type="web", body="By the form.", **typed),
            article(12, 1, "Agent", type="note", body="To be read there.", attachments=[big]),
            article(13, 1, type="phone", body="He called.", **typed),
        ]
    }
    move = brought(mover("zammad", desk.url, token=TOKEN))
    assert (move.state, move.messages, move.failures) == ("done", 1, 0)
    message = Message.objects.get()
    assert (message.direction, message.from_email) == ("in", "charlie@customer.example")
    notes = "\n".join(Note.objects.values_list("text", flat=True))
    assert "To be read there." in notes
    assert "Files that were not taken: film.mp4" in notes
    assert "Charlie Stone: He called." in notes


def test_only_the_ticket_that_never_comes_is_given_up(desk: HelpDesk, mover: Mover) -> None:
    zammad(desk)
    move = mover("zammad", desk.url, token=TOKEN)
    moving.start(move, None)
    desk.broken.add("/api/v1/tickets/1?")
    for _ in range(4):
        Move.objects.update(lease_until=timezone.now())
        moving.work(move.pk)
    desk.broken = {"/api/v1/tickets/2?"}  # the first comes at last, the next is asked for once
    Move.objects.update(lease_until=timezone.now())
    moving.work(move.pk)
    move.refresh_from_db()
    assert (move.state, move.failures, move.taken, move.tries) == ("running", 0, 1, 1)


def test_what_was_closed_in_the_trial_and_has_gone_on_since_waits(desk: HelpDesk, mover: Mover) -> None:
    zammad(desk)
    queue = make_queue()
    assert brought(mover("zammad", desk.url, token=TOKEN, queue=queue, part="Users")).messages == 4
    desk.tickets[0]["state"] = "in Arbeit"
    now = timezone.now().isoformat()
    desk.articles[1].append(article(17, 1, body="<p>It broke again.</p>", created_at=now))
    last = mover("zammad", desk.url, token=TOKEN, queue=queue, part="Users", open_days=30)
    last = brought(last)
    assert last.messages == 1
    again = Conversation.objects.get(messages__message_id="z17@zammad.example")
    assert (again.state, again.messages.count()) == ("waiting", 4)


def test_a_second_run_asks_for_no_mail_again(desk: HelpDesk, mover: Mover) -> None:
    zammad(desk)
    move = brought(mover("zammad", desk.url, token=TOKEN))
    desk.asked.clear()
    moving.begin_scan(move, None)
    assert brought(finished(move)).messages == 0
    assert any("ticket_articles/by_ticket/1" in each for each in desk.asked)
    assert not any("_plain/1" in each or "_attachment/1" in each for each in desk.asked)


def test_the_card_rule_of_where_a_ticket_went_holds(desk: HelpDesk, mover: Mover) -> None:
    number = "4111 1111 1111 1111"
    desk.tickets, desk.articles = [ticket(1)], {1: [article(11, 1)]}
    move = brought(mover("zammad", desk.url, token=TOKEN))
    Conversation.objects.update(queue=make_queue(name="Strict", pci="mask"))
    desk.articles[1].append(article(12, 1, body=f"<p>My card is {number}.</p>"))
    moving.begin_scan(move, None)
    assert brought(finished(move)).messages == 1
    message = Message.objects.get(message_id="z12@zammad.example")
    assert message.has_cards
    assert number not in message.text
    assert message.raw is not None
    assert number.encode() not in message.raw.as_bytes()


def test_a_long_ticket_is_held_while_it_is_fetched(
    desk: HelpDesk, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    zammad(desk)
    move = mover("zammad", desk.url, token=TOKEN)
    moving.start(move, None)
    mine = job.claim(move.pk)
    assert mine is not None
    soon = timezone.now() + timedelta(seconds=5)
    Move.objects.update(lease_until=soon)
    mine.held -= 100
    Zammad(mine).check()
    move.refresh_from_db()
    assert move.lease_until is not None
    assert move.lease_until > soon + timedelta(seconds=60)
    moving.pause(move, None)
    mine.held -= 100
    with pytest.raises(job.Stopped):
        Zammad(mine).check()


def thread(number: int, kind: str, **values: Any) -> dict[str, Any]:
    charlie = {"id": 91, "type": "customer", "firstName": "Charlie", "lastName": "Stone"}
    charlie["email"] = "charlie@customer.example"
    alice = {
        "id": 9,
        "type": "user",
        "firstName": "Alice",
        "lastName": "Smith",
        "email": "alice@staff.example",
    }
    return {
        "id": number,
        "type": kind,
        "state": "published",
        "body": f"<p>Words {number}</p>",
        "customer": charlie,
        "createdBy": charlie if kind == "customer" else alice,
        "to": [],
        "cc": [],
        "createdAt": f"2020-06-05T20:{number:02}:33Z",
        "_embedded": {"attachments": []},
        **values,
    }


def test_a_conversation_in_no_shape_does_not_hold_up_the_others(desk: HelpDesk, mover: Mover) -> None:
    inside = {"threads": [thread(11, "customer")]}
    values = {"status": "closed", "createdAt": "2020-06-05T20:11:33Z", "_embedded": inside}
    desk.conversations = [
        {**values, "id": 1, "number": 1, "mailboxId": "three"},
        {**values, "id": 2, "number": 2, "mailboxId": 3},
    ]
    move = brought(mover("freescout", desk.url, token=TOKEN))
    assert (move.state, move.failures, move.taken) == ("done", 1, 1)
    assert "another shape than its documents say (ValueError" in move.items.get().why


def test_freescout(desk: HelpDesk, mover: Mover) -> None:
    desk.files["/storage/attachment/1/example.pdf"] = b"%PDF"
    files = [
        {"id": 71, "fileName": "example.pdf", "mimeType": "application/pdf", "size": 4,
         "fileUrl": f"{desk.url}/storage/attachment/1/example.pdf?id=71&token=abc"},
        {"id": 72, "fileName": "other.pdf", "mimeType": "application/pdf", "size": 4,
         "fileUrl": "https://elsewhere.example/other.pdf"},
        {"id": 73, "fileName": "shut.pdf", "mimeType": "application/pdf", "size": 4,
         "fileUrl": f"{desk.url}/storage/attachment/1/shut.pdf?id=73"},
    ]  # fmt: skip
    values = {"type": "email", "mailboxId": 3, "state": "published", "subject": "Refund"}
    threads = [  # the newest first
        thread(16, "message", state="draft"),
        thread(15, "lineitem"),
        thread(14, "customer"),
        thread(13, "note", body="<b>Be kind.</b>"),
        thread(12, "message", _embedded={"attachments": files}),
        thread(11, "customer"),
    ]
    desk.conversations = [
        {**values, "id": 1, "number": 3, "status": "closed", "createdAt": "2020-06-05T20:11:33Z",
         "_embedded": {"threads": threads, "tags": [{"id": 5, "name": "refund"}]}},
        {**values, "id": 2, "number": 4, "status": "spam", "createdAt": "2020-06-06T20:11:33Z"},
    ]  # fmt: skip
    alice = make_agent("alice")
    alice.user.email = "alice@staff.example"
    alice.user.save()
    move = mover("freescout", desk.url, token=TOKEN, part="3")
    assert (move.found, move.skipped) == (1, 0)
    move = brought(move)
    assert (move.state, move.taken, move.messages) == ("done", 1, 3)
    row = Conversation.objects.get()
    assert (row.subject, row.state, row.messages_count) == ("Refund", "closed", 3)
    assert row.created_at == datetime(2020, 6, 5, 20, 11, 33, tzinfo=UTC)
    messages = list(row.messages.order_by("created_at"))
    assert [each.direction for each in messages] == ["in", "out", "in"]
    assert (messages[0].from_email, messages[0].to[0]["email"]) == (
        *("charlie@customer.example", "support@example.com"),
    )
    assert (messages[1].from_email, messages[1].agent) == ("support@example.com", alice)
    names = [each.name for each in messages[1].attachments.order_by("pk")]
    assert names == ["example.pdf", "other.pdf.txt", "shut.pdf.txt"]
    assert list(row.notes.order_by("created_at").values_list("text", flat=True)) == [
        f"#3 in FreeScout: {desk.url}/conversation/1",
        "Alice Smith: Be kind.",
    ]
    assert [tag.name for tag in row.tags.all()] == ["refund"]
    assert not any("token=abc" in each for each in Moved.objects.values_list("key", flat=True))
    moving.begin_scan(move, None)
    assert brought(finished(move)).known == 1
    assert Message.objects.count() == 3
