"""Several connections of one sender: a slow one keeps nobody waiting, and there are never too many."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections as databases
from django.utils import timezone

from mailsenders import crew, parking, sending, slots
from mailsenders.models import EmailSender, OutgoingMail, SenderSlot
from tests.mailsenders.conftest import MakeServer, sender_for
from tests.make import make_outgoing, make_sender
from tests.product import eventually
from tests.servers.smtp import SmtpServer

State = OutgoingMail.State

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def nobody_is_crowded() -> Iterator[None]:
    """What one test's server refused is not known to the next."""
    crew._crowded.clear()
    yield
    crew._crowded.clear()


def send_and_hang_up(sender_id: int) -> bool:
    try:
        return sending.send_due_mail(sender_id)
    finally:
        databases.close_all()


def states(sender: EmailSender) -> list[str]:
    return list(OutgoingMail.objects.filter(sender=sender).order_by("id").values_list("state", flat=True))


def test_many_mails_leave_over_as_many_connections_as_are_allowed(server: SmtpServer) -> None:
    sender = sender_for(server, connections=2)
    for _ in range(40):
        make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    assert set(states(sender)) == {State.SENT}
    assert len({mail.raw for mail in server.mails}) == len(server.mails) == 40
    assert server.seen.connections == 2
    assert (
        SenderSlot.objects.filter(sender=sender, held_until__gt=timezone.now()).count() == 1
    )  # the kept one


def test_few_mails_open_no_second_connection(server: SmtpServer) -> None:
    sender = sender_for(server)
    for _ in range(3):
        make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    assert server.seen.connections == 1


def test_a_slow_answer_keeps_only_its_own_connection(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "SLOW_SECONDS", 0.2)
    sender = sender_for(server, connections=2)
    slow, others = make_outgoing(sender), [make_outgoing(sender) for _ in range(6)]
    gate = server.gate("dot")
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(send_and_hang_up, sender.pk)
        gate.wait_until_reached()
        server.wait_for(1 + len(others))  # the sink has stored the slow one, but has not said so
        late = make_outgoing(sender)
        assert not sending.send_due_mail(sender.pk)  # wakes the one who sends
        eventually(lambda: OutgoingMail.objects.get(pk=late.pk).state == State.SENT, "the late one has left")
        slow.refresh_from_db()
        assert slow.state == State.SENDING
        gate.release()
        assert work.result(30)
    assert set(states(sender)) == {State.SENT}


def test_what_waits_behind_slow_answers_is_given_back(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "SLOW_SECONDS", 0.2)
    sender = sender_for(server, connections=1)
    for _ in range(3):
        make_outgoing(sender)
    gate = server.gate("dot")
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(send_and_hang_up, sender.pk)
        gate.wait_until_reached()
        eventually(
            lambda: states(sender) == [State.SENDING, State.QUEUED, State.QUEUED], "others can take them"
        )
        assert list(OutgoingMail.objects.order_by("id").values_list("attempts", flat=True)) == [1, 0, 0]
        gate.release()
        work.result(30)
    assert set(states(sender)) == {State.SENT}


def test_a_server_that_takes_no_second_connection_is_not_blamed(server: SmtpServer) -> None:
    sender = sender_for(server, connections=3)
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)  # the first connection stands
    for _ in range(12):
        make_outgoing(sender)
    server.fault("connect", "421 4.7.0 Too many concurrent connections")
    sending.send_due_mail(sender.pk)
    assert set(states(sender)) == {State.SENT}
    sender.state.refresh_from_db()
    assert not sender.state.is_failing


def test_a_connection_that_comes_too_late_is_closed(server: SmtpServer) -> None:
    sender = sender_for(server, connections=3)
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    for _ in range(12):
        make_outgoing(sender)
    gate = server.gate("connect")
    sending.send_due_mail(sender.pk)
    assert set(states(sender)) == {State.SENT}
    gate.release()
    eventually(lambda: server.seen.open == 1, "only the kept connection is open")
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    assert set(states(sender)) == {State.SENT}


