"""Two conversations become one, and everything that named the one finds the other."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent
from crm.models import Communication
from mailsenders.models import OutgoingMail
from queues import actions, inbox
from queues.actions import ActionRefused, NewFile, Reply
from queues.inbox import Listing, View
from queues.models import Conversation, EmailQueue, Message
from tests.make import make_agent, make_conversation, make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db

State = Conversation.State


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=9)


@pytest.fixture
def queue(alice: Agent) -> EmailQueue:
    return make_queue([alice], name="Orders")


def answer(agent: Agent, row: Conversation, text: str = "On its way.", **more: Any) -> Message:
    return actions.reply(agent.user, row, Reply(text=text, **more))


def respond(sent: Message, text: str = "Thank you.", **headers: str) -> bytes:
    return make_mail(text, In_Reply_To=f"<{sent.message_id}>", Subject=f"Re: {sent.subject}", **headers)


def sentences(row: Conversation, kind: str) -> list[str]:
    return list(row.events.filter(kind=kind).values_list("sentence", flat=True))


class TestWhatMoves:
    """Everything."""

    def test_mails_notes_drafts_history_and_records(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        actions.note(alice.user, gone, "She called.")
        actions.save_draft(alice.user, gone, "Dear")
        actions.merge(alice.user, gone, stays)
        gone.refresh_from_db()
        stays.refresh_from_db()
        assert (gone.state, gone.merged_into, gone.messages_count) == (State.CLOSED, stays, 0)
        assert (stays.messages_count, stays.messages.count(), stays.notes.count()) == (2, 2, 1)
        assert stays.drafts.get().text == "Dear"
        assert [each.kind for each in gone.events.all()] == ["merged"]
        assert sentences(gone, "merged") == [
            f"Alice merged it into #{stays.number} “{stays.subject}” in Orders: 1 mail, 1 note."
        ]
        assert sentences(stays, "merged") == [
            f"Alice merged #{gone.number} “{gone.subject}” into it: 1 mail, 1 note."
        ]
        assert stays.events.filter(kind="opened").count() == 2
        where = set(Communication.objects.values_list("conversation_id", "conversation_number"))
        assert where == {(stays.pk, stays.number)}

    def test_the_list_shows_the_newest_and_the_files(self, alice: Agent, queue: EmailQueue) -> None:
        early = timezone.now() - timedelta(hours=5)
        stays = make_conversation(queue, at=early)
        file = (
            "--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\nContent-Type: text/plain\r\n"
            'Content-Disposition: attachment; filename="a.txt"\r\n\r\nabc\r\n--b--'
        )
        gone = receive(queue, make_mail(file, Content_Type='multipart/mixed; boundary="b"')).conversation
        merged = actions.merge(alice.user, gone, stays)
        assert (merged.preview, merged.has_attachments) == ("See the file.", True)
        assert merged.last_message_at == gone.last_message_at

    def test_a_second_draft_goes_above_the_first_with_its_files(
        self, alice: Agent, queue: EmailQueue
    ) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        actions.save_draft(alice.user, stays, "There.")
        actions.save_draft(alice.user, gone, "Here.")
        actions.add_draft_file(alice.user, gone, NewFile(name="a.txt", type="text/plain", data=b"abc"))
        actions.merge(alice.user, gone, stays)
        draft = stays.drafts.get()
        assert (draft.text, [file.name for file in draft.files.all()]) == ("Here.\n\nThere.", ["a.txt"])

    def test_nothing_of_two_drafts_is_lost_if_one_has_formatting(
        self, alice: Agent, queue: EmailQueue
    ) -> None:
        one, two = make_conversation(queue), make_conversation(queue)
        actions.save_draft(alice.user, one, "first < words")
        actions.save_draft(alice.user, two, "second", html="<p><b>second</b></p>")
        draft = actions.merge(alice.user, one, two).drafts.get()
        assert draft.text == "first < words\n\nsecond"
        assert "first &lt; words" in draft.html
        assert draft.html.endswith("<p><b>second</b></p>")

    def test_the_same_key_in_both_is_no_obstacle(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        first = answer(alice, stays, token="key-1")
        answer(alice, gone, token="key-1")
        actions.merge(alice.user, gone, stays)
        assert answer(alice, stays, token="key-1") == first
        assert OutgoingMail.objects.count() == 2


class TestWhoseTurn:
    """Who waited for an answer in either waits in what is left, as long as before."""

    def test_the_earlier_due_time_counts(self, alice: Agent, queue: EmailQueue) -> None:
        gone = make_conversation(queue, at=timezone.now() - timedelta(hours=3))
        stays = make_conversation(queue)
        merged = actions.merge(alice.user, gone, stays)
        assert (merged.due_at, merged.waiting_since) == (gone.due_at, gone.waiting_since)
        later = make_conversation(queue)
        assert actions.merge(alice.user, later, merged).due_at == gone.due_at

    @pytest.mark.parametrize("close", [True, False])
    def test_what_was_answered_comes_back_to_work(self, alice: Agent, queue: EmailQueue, close: bool) -> None:
        stays = make_conversation(queue)
        answer(alice, stays, close=close)
        gone = make_conversation(queue)
        merged = actions.merge(alice.user, gone, stays)
        assert (merged.state, merged.agent, merged.due_at) == (State.ASSIGNED, alice, gone.due_at)

    def test_two_that_wait_for_nobody_stay_so(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        answer(alice, stays, close=True)
        answer(alice, gone)
        merged = actions.merge(alice.user, gone, stays)
        assert (merged.state, merged.due_at) == (State.CLOSED, None)

    def test_who_has_the_one_in_hand_keeps_both(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        actions.take(alice.user, gone)
        merged = actions.merge(alice.user, gone, stays)
        assert (merged.state, merged.agent) == (State.ASSIGNED, alice)
        assert alice.conversations.filter(state=State.ASSIGNED).count() == 1

    def test_an_agent_of_another_queue_does_not(self, alice: Agent, queue: EmailQueue) -> None:
        bob = make_supervisor("bob")
        other = make_queue([bob])
        queue.members.add(bob)
        gone, stays = make_conversation(queue), make_conversation(other)
        actions.take(alice.user, gone)
        merged = actions.merge(bob.user, gone, stays)
        assert (merged.state, merged.agent, merged.queue) == (State.WAITING, None, other)


class TestRights:
    """Who works in both queues, and lays no hand on a colleague's."""

    def test_a_queue_of_others(self, alice: Agent, queue: EmailQueue) -> None:
        row, foreign = make_conversation(queue), make_conversation(make_queue(name="Billing"))
        for one, other in ((row, foreign), (foreign, row)):
            with pytest.raises(ActionRefused, match="You don't work in the email queue “Billing”"):
                actions.merge(alice.user, one, other)

    def test_a_colleagues(self, alice: Agent, queue: EmailQueue) -> None:
        dora, bob = make_agent("dora", queues=[queue]), make_supervisor("bob", queues=[queue])
        gone, stays = make_conversation(queue), make_conversation(queue)
        actions.take(dora.user, gone)
        with pytest.raises(ActionRefused, match="is with Dora"):
            actions.merge(alice.user, gone, stays)
        assert actions.merge(bob.user, gone, stays) == stays

    def test_itself(self, alice: Agent, queue: EmailQueue) -> None:
        row = make_conversation(queue)
        with pytest.raises(ActionRefused, match="can't be merged into itself"):
            actions.merge(alice.user, row, row)


