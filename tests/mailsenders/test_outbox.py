"""The life of an outgoing mail, without a network."""

from datetime import timedelta

import pytest
from django.utils import timezone

from mailsenders import outbox, parking, returned
from mailsenders.due import ready_sender, senders_with_due_mail
from mailsenders.models import EmailSender, OutgoingMail, OutgoingRecipient
from mailsenders.outbox import Claim, Outcome
from tests.make import make_outgoing, make_raw, make_sender

State = OutgoingMail.State
Recipient = OutgoingRecipient.State

pytestmark = pytest.mark.django_db


def claim(sender: EmailSender) -> Claim:
    found = outbox.claim(sender.pk, timezone.now())
    assert found is not None
    return found


def accepted(found: Claim) -> Outcome:
    return Outcome(dict.fromkeys(found.recipients, (Recipient.ACCEPTED, "250 ok")), "250 ok")


def refused(found: Claim, state: OutgoingRecipient.State = Recipient.RETRY) -> Outcome:
    return Outcome(dict.fromkeys(found.recipients, (state, "no")), "no", "It was refused.")


def state(mail: OutgoingMail) -> str:
    mail.refresh_from_db()
    return mail.state


def test_the_bytes_are_frozen_as_they_will_be_sent() -> None:
    mail = make_outgoing(raw=b"Subject: x\n\none\rtwo\r\nthree")
    assert mail.raw.as_bytes() == b"Subject: x\r\n\r\none\r\ntwo\r\nthree\r\n"


def test_the_same_address_twice_is_one_recipient() -> None:
    mail = make_outgoing(recipients=("a@example.com", "a@EXAMPLE.com", "b@example.com"))
    assert [row.email for row in mail.recipients.order_by("id")] == ["a@example.com", "b@example.com"]


def test_a_domain_with_accents_is_written_as_servers_read_it() -> None:
    mail = make_outgoing(recipients=("info@háčky.example",))
    assert mail.recipients.get().email == "info@xn--hky-ela4t.example"


@pytest.mark.parametrize("recipients", [(), ("charlie",), ("a@example.com\r\nRCPT TO:<b@example.com>",)])
def test_addresses_no_server_takes_are_refused(recipients: tuple[str, ...]) -> None:
    with pytest.raises(outbox.EnvelopeError):
        make_outgoing(recipients=recipients)
    assert not OutgoingMail.objects.exists()


def test_a_held_mail_can_be_taken_back_until_its_time() -> None:
    mail = make_outgoing(hold=10)
    assert outbox.claim(mail.sender_id, timezone.now()) is None
    assert outbox.undo(mail)
    assert state(mail) == State.CANCELLED
    assert outbox.claim(mail.sender_id, timezone.now() + timedelta(seconds=11)) is None


def test_after_its_time_a_held_mail_is_sent_and_undo_is_refused() -> None:
    mail = make_outgoing(hold=10)
    OutgoingMail.objects.update(not_before=timezone.now())
    assert not outbox.undo(mail)
    assert claim(mail.sender).mail_id == mail.pk
    assert not outbox.undo(mail)


def test_a_claimed_mail_is_nobody_elses() -> None:
    mail = make_outgoing()
    first = claim(mail.sender)
    assert (first.fence, first.recipients) == (1, ("charlie@customer.example",))
    assert outbox.claim(mail.sender_id, timezone.now()) is None
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.SENDING, 1)


def test_taken_for_all_is_sent() -> None:
    mail = make_outgoing()
    found = claim(mail.sender)
    assert outbox.start_data(found)
    assert outbox.finish(found, accepted(found))
    assert state(mail) == State.SENT
    assert mail.sent_at is not None
    assert mail.recipients.get().state == Recipient.ACCEPTED


def test_refused_for_now_is_tried_again_later() -> None:
    mail = make_outgoing()
    found = claim(mail.sender)
    outbox.finish(found, refused(found))
    assert state(mail) == State.RETRY
    wait = (mail.not_before - timezone.now()).total_seconds()
    assert 55 < wait < 70
    assert outbox.claim(mail.sender_id, timezone.now()) is None
    assert outbox.claim(mail.sender_id, timezone.now() + timedelta(seconds=70)) is not None