def test_slots_of_a_turn_that_broke_off_are_free_for_the_next(server: SmtpServer) -> None:
    sender = sender_for(server, connections=1)
    assert slots.take(sender.pk, 1) == 1  # ours, but no connection goes with it
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    assert states(sender) == [State.SENT]


def test_a_pause_of_one_connection_outlasts_the_success_of_another() -> None:
    sender = make_sender()
    began = timezone.now() - timedelta(seconds=1)
    parking.park(sender.pk, "The server asks us to wait.")
    parking.note_success(sender.pk, began)
    sender.state.refresh_from_db()
    assert sender.state.is_failing
    assert sender.state.next_attempt_at is not None
    parking._noted.clear()
    parking.note_success(sender.pk, timezone.now() + timedelta(seconds=1))
    sender.state.refresh_from_db()
    assert not sender.state.is_failing


def test_a_block_is_noted_with_its_time(server: SmtpServer) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender)
    server.fault("dot", "550 5.1.8 Access denied, bad outbound sender")
    sending.send_due_mail(sender.pk)
    sender.state.refresh_from_db()
    assert sender.state.last_cause == parking.BLOCKED
    assert sender.state.blocked_at is not None
    mail.refresh_from_db()
    assert mail.state == State.RETRY  # nothing is dropped


# Slots.


def test_slots_are_shared_and_given_back() -> None:
    sender = make_sender()
    assert [slots.take(sender.pk, 2), slots.take(sender.pk, 2), slots.take(sender.pk, 2)] == [1, 2, None]
    slots.release(sender.pk, [1])
    assert slots.take(sender.pk, 2) == 1
    assert slots.take(make_sender().pk, 1) == 1


def test_a_lease_that_ran_out_is_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = make_sender()
    assert slots.take(sender.pk, 1) == 1
    assert slots.renew(sender.pk, [1]) == {1}
    SenderSlot.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert slots.renew(sender.pk, [1]) == set()
    with monkeypatch.context() as patch:
        patch.setattr(slots, "holder", lambda: "another-machine/7/abc")
        assert slots.take(sender.pk, 1) == 1
    slots.release(sender.pk, [1])  # of what we had: theirs stays
    assert slots.take(sender.pk, 1) is None


def test_what_a_killed_process_of_this_machine_held_is_free_at_once() -> None:
    sender = make_sender()
    lasting = timezone.now() + timedelta(minutes=1)
    gone = f"{slots.MACHINE}999999999/abc"
    SenderSlot.objects.create(sender=sender, number=1, holder=gone, held_until=lasting)
    assert slots.take(sender.pk, 1) == 1
    SenderSlot.objects.update(holder="another-machine/1/abc")
    assert slots.take(sender.pk, 1) is None


def test_two_workers_together_have_no_more_connections_than_allowed(make_server: MakeServer) -> None:
    most: list[int] = []
    server: SmtpServer = make_server()

    def luck(phase: str) -> None:
        most.append(server.seen.open)

    server.luck = luck
    sender = sender_for(server, connections=1)
    assert slots.take(sender.pk, 1) == 1
    SenderSlot.objects.update(holder="another-machine/7/abc")  # it sends at this moment
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    assert states(sender) == [State.QUEUED]
    assert server.seen.connections == 0
    SenderSlot.objects.update(held_until=timezone.now())
    sending.send_due_mail(sender.pk)
    assert states(sender) == [State.SENT]
    assert max(most) == 1


def test_fewer_connections_hold_from_the_next_mail(server: SmtpServer) -> None:
    sender = sender_for(server, connections=2)
    for _ in range(30):
        make_outgoing(sender)
    open_: list[int] = []

    def luck(phase: str) -> None:
        if phase == "dot":
            open_.append(server.seen.open)
            if len(open_) == 12:
                EmailSender.objects.update(connections=1)

    server.luck = luck
    sending.send_due_mail(sender.pk)
    assert set(states(sender)) == {State.SENT}
    assert (max(open_[:12]), open_[-1]) == (2, 1)