class TestAfterwards:
    """Everything that names the one leads to the other."""

    def test_twice_is_once_and_back_is_refused(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays, third = (make_conversation(queue) for _ in range(3))
        actions.merge(alice.user, gone, stays)
        before = stays.events.count()
        assert actions.merge(alice.user, gone, stays) == stays
        assert stays.events.count() == before
        for one, other in ((stays, gone), (gone, third), (third, gone)):
            with pytest.raises(ActionRefused, match=f"#{gone.number} was merged into #{stays.number}"):
                actions.merge(alice.user, one, other)

    def test_the_page_the_number_and_the_lists(self, alice: Agent, queue: EmailQueue) -> None:
        first, second, third = (make_conversation(queue) for _ in range(3))
        actions.merge(alice.user, first, second)
        actions.merge(alice.user, second, third)
        assert inbox.followed(alice.user, first.pk) == third
        for view in (View.ALL, View.CLOSED, View.QUEUE):
            rows = inbox.page(alice.user, Listing(view=view, text=f"#{first.number}")).rows
            assert rows == ([third] if view != View.CLOSED else [])
        assert inbox.page(alice.user, Listing(view=View.ALL)).rows == [third]

    def test_who_may_not_see_the_other_sees_only_where_it_went(self, alice: Agent, queue: EmailQueue) -> None:
        bob = make_supervisor("bob")
        queue.members.add(bob)
        gone, stays = make_conversation(queue), make_conversation(make_queue([bob]))
        actions.merge(bob.user, gone, stays)
        assert inbox.followed(alice.user, gone.pk) == gone
        with pytest.raises(Http404):
            inbox.followed(alice.user, stays.pk)
        entries = inbox.timeline(alice.user, gone)
        assert [entry.kind for entry in entries] == ["event"]

    @pytest.mark.parametrize(
        "act",
        [
            actions.take,
            actions.close,
            actions.reopen,
            lambda user, row: actions.note(user, row, "x"),
            lambda user, row: actions.reply(user, row, Reply(text="x")),
            lambda user, row: actions.save_draft(user, row, "x", token=uuid4()),
        ],
    )
    def test_nothing_can_be_done_with_it_any_more(self, alice: Agent, queue: EmailQueue, act: Any) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        actions.merge(alice.user, gone, stays)
        with pytest.raises(ActionRefused, match=f"#{gone.number} was merged into #{stays.number}: go on th"):
            act(alice.user, gone)

    def test_answers_to_either_join(self, alice: Agent, queue: EmailQueue) -> None:
        first, second, third = (make_conversation(queue) for _ in range(3))
        sent, mail = answer(alice, first), first.messages.get(direction="in")
        actions.merge(alice.user, first, second)
        actions.merge(alice.user, second, third)
        assert receive(queue, respond(sent)).conversation == third
        assert receive(queue, make_mail(References=f"<{mail.message_id}>")).conversation == third
        anchor = sent.references[0]
        assert anchor == mail.message_id
        third.refresh_from_db()
        assert third.messages_count == 6

    def test_an_answer_to_what_nothing_is_left_of_joins_by_its_conversation(
        self, alice: Agent, queue: EmailQueue
    ) -> None:
        sent = actions.start(alice.user, queue, "Hello", Reply(text="Hi", to=("charlie@customer.example",)))
        stays = make_conversation(queue)
        actions.merge(alice.user, sent.conversation, stays)
        (anchor,) = sent.references
        assert receive(queue, make_mail(References=f"<{anchor}>")).conversation == stays

    def test_the_other_contact_takes_part_from_now_on(self, alice: Agent, queue: EmailQueue) -> None:
        gone = receive(queue, make_mail(From="dana@customer.example")).conversation
        stays = make_conversation(queue)
        sent = answer(alice, stays)
        actions.merge(alice.user, gone, stays)
        assert receive(queue, respond(sent, From="dana@customer.example")).conversation == stays

    def test_a_bounce_is_tied_to_where_the_mail_is(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        sent = answer(alice, gone)
        actions.merge(alice.user, gone, stays)
        away = make_mail("Away.", References=f"<{sent.message_id}>", Auto_Submitted="auto-replied")
        assert receive(queue, away).conversation == stays


class TestMailsUnderWay:
    """Held and queued mails go on as they were."""

    def test_the_order_of_both_is_one(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        answer(alice, gone)
        actions.merge(alice.user, gone, stays)
        answer(alice, stays, "More.")
        assert set(OutgoingMail.objects.values_list("order_key", flat=True)) == {stays.pk}

    def test_a_held_one_can_be_taken_back(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        answer(alice, stays)
        sent = answer(alice, gone, "Wrong.", undo_seconds=60)
        actions.merge(alice.user, gone, stays)
        assert actions.undo(alice.user, sent)  # as the open page still knows it
        stays.refresh_from_db()
        assert stays.drafts.get().text == "Wrong."
        assert (stays.state, stays.agent, stays.messages_count) == (State.ASSIGNED, alice, 3)
        assert stays.due_at is not None

    def test_a_failed_one_can_be_sent_again(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        sent = answer(alice, gone)
        OutgoingMail.objects.update(state=OutgoingMail.State.FAILED)
        actions.merge(alice.user, gone, stays)
        actions.resend(alice.user, sent)
        assert sentences(stays, "resent") == ["Alice had the mail sent again."]


def test_why_it_is_with_somebody_is_not_told_by_the_other_ones_history(
    alice: Agent, queue: EmailQueue
) -> None:
    gone, stays = make_conversation(queue), make_conversation(queue)
    actions.take(alice.user, stays)
    queue.mode = EmailQueue.Mode.PUSH
    queue.save()
    dora = make_agent("dora", queues=[queue])
    actions.set_presence(dora.user, "available")
    gone.refresh_from_db()
    bob = make_supervisor("bob", queues=[queue])
    actions.merge(bob.user, gone, stays)
    actions.set_presence(alice.user, "offline")  # what was taken by hand stays
    stays.refresh_from_db()
    assert (stays.state, stays.agent) == (State.ASSIGNED, alice)


def test_what_was_merged_is_closed_whoever_writes_the_row(queue: EmailQueue) -> None:
    row = make_conversation(queue)
    for values in ({"merged_into": make_conversation(queue)}, {"merged_into": row, "state": "closed"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Conversation.objects.filter(pk=row.pk).update(**values)


def test_a_long_conversation_costs_no_more_queries(alice: Agent, queue: EmailQueue) -> None:
    counted = []
    for number in (1, 8):
        gone, stays = make_conversation(queue), make_conversation(queue)
        last = gone.messages.get()
        for _ in range(number):
            last = receive(queue, make_mail(References=f"<{last.message_id}>"))
        with CaptureQueriesContext(connection) as captured:
            actions.merge(alice.user, gone, stays)
        counted.append(len(captured))
    assert counted[0] == counted[1]