def test_refused_for_now_for_two_days_is_refused() -> None:
    mail = make_outgoing()
    OutgoingMail.objects.update(attempts=60)
    found = claim(mail.sender)
    outbox.finish(found, refused(found))
    assert state(mail) == State.FAILED
    assert mail.recipients.get().state == Recipient.REFUSED


def test_refused_for_good_is_failed() -> None:
    mail = make_outgoing()
    found = claim(mail.sender)
    outbox.finish(found, refused(found, Recipient.REFUSED))
    assert state(mail) == State.FAILED
    assert mail.last_error == "It was refused."


def test_only_who_was_refused_for_now_is_tried_again() -> None:
    mail = make_outgoing(recipients=("a@example.com", "b@example.com", "c@example.com"))
    found = claim(mail.sender)
    outbox.finish(
        found,
        Outcome(
            {
                "a@example.com": (Recipient.ACCEPTED, "250 ok"),
                "b@example.com": (Recipient.REFUSED, "550 unknown"),
                "c@example.com": (Recipient.RETRY, "451 later"),
            }
        ),
    )
    assert state(mail) == State.RETRY
    OutgoingMail.objects.update(not_before=timezone.now())
    again = claim(mail.sender)
    assert again.recipients == ("c@example.com",)
    outbox.finish(again, accepted(again))
    assert state(mail) == State.SENT
    states = dict(mail.recipients.values_list("email", "state"))
    assert states == {
        "a@example.com": Recipient.ACCEPTED,
        "b@example.com": Recipient.REFUSED,
        "c@example.com": Recipient.ACCEPTED,
    }


def test_a_conversation_keeps_its_order() -> None:
    sender = make_sender()
    first, second = (make_outgoing(sender, order_key=7) for _ in range(2))
    other = make_outgoing(sender, order_key=8)
    found = claim(sender)
    assert found.mail_id == first.pk
    assert claim(sender).mail_id == other.pk
    assert outbox.claim(sender.pk, timezone.now()) is None
    outbox.finish_uncertain(found, Outcome({}))
    assert outbox.claim(sender.pk, timezone.now()) is None
    assert outbox.mark_sent(first)
    assert claim(sender).mail_id == second.pk


def test_an_automatic_mail_in_doubt_keeps_no_reply_waiting() -> None:
    sender = make_sender()
    make_outgoing(sender, order_key=7, is_automatic=True)
    found = claim(sender)
    reply = make_outgoing(sender, order_key=7)
    assert outbox.claim(sender.pk, timezone.now()) is None
    outbox.finish_uncertain(found, Outcome({}))
    assert claim(sender).mail_id == reply.pk


def test_an_automatic_mail_refused_for_now_keeps_no_reply_waiting() -> None:
    sender = make_sender()
    make_outgoing(sender, order_key=7, is_automatic=True)
    found = claim(sender)
    outbox.finish(found, refused(found))
    reply = make_outgoing(sender, order_key=7)
    assert claim(sender).mail_id == reply.pk


def test_an_automatic_mail_without_budget_keeps_no_reply_waiting() -> None:
    sender = make_sender(limit_per_day=5)
    for _ in range(4):
        make_outgoing(sender)
        claim(sender)
    make_outgoing(sender, order_key=7, is_automatic=True)
    assert outbox.claim(sender.pk, timezone.now()) is None
    reply = make_outgoing(sender, order_key=7)
    assert claim(sender).mail_id == reply.pk


def test_replies_of_people_leave_before_automatic_mail() -> None:
    sender = make_sender()
    automatic = make_outgoing(sender, is_automatic=True)
    human = make_outgoing(sender)
    assert [claim(sender).mail_id, claim(sender).mail_id] == [human.pk, automatic.pk]


