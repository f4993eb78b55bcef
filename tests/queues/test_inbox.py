"""What is seen, by whom, in which order, and with how many queries."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, Language
from queues import actions, inbox
from queues.actions import Reply
from queues.inbox import BadCursor, Listing, View
from queues.models import Conversation, Message
from queues.timeline import length
from tests.make import (
    make_administrator,
    make_agent,
    make_conversation,
    make_mail,
    make_queue,
    make_supervisor,
    receive,
)

pytestmark = pytest.mark.django_db

State = Conversation.State


def rows(user: User, view: View = View.ALL, **more: object) -> list[Conversation]:
    return inbox.page(user, Listing(view=view, **more)).rows  # type: ignore[arg-type]


def queries(look: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        look()
    return len(captured)


class TestRights:
    """Everybody sees their queues, administrators all, strangers nothing."""

    def test_who_sees_what(self) -> None:
        alice, bob = make_agent("alice"), make_supervisor("bob")
        hers, his = make_queue([alice]), make_queue([bob])
        one, other = make_conversation(hers), make_conversation(his)
        assert rows(alice.user) == [one]
        assert rows(bob.user) == [other]
        assert set(rows(make_administrator())) == {one, other}
        assert rows(make_agent("charlie").user) == []
        assert list(inbox.queues_for(AnonymousUser())) == []

    def test_a_user_who_left_sees_nothing(self) -> None:
        alice = make_agent("alice")
        make_conversation(make_queue([alice]))
        alice.user.is_active = False
        assert rows(alice.user) == []

    def test_a_stranger_gets_404_for_everything(self) -> None:
        alice, charlie = make_agent("alice"), make_agent("charlie")
        queue = make_queue([alice])
        raw = make_mail(
            '--b\r\nContent-Type: text/plain\r\n\r\nSee.\r\n--b\r\nContent-Type: text/plain; name="a.txt"\r\n'
            "Content-Disposition: attachment\r\n\r\nabc\r\n--b--",
            Content_Type='multipart/mixed; boundary="b"',
        )
        message = receive(queue, raw)
        attachment = message.attachments.get()
        row = message.conversation
        for gate, pk in (
            (inbox.conversation, row.pk),
            (inbox.message, message.pk),
            (inbox.attachment, attachment.pk),
        ):
            assert gate(alice.user, pk).pk == pk
            for user, wanted in ((charlie.user, pk), (alice.user, pk + 1000)):
                with pytest.raises(Http404):
                    gate(user, wanted)
        with pytest.raises(Http404):
            inbox.timeline(charlie.user, row)

    def test_the_contacts_story_stops_at_my_queues(self) -> None:
        alice = make_agent("alice")
        mine, other = make_conversation(make_queue([alice])), make_conversation()
        assert mine.contact == other.contact
        seen = inbox.communications(alice.user, mine.contact)
        assert [row.conversation_id for row in seen] == [mine.pk]
        assert len(inbox.communications(make_administrator(), mine.contact)) == 2


class TestViews:
    """The lists of the desk."""

    def test_each_state_is_in_its_view(self) -> None:
        alice = make_agent("alice", capacity=9)
        queue = make_queue([alice])
        found = {
            name: make_conversation(queue) for name in ("waiting", "mine", "pending", "snoozed", "closed")
        }
        for name in ("mine", "pending", "snoozed", "closed"):
            actions.take(alice.user, found[name])
        actions.reply(alice.user, found["pending"], Reply(text="x"))
        actions.snooze(alice.user, found["snoozed"], timezone.now() + timedelta(hours=1))
        actions.close(alice.user, found["closed"])
        for view in (View.WAITING, View.UNASSIGNED):
            assert rows(alice.user, view) == [found["waiting"]]
        for name in ("mine", "pending", "snoozed", "closed"):
            assert rows(alice.user, View(name)) == [found[name]]
        assert len(rows(alice.user, View.QUEUE, queue=queue.pk)) == 4
        assert len(rows(alice.user, View.ALL)) == 5
        counts = inbox.counts(alice.user)
        assert (counts.mine, counts.unassigned, counts.pending, counts.snoozed) == (1, 1, 1, 1)
        assert counts.queues[queue.pk].waiting == counts.queues[queue.pk].assigned == 1

    def test_waiting_shows_what_i_can_handle_due_first(self) -> None:
        Language.objects.create(tag="cs")
        alice = make_agent("alice", languages={"en": 4})
        dora = make_agent("dora", languages={"cs": 4})
        fast = make_queue([alice, dora], first_response=5)
        slow = make_queue([alice], first_response=500)
        later = make_conversation(slow, language="en")
        czech, first = make_conversation(fast, language="cs"), make_conversation(fast, language="en")
        assert rows(alice.user, View.WAITING) == [first, later]
        assert rows(dora.user, View.WAITING) == [czech]
        assert rows(alice.user, View.UNASSIGNED) == [czech, first, later]
        assert rows(make_administrator(), View.WAITING) == [czech, first, later]

    def test_why_nobody_can(self) -> None:
        alice = make_agent("alice", skills={"billing": 2})
        row = make_conversation(make_queue([alice], skills={"billing": 3}, name="Bills"), language="cs")
        assert inbox.why_waiting(row) == "Needs billing ≥ 3, cs ≥ 3; no member of Bills has it."
        row = make_conversation(make_queue([alice], skills={"billing": 2}))
        assert inbox.why_waiting(row) == ""
        Agent.objects.update(presence=Agent.Presence.OFFLINE)
        assert inbox.why_waiting(row) == "Needs billing ≥ 2; no agent on duty has it."
        assert inbox.why_waiting(make_conversation(make_queue(name="Empty"))) == (
            "The email queue Empty has no members."
        )

    def test_filters(self) -> None:
        root, alice = make_administrator(), make_agent("alice")
        one = make_conversation(make_queue([alice]))
        other = receive(make_queue(), make_mail(From="dora@customer.example")).conversation
        actions.take(alice.user, one)
        assert rows(root, state="waiting") == [other]
        assert rows(root, agent=alice.pk) == [one]
        assert rows(root, contact=other.contact_id) == [other]
        assert rows(root, queue=one.queue_id) == [one]


class TestPaging:
    """Pages by key, in both orders."""

    @pytest.mark.parametrize("view", [View.ALL, View.UNASSIGNED])
    def test_all_rows_once_in_order(self, view: View) -> None:
        alice = make_agent("alice")
        queue = make_queue([alice])
        start = datetime(2026, 3, 2, 9, tzinfo=UTC)
        for minute in (1, 2, 2, 2, 3, 4, 5):
            make_conversation(queue, at=start + timedelta(minutes=minute))
        Conversation.objects.filter(pk=Conversation.objects.latest("pk").pk).update(due_at=None)
        everything = rows(alice.user, view)
        found: list[Conversation] = []
        mark, pages = "", 0
        while mark or not pages:
            page = inbox.page(alice.user, Listing(view=view, after=mark, limit=2))
            found, mark, pages = found + page.rows, page.next, pages + 1
        assert found == everything
        assert (len(found), pages) == (7, 4)

    @pytest.mark.parametrize("mark", ["x", "1", "1_", "_1", f"{10**30}_1", "nan_1"])
    def test_a_mark_that_is_not_ours(self, mark: str) -> None:
        with pytest.raises(BadCursor):
            inbox.page(make_administrator(), Listing(after=mark))

    def test_queries_do_not_grow_with_rows(self) -> None:
        alice = make_agent("alice", languages={"en": 3}, skills={"a": 1})
        queues = [make_queue([alice, make_agent(f"agent{number}")], skills={"a": 1}) for number in range(3)]

        def look() -> None:
            for view in View:
                for row in rows(alice.user, view):
                    _ = row.queue.name, row.contact.name, [each.email for each in row.contact.addresses.all()]
                    _ = row.agent and str(row.agent)
            inbox.counts(alice.user)

        for queue in queues:
            actions.take(alice.user, make_conversation(queue))
            make_conversation(queue)
        look()  # the first mails of a queue make its kinds
        few = queries(look)
        for queue in queues:
            for number in range(6):
                row = receive(queue, make_mail(From=f"c{number}@customer.example")).conversation
                if number % 2:
                    actions.take(alice.user, row)
        assert queries(look) == few
        assert queries(lambda: inbox.counts(alice.user)) == 2  # the lists, the mentions

    def test_the_story_takes_as_many_queries_for_long_ones(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        row = message.conversation

        def look() -> None:
            for entry in inbox.timeline(alice.user, row):
                if isinstance(entry.item, Message):
                    _ = list(entry.item.attachments.all()), entry.item.agent and str(entry.item.agent)
                    _ = entry.item.outgoing and list(entry.item.outgoing.recipients.all())

        actions.reply(alice.user, row, Reply(text="x"))
        actions.note(alice.user, row, "x")
        few = queries(look)
        for number in range(5):
            actions.reply(alice.user, row, Reply(text=f"x {number}"))
            actions.note(alice.user, row, "y")
        assert queries(look) == few

    def test_of_a_long_story_only_its_end_is_read(self) -> None:
        alice = make_agent("alice")
        row = make_conversation(make_queue([alice]))
        for number in range(6):
            actions.note(alice.user, row, f"Note {number}")
            actions.reply(alice.user, row, Reply(text=f"Answer {number}"))
        whole = [each for each in inbox.timeline(alice.user, row) if each.kind != "event"]
        end = inbox.timeline(alice.user, row, 4)
        assert [(each.kind, each.item.pk) for each in end] == [
            (each.kind, each.item.pk) for each in whole[-4:]
        ]
        told = length(alice.user, row)
        assert told.told == len(whole) + 1  # and that she took it
        assert told.newest == max(each.item.pk for each in whole if each.kind == "message")
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/conversations/{row.pk}/").content.decode()
        assert 'id="older"' not in page
        for number in range(20):
            actions.note(alice.user, row, f"More {number}")
        page = client.get(f"/conversations/{row.pk}/").content.decode()
        assert "14 older" in page
        assert "Note 0" not in page
        assert "Note 0" in client.get(f"/conversations/{row.pk}/parts?older=220").content.decode()

    def test_the_story_is_in_order(self) -> None:
        alice = make_agent("alice")
        row = make_conversation(make_queue([alice]))
        actions.note(alice.user, row, "First a note.")
        actions.reply(alice.user, row, Reply(text="Then an answer."))
        entries = [(entry.kind, getattr(entry.item, "kind", "")) for entry in inbox.timeline(alice.user, row)]
        assert entries == [
            ("message", ""),
            ("event", "opened"),
            ("note", ""),
            ("event", "taken"),
            ("message", ""),
            ("event", "replied"),
        ]


class TestSearch:
    """Words, beginnings, addresses and numbers."""

    @pytest.fixture
    def root(self) -> User:
        return make_administrator()

    @pytest.mark.parametrize(
        "text",
        [
            "žluťoučký", "ZLUTOUCKY", "zlut", "strasse", "Straße", "2024-1183", "#2024-1183", "1183",
            "charlie", "charlie@customer.example", "customer.example", "Stone", "kun strasse", "rechnung.pdf",
        ],
    )  # fmt: skip
    def test_found(self, root: User, text: str) -> None:
        raw = make_mail(
            "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nŽluťoučký kůň, Straße 5, 2024-1183.\r\n"
            '--b\r\nContent-Type: application/pdf; name="Rechnung.pdf"\r\n\r\nx\r\n--b--',
            Content_Type='multipart/mixed; boundary="b"',
        )
        row = receive(make_queue(), raw).conversation
        assert rows(root, text=text) == [row]

    @pytest.mark.parametrize("text", ["absent", "kun absent", "lutoucky", "'; drop", "!!!", "a"])
    def test_not_found(self, root: User, text: str) -> None:
        receive(make_queue(), make_mail("Žluťoučký kůň."))
        assert rows(root, text=text) == []

    def test_by_number(self, root: User) -> None:
        row, other = make_conversation(), make_conversation()
        assert rows(root, text=f"#{row.number}") == [row]
        assert rows(root, text=str(other.number)) == [other]
        assert rows(root, text="9" * 30) == []

    def test_what_we_wrote_is_found_too(self, root: User) -> None:
        alice = make_agent("alice")
        row = make_conversation(make_queue([alice]))
        actions.reply(alice.user, row, Reply(text="The voucher is XK-77."))
        assert rows(root, text="voucher xk-77") == [row]

    def test_hostile_amounts_of_words_are_kept(self, root: User) -> None:
        text = " ".join(f"w{number}{'x' * 100}" for number in range(20_000))
        row = receive(make_queue(), make_mail(text)).conversation
        assert rows(root, text="w17") == [row]
