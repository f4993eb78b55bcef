"""From the ledger into the queue: once, and one bad mail in nobody's way."""

import json
import logging
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailsources import apart, claims, tasks
from mailsources import deliver as delivering
from mailsources.apart import Parsers
from mailsources.deliver import NotRetryable, deliver, deliver_many, retry
from mailsources.fetch import ingest
from mailsources.models import EmailSource, FetchedMail, SourceState
from mailsources.parser import Limits, Outcome, Parser
from mailsources.turns import turn
from queues import actions, brakes, intake
from queues.models import Conversation, EmailQueue, Message
from tests.mailsources.conftest import in_threads
from tests.make import make_agent, make_mail, make_queue, make_source, receive

pytestmark = pytest.mark.django_db

State = FetchedMail.State


@pytest.fixture
def source() -> EmailSource:
    return make_source()


class Poison(Exception):
    """Stands for whatever a mail may set off in us."""


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails with the subject Poison break the delivery."""
    real = intake.deliver

    def checked(queue: Any, mail: Any, *rest: Any, **named: Any) -> Message:
        message = real(queue, mail, *rest, **named)
        if mail.subject == "Poison":
            raise Poison("too much")
        return message

    monkeypatch.setattr(intake, "deliver", checked)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parsers]:
    """The parser does what a mail's subject says, and has two seconds in all."""
    parsers = Parsers("tests.mailsources.faulty:obey")
    monkeypatch.setattr(apart, "parsers", parsers)
    monkeypatch.setattr(apart, "ALONE", Limits(cpu=2, wall=20))
    monkeypatch.setattr(apart, "IN_COMPANY", Limits(cpu=1, wall=20))
    yield parsers
    parsers.close()


def pass_time() -> None:
    """Pauses and leases are over."""
    FetchedMail.objects.update(lease_until=None)


def test_a_delivered_mail_says_where_it_went(source: EmailSource) -> None:
    fetched = ingest(source, make_mail(Subject="Hello"))
    message = deliver(fetched.pk)
    fetched.refresh_from_db()
    assert message is not None
    assert (fetched.state, fetched.message, fetched.attempts) == (State.DELIVERED, message, 1)
    assert fetched.header_id == message.message_id
    assert message.conversation.queue == source.queue


def test_many_are_delivered_in_order(source: EmailSource) -> None:
    rows = [ingest(source, make_mail(Subject=f"{number}")) for number in range(30)]
    other = ingest(make_source(), make_mail(Subject="Elsewhere"))
    messages = deliver_many([row.pk for row in rows] + [other.pk])
    assert [message.subject for message in messages] == [*map(str, range(30)), "Elsewhere"]
    assert messages[-1].conversation.queue == other.source.queue
    assert deliver_many([row.pk for row in rows]) == []


def test_big_mails_are_not_in_memory_together(source: EmailSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "PORTION_OCTETS", 1000)
    monkeypatch.setattr(apart, "AHEAD_OCTETS", 1000)
    rows = [ingest(source, make_mail("x" * size)) for size in (10, 20, 5000, 10, 5000)]
    done: list[str] = []
    ask, outcome = Parser.ask, Parser.outcome

    def asked(parser: Parser, raw: bytes, limits: Limits) -> None:
        done.append("big" if len(raw) > 5000 else "small")
        ask(parser, raw, limits)

    def answered(parser: Parser, limits: Limits) -> Outcome:
        found = outcome(parser, limits)
        done.append("parsed")
        return found

    monkeypatch.setattr(Parser, "ask", asked)
    monkeypatch.setattr(Parser, "outcome", answered)
    assert len(deliver_many([row.pk for row in rows])) == 5
    assert done.index("big") < done.index("parsed")  # the next are sent while one is parsed
    second = len(done) - done[::-1].index("big") - 1
    assert done[:second].count("parsed") >= 3, "the first big one is done with before the second is read"