def test_a_lost_claim_writes_nothing() -> None:
    mail = make_outgoing()
    old = claim(mail.sender)
    OutgoingMail.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert outbox.sweep(timezone.now()) == 1
    assert not outbox.start_data(old)
    new = claim(mail.sender)
    assert not outbox.start_data(old)
    assert not outbox.finish(old, accepted(old))
    assert not outbox.put_back(old)
    assert outbox.start_data(new)
    assert state(mail) == State.SENDING


def test_a_worker_lost_before_the_text_left_is_replaced_at_once() -> None:
    mail = make_outgoing()
    claim(mail.sender)
    assert outbox.sweep(timezone.now()) == 0
    OutgoingMail.objects.update(lease_until=timezone.now())
    assert outbox.sweep(timezone.now()) == 1
    assert state(mail) == State.RETRY
    assert mail.attempts == 1
    claim(mail.sender)


def test_a_mail_that_kills_its_worker_is_slowed_down() -> None:
    mail = make_outgoing()
    OutgoingMail.objects.update(attempts=2)
    claim(mail.sender)
    outbox.sweep(timezone.now() + timedelta(hours=1))
    assert state(mail) == State.RETRY
    assert mail.not_before > timezone.now() + timedelta(minutes=10)


def test_a_worker_lost_after_the_text_began_to_leave_is_doubt() -> None:
    mail = make_outgoing()
    found = claim(mail.sender)
    outbox.start_data(found)
    assert outbox.sweep(timezone.now() + timedelta(minutes=12)) == 0
    assert outbox.sweep(timezone.now() + timedelta(minutes=14)) == 1
    assert state(mail) == State.UNCERTAIN
    assert "Resend" in mail.last_error


def test_a_late_answer_ends_the_doubt() -> None:
    mail = make_outgoing()
    found = claim(mail.sender)
    outbox.start_data(found)
    outbox.sweep(timezone.now() + timedelta(minutes=14))
    assert outbox.finish(found, accepted(found))
    assert state(mail) == State.SENT


def test_a_late_answer_does_not_undo_what_a_person_decided() -> None:
    mail = make_outgoing()
    found = claim(mail.sender)
    outbox.start_data(found)
    outbox.sweep(timezone.now() + timedelta(minutes=14))
    assert outbox.resend(mail)
    assert not outbox.finish(found, refused(found, Recipient.REFUSED))
    assert state(mail) == State.QUEUED
    assert claim(mail.sender).recipients == ("charlie@customer.example",)


def test_resending_sends_the_same_bytes_under_the_same_id() -> None:
    mail = make_outgoing()
    found = claim(mail.sender)
    outbox.finish(found, refused(found, Recipient.REFUSED))
    assert outbox.resend(mail)
    again = claim(mail.sender)
    assert again.raw.as_bytes() == found.raw.as_bytes()
    assert not outbox.resend(mail)


def test_a_sent_mail_is_not_sent_again_but_its_refused_recipients_can_be() -> None:
    mail = make_outgoing(recipients=("a@example.com", "b@example.com"))
    found = claim(mail.sender)
    outbox.finish(
        found,
        Outcome({"a@example.com": (Recipient.ACCEPTED, ""), "b@example.com": (Recipient.REFUSED, "full")}),
    )
    assert state(mail) == State.SENT
    assert outbox.resend(mail)
    again = claim(mail.sender)
    assert again.recipients == ("b@example.com",)
    outbox.finish(again, accepted(again))
    assert state(mail) == State.SENT
    assert not outbox.resend(mail)


def test_marked_as_sent_still_goes_to_who_was_refused_for_now() -> None:
    mail = make_outgoing(recipients=("a@example.com", "b@example.com"))
    found = claim(mail.sender)
    outbox.start_data(found)
    outbox.finish_uncertain(found, Outcome({"b@example.com": (Recipient.RETRY, "451 later")}))
    assert outbox.mark_sent(mail)
    assert state(mail) == State.RETRY
    OutgoingMail.objects.update(not_before=timezone.now())
    assert claim(mail.sender).recipients == ("b@example.com",)


