"""The event feed: each fact is there once, numbered after its commit, without a hole."""

from dataclasses import replace
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from crm import contacts
from mailsenders import claims, outbox
from mailsenders.envelope import Outcome
from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailstore.feed import Type, tell
from mailstore.models import FeedEvent
from queues import actions, contact_merging, merging, replies
from queues.letters import Reply
from tests.make import make_agent, make_contact, make_mail, make_outgoing, make_queue, receive
from webhooks import sequence

RecipientState = OutgoingRecipient.State


def numbered() -> list[FeedEvent]:
    sequence.number_new()
    return list(FeedEvent.objects.filter(number__gt=0).order_by("number"))


def types() -> list[str]:
    return [each.type for each in numbered()]


@pytest.mark.django_db
def test_a_mail_its_answer_and_its_end_are_told_in_order() -> None:
    alice = make_agent("alice")
    other = make_queue(name="Other")
    queue = make_queue([alice])
    message = receive(queue)
    row = message.conversation
    actions.take(alice.user, row)
    sent = replies.reply(alice.user, row, Reply(text="It is on its way.", undo_seconds=0))
    claimed = outbox.claim(sent.outgoing.sender_id, timezone.now())  # type: ignore[union-attr]
    assert claimed
    outbox.start_data(claimed)
    taken = dict.fromkeys(claimed.recipients, (RecipientState.ACCEPTED, "250 ok"))
    assert outbox.finish(claimed, Outcome(answer="250 ok", sentence="", recipients=taken))
    receive(queue, make_mail("Thanks", In_Reply_To=f"<{sent.message_id}>"))
    sequence.number_new()
    actions.transfer(alice.user, row, other)
    found = numbered()
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    told = [each.type for each in found]
    assert told == [
        *(
            Type.CONTACT_CREATED,
            Type.CREATED,
            Type.MAIL_RECEIVED,
            Type.ASSIGNED,
            Type.PENDING,
            Type.MAIL_SENT,
        ),
        *(Type.MAIL_RECEIVED, Type.WOKE, Type.MOVED),
    ]
    by_type = {each.type: each for each in found}
    mail = by_type[Type.MAIL_SENT]
    assert (mail.message_id, mail.queue_id, mail.conversation_id) == (sent.pk, queue.pk, row.pk)
    moved = by_type[Type.MOVED]
    assert (moved.queue_id, moved.data["from_queue"]) == (other.pk, queue.pk)
    assert by_type[Type.ASSIGNED].data == {"state": "assigned", "how": "taken", "agent": alice.pk}


@pytest.mark.django_db
def test_doubt_its_end_and_failure_are_told() -> None:
    mail = make_outgoing()
    claimed = outbox.claim(mail.sender_id, timezone.now())
    assert claimed
    outbox.start_data(claimed)
    outbox.finish_uncertain(claimed, Outcome(answer="", sentence="No answer.", recipients={}))
    assert outbox.mark_sent(OutgoingMail.objects.get(pk=mail.pk))
    refused = make_outgoing()
    claimed = outbox.claim(refused.sender_id, timezone.now())
    assert claimed
    no = dict.fromkeys(claimed.recipients, (RecipientState.REFUSED, "550 no"))
    outbox.finish(claimed, Outcome(answer="550 no", sentence="It was refused.", recipients=no))
    found = [(each.type, each.outgoing_id, each.data) for each in numbered()]
    assert found == [
        (Type.MAIL_UNCERTAIN, mail.pk, {}),
        (Type.MAIL_SENT, mail.pk, {"was": "uncertain"}),
        (Type.MAIL_FAILED, refused.pk, {}),
    ]


@pytest.mark.django_db
def test_alarms_and_tests_of_our_own_are_no_events() -> None:
    no = Outcome(answer="550 no", sentence="No.", recipients={})
    for number, end in enumerate((claims.finish_sent, outbox.finish, outbox.finish_uncertain)):
        mail = make_outgoing(order_key=-7 - number)
        claimed = outbox.claim(mail.sender_id, timezone.now())
        assert claimed
        outbox.start_data(claimed)
        refused = dict.fromkeys(claimed.recipients, (RecipientState.REFUSED, "550 no"))
        outcome = replace(no, recipients=refused)
        end([(claimed, outcome)]) if end is claims.finish_sent else end(claimed, outcome)  # type: ignore[operator]
    ends = list(OutgoingMail.objects.order_by("pk").values_list("state", flat=True))
    assert ends == ["sent", "failed", "uncertain"]
    assert numbered() == []


@pytest.mark.django_db
def test_merged_conversations_and_contacts_are_told_of_what_ends() -> None:
    alice = make_agent("alice")
    bob = make_agent("bob", role="supervisor")
    queue = make_queue([alice, bob])
    one, two = receive(queue).conversation, receive(queue).conversation
    merging.merge(alice.user, one, two)
    hand_made = contacts.make(alice.user, "Dora", "dora@customer.example")
    charlie = make_contact()
    contact_merging.merge(bob.user, hand_made, charlie)
    found = [(each.type, each.conversation_id, each.contact_id, each.data) for each in numbered()]
    assert [each for each in found if each[0] == Type.MERGED] == [
        (Type.MERGED, one.pk, charlie.pk, {"state": "closed", "how": "merged", "into_conversation": two.pk})
    ]
    assert (Type.CONTACT_CREATED, None, hand_made.pk, {}) in found
    assert found[-1] == (Type.CONTACT_MERGED, None, hand_made.pk, {"into_contact": charlie.pk})


@pytest.mark.django_db(transaction=True)
def test_what_commits_late_is_numbered_late_and_never_skipped() -> None:
    """The row of the slow transaction has the lower id; its number must be the higher one."""
    written, go_on = Event(), Event()

    def slow() -> None:
        with transaction.atomic():
            tell(Type.CLOSED, conversation_id=1)
            written.set()
            go_on.wait(10)
        connection.close()

    thread = Thread(target=slow)
    thread.start()
    assert written.wait(10)
    tell(Type.CLOSED, conversation_id=2)
    assert sequence.number_new() == 1
    go_on.set()
    thread.join()
    assert sequence.number_new() == 1
    found = FeedEvent.objects.order_by("id").values_list("conversation_id", "number")
    assert list(found) == [(1, 2), (2, 1)]


@pytest.mark.django_db(transaction=True)
def test_many_writers_and_readers_who_number_leave_no_hole() -> None:
    """Whoever reads up to a number, while others write and number, has read all below it for ever."""
    skipped: list[str] = []

    def write(of: int) -> None:
        for each in range(25):
            with transaction.atomic():
                tell(Type.CLOSED, conversation_id=of * 1000 + each)
                tell(Type.REOPENED, conversation_id=of * 1000 + each)
        connection.close()

    def read() -> None:
        seen: list[int] = []
        while len(seen) < 200 and not skipped:
            sequence.number_new()
            rows = FeedEvent.objects.filter(number__gt=seen[-1] if seen else 0).order_by("number")
            seen += [each or 0 for each in rows.values_list("number", flat=True)]
            if seen != list(range(1, len(seen) + 1)):
                skipped.append(f"{seen}")
        connection.close()

    threads = [Thread(target=write, args=(of,)) for of in range(4)] + [Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not skipped
    assert FeedEvent.objects.filter(number=None).count() == 0