@pytest.mark.django_db(transaction=True)
def test_a_mail_is_delivered_once_by_eight_at_once(source: EmailSource) -> None:
    rows = [ingest(source, make_mail()).pk for _ in range(20)]
    messages = in_threads(8, lambda: deliver_many(rows))
    assert sum(map(len, messages)) == 20
    assert Message.objects.count() == 20


def test_a_bad_mail_goes_to_quarantine_and_the_next_is_delivered(
    source: EmailSource, poisonous: None
) -> None:
    bad = ingest(source, make_mail(Subject="Poison"))
    good = ingest(source, make_mail(Subject="Good"))
    tasks.deliver_waiting([bad.pk, good.pk])
    assert list(Message.objects.values_list("subject", flat=True)) == ["Good"], "nothing half done"
    for attempt in range(1, 4):
        bad.refresh_from_db()
        assert bad.attempts == attempt
        assert bad.state == (State.FAILED if attempt == 3 else State.WAITING)
        pass_time()
        deliver(bad.pk)
    assert "Poison: too much" in bad.reason
    assert deliver(bad.pk) is None
    assert Message.objects.count() == 1


def test_one_that_fails_undoes_nothing_of_another(source: EmailSource, poisonous: None) -> None:
    subjects = ["1", "2", "Poison", "4", "5"]
    rows = [ingest(source, make_mail(Subject=subject)).pk for subject in subjects]
    assert [message.subject for message in deliver_many(rows)] == ["1", "2", "4", "5"]
    assert list(Message.objects.order_by("pk").values_list("subject", flat=True)) == ["1", "2", "4", "5"]
    assert FetchedMail.objects.filter(state=State.DELIVERED, attempts=1).count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_mail_taken_over_in_a_batch_is_not_delivered_twice(
    source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [ingest(source, make_mail()).pk for _ in range(5)]
    real = apart.parsers.parse_each

    def overtaken(raws: list[bytes], limits: Limits) -> Any:
        monkeypatch.setattr(apart.parsers, "parse_each", real)
        FetchedMail.objects.filter(pk=rows[2]).update(lease_until=None, attempts=0)
        assert deliver(rows[2]) is not None
        return real(raws, limits)

    monkeypatch.setattr(apart.parsers, "parse_each", overtaken)
    assert len(deliver_many(rows)) == 4
    assert Message.objects.count() == 5
    assert not FetchedMail.objects.exclude(state=State.DELIVERED).exists()


def test_mails_of_one_batch_find_each_other(source: EmailSource) -> None:
    first = make_mail("First", Message_ID="<first@customer.example>")
    raws = [
        first,
        make_mail("Answer to it", In_Reply_To="<first@customer.example>", Subject="Re: it"),
        make_mail("Another matter of the same person"),
        make_mail("A stranger's answer", In_Reply_To="<first@customer.example>", From="dora@other.example"),
        make_mail("Another mail under an old id", Message_ID="<first@customer.example>"),
    ]
    rows = [ingest(source, raw).pk for raw in raws]
    twin = make_source(queue=source.queue)
    rows.append(ingest(twin, first).pk)
    one, answer, other, stranger, reused, copy = (each.conversation for each in deliver_many(rows))
    assert one == answer == copy
    assert len({one.pk, other.pk, stranger.pk, reused.pk}) == 4
    assert one.contact == other.contact == reused.contact != stranger.contact
    assert [event.kind for event in stranger.events.order_by("pk")] == ["opened", "hint"]
    assert [event.kind for event in one.events.order_by("pk")] == ["opened", "received"]
    assert one.contact.communications.count() == 5


def test_who_is_copied_in_takes_part_for_the_rest_of_the_batch(source: EmailSource) -> None:
    first = receive(source.queue, make_mail(Message_ID="<first@customer.example>"))
    usual = {"In_Reply_To": "<first@customer.example>", "From": "dora@other.example"}
    raws = [
        make_mail("Too early", **usual),
        make_mail("Dora knows more.", In_Reply_To="<first@customer.example>", Cc="dora@other.example"),
        make_mail("I do", **usual),
    ]
    stranger, one, two = deliver_many([ingest(source, raw).pk for raw in raws])
    assert one.conversation == two.conversation == first.conversation != stranger.conversation
    first.conversation.refresh_from_db()
    assert first.conversation.messages_count == 3
    assert first.conversation.preview == "I do"
    assert first.conversation.last_message_at == two.created_at


def test_answers_to_what_was_merged_join_where_it_is_now(source: EmailSource) -> None:
    supervisor = make_agent("bob", queues=[source.queue])
    ids = [f"<{number}@customer.example>" for number in range(3)]
    received = [receive(source.queue, make_mail(Message_ID=each)).conversation for each in ids]
    actions.merge(supervisor.user, received[0], received[1])
    actions.merge(supervisor.user, received[1], received[2])
    rows = [ingest(source, make_mail("Again", In_Reply_To=each)).pk for each in ids]
    assert {message.conversation_id for message in deliver_many(rows)} == {received[2].pk}
    received[2].refresh_from_db()
    assert received[2].messages_count == received[2].messages.count() == 6


def test_a_batch_of_answers_takes_few_statements(
    source: EmailSource, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "AT_FIRST", delivering.TOGETHER)
    ids = [f"<{number}@customer.example>" for number in range(20)]
    for each in ids:
        receive(source.queue, make_mail(Message_ID=each, From=f"someone-{each.strip('<>')}"))
    rows = [
        ingest(source, make_mail("Yes", In_Reply_To=each, From=f"someone-{each.strip('<>')}")).pk
        for each in ids
    ]
    with django_assert_max_num_queries(30):
        assert len(deliver_many(rows)) == 20
    assert Conversation.objects.filter(messages_count=2).count() == 20


def test_bytes_are_read_once_for_all_though_each_is_looked_into_again(source: EmailSource) -> None:
    rows = [ingest(source, make_mail()).pk for _ in range(5)]
    FetchedMail.objects.update(envelope_to="support@example.com")  # then its headers are looked at
    with CaptureQueriesContext(connection) as asked:
        assert len(deliver_many(rows)) == 5
    read = [each for each in asked.captured_queries if '"mailstore_rawmail"."data"' in each["sql"]]
    assert len(read) == 1


def test_two_answers_to_what_is_closed_go_on_in_one_conversation(source: EmailSource) -> None:
    alice = make_agent("alice")
    queue = make_queue([alice], reply_to_closed=EmailQueue.ReplyToClosed.NEW)
    EmailSource.objects.update(queue=queue)
    first = receive(queue, make_mail(Cc="bob@customer.example"))
    sent = actions.reply(alice.user, first.conversation, actions.Reply(text="Done.", close=True))
    usual = {"In_Reply_To": f"<{sent.message_id}>", "Subject": f"Re: {sent.subject}"}
    one = ingest(source, make_mail("Thanks.", Cc="bob@customer.example", **usual))
    other = ingest(source, make_mail("Not yet.", From="bob@customer.example", **usual))
    assert len(deliver_many([one.pk, other.pk])) == 2
    assert Conversation.objects.count() == 2


def test_a_batch_never_outruns_the_brake_on_one_contact(
    source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "AT_FIRST", delivering.TOGETHER)
    assert delivering.TOGETHER > brakes.MOST_NEW + 5  # all of them are in one batch
    rows = [ingest(source, make_mail(From="newcomer@other.example")).pk for _ in range(brakes.MOST_NEW + 5)]
    states = [message.conversation.state for message in deliver_many(rows)]
    assert states == ["waiting"] * brakes.MOST_NEW + ["held"] * 5


def test_a_bad_mail_is_tried_again_after_a_pause_and_alone(source: EmailSource, poisonous: None) -> None:
    bad, good = (ingest(source, make_mail(Subject=subject)) for subject in ("Poison", "Good"))
    deliver(bad.pk)
    deliver(bad.pk)
    bad.refresh_from_db()
    assert bad.attempts == 1, "not again at once"
    assert bad.lease_until is not None
    assert bad.lease_until > timezone.now()
    assert "Attempt 1 of 3 failed." in bad.reason
    pass_time()
    assert len(deliver_many([bad.pk, good.pk])) == 1
    bad.refresh_from_db()
    assert bad.attempts == 1, "not in company"
    deliver(bad.pk)
    bad.refresh_from_db()
    assert bad.attempts == 2


def test_a_mail_that_hangs_the_parser_holds_up_its_neighbours_once(
    source: EmailSource, faulty: Parsers, caplog: pytest.LogCaptureFixture
) -> None:
    first, bad, last = (ingest(source, make_mail(Subject=subject)) for subject in ("First", "spin", "Last"))
    began = time.monotonic()
    with caplog.at_level(logging.CRITICAL):
        assert len(deliver_many([first.pk, bad.pk, last.pk])) == 2
    assert time.monotonic() - began < 20
    for reason in ("Attempt 1 of 3 failed. The parser was stopped after 1 s", "Attempt 2 of 3 failed."):
        bad.refresh_from_db()
        assert bad.state == State.WAITING
        assert bad.reason.startswith(reason)
        pass_time()
        assert deliver(bad.pk) is None
    bad.refresh_from_db()
    assert bad.state == State.FAILED
    assert bad.reason == "The parser was stopped after 2 s of processor time."
    assert bad.raw is not None, "it can be downloaded"


def test_many_that_hang_leave_the_rest_to_another_task(
    source: EmailSource, faulty: Parsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "PATIENCE_SECONDS", 0.5)
    bad, *rest = (ingest(source, make_mail(Subject=subject)).pk for subject in ("spin", "Second", "Third"))
    assert deliver_many([bad, *rest]) == []
    for fetched in FetchedMail.objects.filter(pk__in=rest):
        assert (fetched.state, fetched.attempts, fetched.lease_until) == (State.WAITING, 0, None)
    assert [message.subject for message in deliver_many(rest)] == ["Second", "Third"]


def test_big_mails_that_take_their_time_are_left_before_their_leases_end(
    source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "OCTETS_TOGETHER", 1)
    monkeypatch.setattr(delivering, "PATIENCE_SECONDS", -1.0)
    ids = [ingest(source, make_mail()).pk for _ in range(3)]
    assert len(deliver_many(ids)) == 1
    left = FetchedMail.objects.filter(pk__in=ids[1:], state=State.WAITING)
    assert list(left.values_list("attempts", "lease_until")) == [(0, None)] * 2


def test_without_a_parser_no_mail_loses_an_attempt(
    source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = ingest(source, make_mail())
    monkeypatch.setattr(apart, "parsers", Parsers("tests.mailsources.faulty:missing"))
    assert deliver(fetched.pk) is None
    fetched.refresh_from_db()
    assert (fetched.state, fetched.attempts) == (State.WAITING, 0)
    assert fetched.lease_until is not None


@pytest.mark.parametrize(("code", "counts"), [("53100", 0), ("55P03", 0), ("22021", 1)])
def test_a_full_or_locked_database_costs_no_mail_an_attempt(
    source: EmailSource, monkeypatch: pytest.MonkeyPatch, code: str, counts: int
) -> None:
    def refuses(*mail: Any, **named: Any) -> Message:
        with connection.cursor() as cursor:
            cursor.execute(f"DO $$ BEGIN RAISE 'not now' USING ERRCODE = '{code}'; END $$")
        raise AssertionError

    fetched = ingest(source, make_mail())
    with monkeypatch.context() as patched:
        patched.setattr(intake, "deliver", refuses)
        assert deliver(fetched.pk) is None
    fetched.refresh_from_db()
    assert (fetched.state, fetched.attempts) == (State.WAITING, counts)
    assert fetched.lease_until is not None
    pass_time()
    assert deliver(fetched.pk) is not None


def test_a_mail_in_quarantine_can_be_tried_again(source: EmailSource) -> None:
    fetched = ingest(source, make_mail())
    FetchedMail.objects.update(state=State.FAILED, attempts=3, reason="something that is mended now")
    fetched.refresh_from_db()
    retry(fetched)
    assert deliver(fetched.pk) is not None
    fetched.refresh_from_db()
    assert (fetched.state, fetched.reason) == (State.DELIVERED, "")
    with pytest.raises(NotRetryable):
        retry(fetched)


def test_a_mail_that_kills_its_worker_is_parked(source: EmailSource, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = ingest(source, make_mail())

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(intake, "deliver", die)
    for _ in range(3):
        with pytest.raises(Killed):
            deliver(fetched.pk)
        pass_time()
    assert deliver(fetched.pk) is None
    fetched.refresh_from_db()
    assert fetched.state == State.FAILED
    assert "ended 3 times" in fetched.reason


def test_a_late_delivery_after_another_took_over_does_nothing(
    source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = ingest(source, make_mail())
    real = apart.parsers.parse_each

    def overtaken(raws: list[bytes], limits: Limits) -> Any:
        monkeypatch.setattr(apart.parsers, "parse_each", real)
        pass_time()
        assert deliver(fetched.pk) is not None
        return real(raws, limits)

    monkeypatch.setattr(apart.parsers, "parse_each", overtaken)
    assert deliver(fetched.pk) is None
    assert Message.objects.count() == 1


def test_a_first_import_keeps_its_order(source: EmailSource, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[int]] = []
    monkeypatch.setattr(tasks, "announce", lambda task, **kwargs: told.append(kwargs["ids"]))
    old = [ingest(source, make_mail()).pk for _ in range(2)]
    tasks.hand_on(old)
    assert Message.objects.count() == 2, "delivered by who fetched them, in order"
    assert told == []
    SourceState.objects.update(imported_at=timezone.now())
    new = [ingest(source, make_mail()).pk]
    tasks.hand_on(new)
    assert told == [new]


def test_the_sweeper_finds_what_nobody_was_told(source: EmailSource, monkeypatch: pytest.MonkeyPatch) -> None:
    *old, fresh = (ingest(source, make_mail()) for _ in range(5))
    long_ago = timezone.now() - 2 * tasks.FORGOTTEN
    FetchedMail.objects.exclude(pk=fresh.pk).update(fetched_at=long_ago)
    tried = [row.pk for row in old[:2]]
    FetchedMail.objects.filter(pk__in=tried).update(attempts=1, lease_until=long_ago)
    paused = old[2]
    FetchedMail.objects.filter(pk=paused.pk).update(
        attempts=1, lease_until=timezone.now() + timedelta(minutes=1)
    )
    told: list[list[int]] = []
    monkeypatch.setattr(tasks, "announce", lambda task, **kwargs: told.append(kwargs["ids"]))
    tasks.sweep()
    assert told == [[old[3].pk], *([pk] for pk in tried)]
    assert fresh.state == State.WAITING


@pytest.mark.django_db(transaction=True)
def test_four_workers_keep_the_order_of_one_source(source: EmailSource) -> None:
    SourceState.objects.update(imported_at=timezone.now())
    other = make_source()
    ids = [f"<{number}@customer.example>" for number in range(10)]
    rows = [ingest(source, make_mail("0", Message_ID=ids[0])).pk]
    for number in range(1, 10):
        raw = make_mail(f"{number}", Message_ID=ids[number], In_Reply_To=ids[number - 1])
        rows.append(ingest(source, raw).pk)
    elsewhere = ingest(other, make_mail()).pk
    portions = deque([[pk] for pk in reversed(rows)] + [[elsewhere]])

    def work() -> None:
        while portions:
            with suppress(IndexError):
                tasks.deliver_waiting(portions.popleft())

    in_threads(4, work)
    assert Conversation.objects.filter(queue=source.queue).count() == 1
    read = Message.objects.filter(conversation__queue=source.queue).order_by("pk")
    assert [message.text.strip() for message in read] == [*map(str, range(10))]
    assert Message.objects.filter(conversation__queue=other.queue).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_source_in_other_hands_is_left_to_them(source: EmailSource) -> None:
    other = make_source()
    row, elsewhere = (ingest(each, make_mail()).pk for each in (source, other))

    def hold() -> list[int]:
        with turn(source.pk) as is_ours:
            assert is_ours
            in_threads(1, lambda: tasks.deliver_waiting([row, elsewhere]))
            return list(FetchedMail.objects.filter(state=State.WAITING).values_list("pk", flat=True))

    assert in_threads(1, hold) == [[row]]
    tasks.deliver_waiting([row])
    assert Message.objects.count() == 2


def test_a_long_backlog_goes_on_in_another_task(source: EmailSource, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ingest(source, make_mail()).pk for _ in range(5)]
    told: list[list[int]] = []
    monkeypatch.setattr(tasks, "announce", lambda task, **kwargs: told.append(kwargs["ids"]))
    monkeypatch.setattr(tasks, "MAILS_PER_TASK", 2)
    tasks.deliver_waiting(rows[4:])
    assert Message.objects.count() == 5, "all that waits, from the first on"
    more = [ingest(source, make_mail()).pk for _ in range(3)]
    monkeypatch.setattr(delivering, "PATIENCE_SECONDS", -1.0)
    tasks.deliver_waiting(more)
    assert told == [more[:2]]


def test_a_worker_whose_clock_is_wrong_steals_nothing(source: EmailSource) -> None:
    row = ingest(source, make_mail()).pk
    (mine,) = claims.claim([row])
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        assert claims.claim([row]) == []
        assert claims.fresh(source.pk, 10) == []
        assert delivering.waiting(timedelta(0), 10) == ([], [])
        claims.failed(mine, "It hung.")
        assert claims.claim([row]) == []
    FetchedMail.objects.update(lease_until=timezone.now())
    (again,) = claims.claim([row])
    assert (again.attempts, again.fence) == (2, mine.fence + 1)


def test_a_restart_of_the_database_costs_no_mail_an_attempt(tmp_path: Path) -> None:
    without = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    command = [sys.executable, "-m", "tests.mailsources.restarted", str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=without)
    before, after, left = json.loads(done.stdout.splitlines()[-1])
    assert before == {"rows": {"delivered 1 None": 6, "waiting 0 None": 39}, "messages": 6}
    assert after == {"rows": {"delivered 1 None": 45}, "messages": 45}
    assert left == []


BROKEN = {
    "nothing": b"",
    "no headers": b"just some text\r\n",
    "no From": b"Subject: x\r\n\r\nbody\r\n",
    "no Message-ID, no Date": b"From: charlie@customer.example\r\n\r\nbody\r\n",
    "no body": b"From: charlie@customer.example\r\nSubject: x\r\n",
    "NUL": b"From: charlie@customer.example\r\nSubject: a\0b\r\n\r\nbo\0dy\r\n",
    "lone surrogate": b"Subject: =?utf-8?b?7aCA?=\r\n\r\n\xed\xa0\x80\r\n",
    "100 nested parts": b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth)
        for depth in range(100)
    )
    + b"Content-Type: text/plain\r\n\r\ndeep\r\n",
}


@pytest.mark.parametrize("fault", list(BROKEN))
def test_broken_mails_are_delivered_as_well_as_they_can_be(source: EmailSource, fault: str) -> None:
    fetched = ingest(source, BROKEN[fault])
    deliver(fetched.pk)
    fetched.refresh_from_db()
    assert (fetched.state, fetched.reason) == (State.DELIVERED, "")