def test_a_mail_put_back_has_lost_no_try() -> None:
    mail = make_outgoing()
    found = claim(mail.sender)
    assert outbox.put_back(found, "The sender pauses.")
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.RETRY, 0)
    claim(mail.sender)


def test_a_parked_sender_claims_nothing_until_its_settings_are_mended() -> None:
    sender = make_sender()
    make_outgoing(sender)
    parking.park(sender.pk, "The password is wrong.")
    assert outbox.claim(sender.pk, timezone.now()) is None
    assert ready_sender(sender.pk, timezone.now()) is None
    assert senders_with_due_mail(timezone.now()) == []
    sender.save()
    assert senders_with_due_mail(timezone.now()) == [sender.pk]
    assert outbox.claim(sender.pk, timezone.now()) is not None


def test_the_pauses_of_a_sender_grow_and_success_ends_them() -> None:
    sender = make_sender()
    for seconds in (60, 300, 900):
        parking.park(sender.pk, "The server is away.")
        sender.state.refresh_from_db()
        assert sender.state.next_attempt_at is not None
        left = (sender.state.next_attempt_at - timezone.now()).total_seconds()
        assert seconds - 5 < left <= seconds
    parking.note_success(sender.pk)
    sender.state.refresh_from_db()
    assert (sender.state.failures, sender.state.next_attempt_at, sender.state.last_error) == (0, None, "")


def test_a_sender_switched_off_sends_nothing() -> None:
    sender = make_sender(is_active=False)
    make_outgoing(sender)
    assert outbox.claim(sender.pk, timezone.now()) is None
    assert senders_with_due_mail(timezone.now()) == []


def test_limits_hold_at_once_when_changed_and_slide() -> None:
    sender = make_sender(limit_per_minute=2)
    for _ in range(5):
        make_outgoing(sender)
    for _ in range(2):
        found = claim(sender)
        outbox.finish(found, accepted(found))
    assert outbox.claim(sender.pk, timezone.now()) is None
    EmailSender.objects.update(limit_per_minute=3)
    claim(sender)
    assert outbox.claim(sender.pk, timezone.now()) is None
    OutgoingMail.objects.filter(state=State.SENT).update(sent_at=timezone.now() - timedelta(seconds=61))
    claim(sender)
    EmailSender.objects.update(limit_per_minute=None, limit_per_day=4)
    assert outbox.claim(sender.pk, timezone.now()) is None


def test_the_raw_mail_of_a_claim_is_not_in_its_repr() -> None:
    envelope = outbox.Envelope(make_sender(), make_raw(), "x@example.com", "", ("a@example.com",), 1)
    assert "dot" not in repr(envelope)


def test_doubt_after_a_refusal_is_settled_for_good() -> None:
    """Refused for now, tried again, and then no answer: who says that it was sent sends nothing more."""
    sender = make_sender()
    mail = make_outgoing(sender)
    first = claim(sender)
    outbox.finish(first, refused(first))
    for settle in (outbox.mark_sent, lambda one: returned.had_left(one, "It was found.")):
        OutgoingMail.objects.filter(pk=mail.pk).update(not_before=timezone.now(), state=State.RETRY)
        mail.recipients.update(state=Recipient.RETRY)
        again = claim(sender)
        assert outbox.start_data(again)
        outbox.finish_uncertain(again, Outcome({}))
        assert settle(mail)
        assert state(mail) == State.SENT
        assert mail.recipients.get().state == Recipient.ACCEPTED


def test_a_worker_lost_after_a_refusal_leaves_doubt_that_can_be_settled() -> None:
    sender = make_sender()
    mail = make_outgoing(sender)
    first = claim(sender)
    outbox.finish(first, refused(first))
    OutgoingMail.objects.filter(pk=mail.pk).update(not_before=timezone.now())
    assert outbox.start_data(claim(sender))
    OutgoingMail.objects.filter(pk=mail.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    outbox.sweep(timezone.now())
    assert state(mail) == State.UNCERTAIN
    assert outbox.mark_sent(mail)
    assert state(mail) == State.SENT
