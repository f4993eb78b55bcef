"""Finding: what a question means, what it finds, for whom, in which order."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.models import Agent
from queues import actions, finding, inbox
from queues.actions import Reply
from queues.finding_asked import Field, read
from queues.finding_filed import SPAN, span
from queues.finding_shown import line, marked, marks_of
from queues.finding_words import asked_words, has_phrase, keys
from queues.inbox import BadCursor, Listing, Page, View
from queues.models import Conversation, EmailQueue, Message, Tag
from tests.make import (
    make_administrator,
    make_agent,
    make_conversation,
    make_mail,
    make_queue,
    receive,
)

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
State = Conversation.State


def ask(user: User, text: str, **more: object) -> Page:
    return inbox.page(user, Listing(view=View.ALL, text=text, **more))  # type: ignore[arg-type]


def found(user: User, text: str, **more: object) -> list[Conversation]:
    return ask(user, text, **more).rows


class TestQuestions:
    """What was typed, and what it was taken for."""

    @pytest.mark.parametrize(
        ("text", "understood"),
        [
            ('invoice "not paid', ["“invoice”", "“not paid”"]),
            ("a OR b c", ["“a” or “b”", "“c”"]),
            ("from:alice@example.com -spam", ["from “alice@example.com”", "not “spam”"]),
            ('queue:"My Orders" is:open OR is:closed', ["in the queue “My Orders”", "is open or is closed"]),
            ("invoice OR is:open", ["“invoice”", "is open"]),
            ("Re: hello", ["“Re”", "“hello”"]),
            ("https://shop.example/a?b", ["“https://shop.example/a?b”"]),
            ("colour:red", ["“colour:red”"]),
            ("before:2026-03 after:01.02.2026", ["before 1 Mar 2026", "from 1 Feb 2026 on"]),
            ("on:2025", ["on 1 Jan 2025"]),
            ("after:7d", ["from 15 Nov 2026 on"]),
            ("file:bill.pdf sort:best", ["with a file named “bill.pdf”", "best matches first"]),
            ("“curly quotes”", ["“curly quotes”"]),
        ],
    )
    def test_understood(self, text: str, understood: list[str]) -> None:
        assert read(text, NOW).understood == understood

    @pytest.mark.parametrize(
        ("text", "note"),
        [
            ("from:", "from: waits for its value"),
            ("before:soon", "“soon” is no date: write 2026-03-01, 2026-03 or 7d"),
            ("before:2026-02-30", "“2026-02-30” is no date: write 2026-03-01, 2026-03 or 7d"),
        ],
    )
    def test_what_is_not_understood_is_said(self, text: str, note: str) -> None:
        assert read(text, NOW).notes == (note,)

    @pytest.mark.parametrize(
        "text", ["after:9999y", "before:9999y", "on:9999-12-31", "on:9999-12", "on:9999"]
    )
    def test_a_date_that_no_calendar_has(self, text: str) -> None:
        asked = read(text, NOW)
        assert (asked.since, asked.until) == (None, None)
        assert "is no date" in asked.understood[0]

    def test_a_value_that_is_unknown_is_words(self) -> None:
        asked = read("is:strange", NOW)
        assert asked.notes[0].startswith("is:strange is unknown: assigned, closed")
        assert [term.field for term in asked.terms] == [Field.ANY]

    def test_only_words_have_nothing_to_explain(self) -> None:
        assert read("two words", NOW).is_plain
        assert not read("two -words", NOW).is_plain

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=80) | st.lists(st.sampled_from(
        ["from:", "-", '"', "OR", "is:open", "a", "ß", "before:", "on:", "2026", "9999", "-12-31", "y", ":",
         "(", "\\", "'", "\0", " "]
    )).map("".join))  # fmt: skip
    def test_nothing_that_is_typed_is_an_error(self, text: str) -> None:
        asked = read(text, NOW)
        assert all(isinstance(said, str) for said in asked.understood)
        assert all(word for word, _ in asked.marked)


class TestWords:
    """One word in all its spellings."""

    @pytest.mark.parametrize(
        ("text", "asked"),
        [
            ("Herr Müller", "Mueller"), ("Herr Mueller", "müller"), ("Herr Müller", "MULLER"),
            ("Łódź", "lodz"), ("Łódź", "łódź"), ("Smørrebrød", "smorrebrod"), ("STRASSE", "straße"),
            ("İstanbul", "istanbul"), ("ＡＢＣ１２", "abc12"), ("東京都庁に行く", "京都"),
            ("한국어를", "국어"), ("黒猫", "猫"), ("ทำความสะอาด", "ทำความ"), ("ຄຳ", "ຄຳ"),
            ("⑴ ½ ﷺ", "⑴ ½ ﷺ"), ("Act (1)", "⑴"),
        ],
    )  # fmt: skip
    def test_found_however_it_is_written(self, text: str, asked: str) -> None:
        filed = keys(text)
        for word in asked_words(asked):
            assert any(way in filed for way in word), (word, filed)

    @pytest.mark.parametrize(
        ("text", "phrase", "has"),
        [
            ("It was not\n  paid, yet.", "not paid", True),
            ("It was paid, not.", "not paid", False),
            ("It was not prepaid.", "not pre", False),
            ("Žluťoučký kůň", "zlutoucky kun", True),
            ("東京都庁", "京都庁", True),
            ("東京と京都庁", "東京都", False),
        ],
    )
    def test_phrases(self, text: str, phrase: str, has: bool) -> None:
        assert has_phrase(text, phrase) is has

    def test_spans_sort_as_times_do(self) -> None:
        times = [datetime(1969, 1, 1, tzinfo=UTC), NOW, NOW + SPAN, datetime(9990, 1, 1, tzinfo=UTC)]
        assert sorted(map(span, times)) == [span(at) for at in times]


class TestMarks:
    """What was found stands out, and nothing that a stranger wrote is HTML."""

    def test_marked_and_escaped(self) -> None:
        marks = marks_of(read("müll inv", NOW).marked)
        told = marked("<b>Müller</b> & Invoice", marks)
        assert told == "&lt;b&gt;<mark>Müller</mark>&lt;/b&gt; &amp; <mark>Invoice</mark>"

    def test_the_line_is_cut_around_the_first_word(self) -> None:
        told = line(f"{'before ' * 50}the voucher <x> {'after ' * 90}", marks_of([("voucher", False)]))
        assert told.startswith("… before")
        assert "<mark>voucher</mark> &lt;x&gt; after" in told
        assert len(told) < 260

    def test_exact_words_mark_no_longer_ones(self) -> None:
        assert marked("port portal", marks_of(read('"port"', NOW).marked)) == "<mark>port</mark> portal"

    def test_without_spaces(self) -> None:
        assert marked("東京都庁", marks_of(read("京都", NOW).marked)) == "東<mark>京都</mark>庁"


@pytest.mark.django_db
class TestFinding:
    """What is found, in the right place, and what is not."""

    @pytest.fixture
    def root(self) -> User:
        return make_administrator()

    @pytest.fixture
    def row(self) -> Conversation:
        raw = make_mail(
            "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe blue voucher was not paid.\r\n"
            '--b\r\nContent-Type: application/pdf; name="Rechnung 77.pdf"\r\n\r\nx\r\n--b--',
            Subject="Delivery of socks", Cc="Dora <dora@friends.example>",
            Content_Type='multipart/mixed; boundary="b"',
        )  # fmt: skip
        return receive(make_queue(name="Orders of socks"), raw).conversation

    @pytest.mark.parametrize(
        "text",
        [
            "voucher", "vouch socks", '"blue voucher"', '"voucher was not"', "absent OR voucher",
            "voucher -red", "from:charlie", "from:charlie@customer.example", "from:stone", "to:support",
            "cc:dora", "to:dora",
            "subject:socks", "subject:sock", "filename:rechnung", "filename:pdf", "has:attachment",
            "is:open",
            "is:waiting voucher", "is:unread", "is:unassigned", "queue:orders",
            'queue:"orders of socks" blue',
            "priority:normal socks", "after:2020", "before:2999 voucher", "-red", "is:received",
            "agent:nobody",
            "-is:closed socks", "sort:best socks", "agent:nobody OR agent:me", 'from:"stone charlie"',
        ],
    )  # fmt: skip
    def test_found(self, root: User, row: Conversation, text: str) -> None:
        assert found(root, text) == [row]

    @pytest.mark.parametrize(
        "text",
        [
            "absent", "voucher absent", '"voucher blue"', '"blue vouch"', "voucher -blue",
            "from:support",
            "cc:support", "subject:voucher", "filename:voucher", "note:voucher", "has:note", "is:closed",
            "is:sent", "is:late", "is:mine", "queue:other", "tag:any", "after:2999", "before:2020",
            "agent:me",
            "language:sk voucher", '-"blue voucher"', "-is:open voucher", "priority:high", '"oucher"',
        ],
    )  # fmt: skip
    def test_not_found(self, root: User, row: Conversation, text: str) -> None:
        assert found(root, text) == []

    def test_notes_are_found_and_only_by_who_may_read_them(self, root: User) -> None:
        alice, bob = make_agent("alice"), make_agent("bob")
        row = make_conversation(make_queue([alice]))
        make_conversation(make_queue([bob]))
        actions.note(alice.user, row, "Callback at noon")
        for text in ("callback", "note:noon", "has:note", "has:note callback", "from:alice has:note"):
            assert found(root, text) == found(alice.user, text) == [row]
            assert found(bob.user, text) == []
        page = ask(alice.user, "callback")
        assert page.hits[row.pk].place.kind == "n"

    def test_answers_are_found_and_taken_back_ones_are_not(self, root: User) -> None:
        alice = make_agent("alice")
        row = make_conversation(make_queue([alice]))
        answer = actions.reply(alice.user, row, Reply(text="The zebra is on its way.", undo_seconds=60))
        assert found(root, "zebra") == found(root, "is:sent zebra") == [row]
        actions.undo(alice.user, answer)
        assert found(root, "zebra") == []

    def test_tags(self, root: User, row: Conversation) -> None:
        tag = Tag.objects.create(name="Big customer")
        tag.conversations.add(row)
        make_conversation()
        assert found(root, 'tag:"big customer"') == found(root, "tag:big socks") == [row]
        assert row not in found(root, "-tag:big")

    def test_with_an_agent(self, root: User) -> None:
        alice = make_agent("alice")
        row = make_conversation(make_queue([alice]))
        make_conversation()
        actions.take(alice.user, row)
        assert found(root, "agent:alice parcel") == found(alice.user, "is:mine parcel") == [row]
        actions.close(alice.user, row)
        assert found(root, "agent:alice is:closed") == [row]

    def test_each_conversation_once_newest_hit_first_page_by_page(self, root: User) -> None:
        queue = make_queue()
        start = timezone.now() - timedelta(days=40)
        rows = [make_conversation(queue, at=start + timedelta(days=number)) for number in range(12)]
        for number, row in enumerate(rows[:4]):  # older conversations with a newer mail that matches, too
            mail = row.messages.get()
            again = make_mail("The parcel again", In_Reply_To=f"<{mail.message_id}>")
            receive(queue, again, at=start + timedelta(days=20, hours=number))
        shown: list[Conversation] = []
        mark = ""
        for _ in range(20):
            page = ask(root, "parcel", limit=5, after=mark)
            shown += page.rows
            mark = page.next
            if not mark:
                break
        assert shown == [*rows[3::-1], *rows[:3:-1]]

    def test_the_same_in_one_queue_and_in_small_steps(
        self, root: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(finding, "BATCHES", (2,))
        monkeypatch.setattr(finding, "SPANS", (1,))
        start = timezone.now() - timedelta(days=30)
        queues = [make_queue(), make_queue()]
        rows = [make_conversation(queues[n % 2], at=start + timedelta(days=n)) for n in range(10)]
        assert found(root, "parcel") == rows[::-1]
        assert found(root, "parcel", queue=queues[1].pk) == rows[:0:-2]
        assert found(root, "parcel", limit=3, after=ask(root, "parcel", limit=4).next) == rows[5:2:-1]

    def test_ends_early_and_goes_on(self, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(finding, "PATIENCE", 0.0)
        monkeypatch.setattr(finding, "SPANS", (1,))
        old = make_conversation(at=timezone.now() - 3 * SPAN)
        shown: list[Conversation] = []
        mark, pages = "", 0
        while True:
            page = ask(root, "parcel", after=mark)
            shown, mark, pages = shown + page.rows, page.next, pages + 1
            if not mark:
                break
            assert page.reached is not None
        assert shown == [old]
        assert pages > 2

    def test_best_first(self, root: User) -> None:
        queue, start = make_queue(), timezone.now() - timedelta(days=5)
        titled = receive(queue, make_mail("Hello", Subject="A zebra for sale"), at=start).conversation
        later = receive(queue, make_mail("I saw a zebra", Subject="Zoo"), at=start + timedelta(days=1))
        assert found(root, "zebra") == [later.conversation, titled]
        assert found(root, "sort:best zebra") == [titled, later.conversation]
        first = ask(root, "sort:best zebra", limit=1)
        assert first.rows == [titled]
        assert found(root, "sort:best zebra", after=first.next) == [later.conversation]

    def test_a_number_comes_first(self, root: User) -> None:
        row = make_conversation()
        other = receive(make_queue(), make_mail(f"About {row.number} of yours")).conversation
        assert found(root, str(row.number)) == [row, other]
        assert found(root, f"#{row.number}") == [row, other]

    @pytest.mark.parametrize("text", ["黒", "黒猫", "猫と", "น้ำ", '"黒"', "猫", "⑴", '"น้ำดื่ม"'])
    def test_one_letter_of_those_without_spaces(self, root: User, text: str) -> None:
        receive(make_queue(name="Else"), make_mail("白犬 Act 2"))
        mail = receive(make_queue(name="Cats"), make_mail("黒猫と น้ำดื่ม Act (1)", Subject="Drei Katzen"))
        assert mail is not None
        assert found(root, text) == [mail.conversation]

    def test_a_time_limit_is_known_in_any_language(self, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(finding, "OLDEST", "SELECT now() FROM pg_sleep(1)")
        monkeypatch.setitem(finding.SETTINGS, "statement_timeout", "20ms")
        monkeypatch.setattr(finding, "CANCELED", "other")
        with pytest.raises(OperationalError):
            found(root, "parcel")
        monkeypatch.setattr(finding, "CANCELED", "57014")
        with pytest.raises(finding.TooBroad):
            found(root, "parcel")

    def test_a_mark_that_is_none_of_ours(self, root: User) -> None:
        for mark in (
            *("x", "1.2", "b1.x.m", "9" * 40 + ".1.m", "1.1.\0", "1.1.x", "1.-1.m", f"1.{9 * 10**40}.m"),
            *("-1.1.m", "-62135596800000000.0.m", "253402300799999999.0."),
        ):
            with pytest.raises(BadCursor):
                ask(root, "parcel", after=mark)


@pytest.mark.django_db
class TestMoving:
    """What moves to another queue is found there, and only there."""

    @pytest.fixture
    def alice(self) -> Agent:
        return make_agent("alice")

    @pytest.fixture
    def queues(self, alice: Agent) -> list[EmailQueue]:
        return [make_queue([alice]), make_queue([alice])]

    def _only_in(self, alice: Agent, text: str, row: Conversation, queues: list[EmailQueue]) -> None:
        assert found(alice.user, text, queue=queues[1].pk) == found(alice.user, text) == [row]
        assert found(alice.user, text, queue=queues[0].pk) == []

    def test_transferred(self, alice: Agent, queues: list[EmailQueue]) -> None:
        row = make_conversation(queues[0])
        actions.note(alice.user, row, "zebra")
        actions.transfer(alice.user, row, queues[1])
        self._only_in(alice, "parcel", row, queues)
        self._only_in(alice, "zebra", row, queues)

    def test_merged(self, alice: Agent, queues: list[EmailQueue]) -> None:
        gone = receive(queues[0], make_mail("A zebra")).conversation
        actions.note(alice.user, gone, "walrus")
        stays = make_conversation(queues[1])
        actions.merge(alice.user, gone, stays)
        self._only_in(alice, "zebra", stays, queues)
        self._only_in(alice, "walrus", stays, queues)

    def test_a_mail_moved(self, alice: Agent, queues: list[EmailQueue]) -> None:
        first = receive(queues[0], make_mail("Hello"))
        second = receive(queues[0], make_mail("A zebra", In_Reply_To=f"<{first.message_id}>"))
        assert second.conversation == first.conversation
        into = make_conversation(queues[1])
        actions.move_message(alice.user, second, into)
        self._only_in(alice, "zebra", into, queues)

    def test_erased(self, alice: Agent, queues: list[EmailQueue]) -> None:
        mail = receive(queues[0], make_mail("A zebra"))
        Message.objects.filter(pk=mail.pk).delete()
        assert found(alice.user, "zebra") == []

    def test_what_was_filed_in_the_old_way_is_filed_anew(
        self, alice: Agent, queues: list[EmailQueue]
    ) -> None:
        from queues.finding_filed import file_anew, file_notes_anew  # noqa: PLC0415 - as the migration does
        from queues.models import Note  # noqa: PLC0415

        row = make_conversation(queues[0])
        actions.note(alice.user, row, "walrus")
        mails, notes = Message.objects.order_by("pk"), Note.objects.order_by("pk")
        before = [*mails.values_list("search", flat=True), *notes.values_list("search", flat=True)]
        mails.update(search=None)
        notes.update(search=None)
        last = file_anew(Message.objects.all())
        assert file_anew(Message.objects.all(), last) == 0
        file_notes_anew(Note.objects.all())
        assert [*mails.values_list("search", flat=True), *notes.values_list("search", flat=True)] == before
