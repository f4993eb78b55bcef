"""Many workers at once, on real connections to PostgreSQL: each mail once, limits and order hold."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import TypeVar

import pytest
from celery import Signature
from django.db import connection, connections, transaction
from django.utils import timezone

from mailsenders import outbox, sending, tasks
from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailsenders.outbox import Claim, Outcome
from tests.mailsenders.conftest import sender_for
from tests.make import make_outgoing, make_sender
from tests.servers.smtp import SmtpServer

State = OutgoingMail.State
WORKERS = 8
Result = TypeVar("Result")

pytestmark = [pytest.mark.django_db(transaction=True)]


def at_once(work: Callable[[], Result], workers: int = WORKERS) -> list[Result]:
    """Do the same in several threads that begin together."""
    barrier = Barrier(workers)

    def begin() -> Result:
        barrier.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in [pool.submit(begin) for _ in range(workers)]]


def claim_all(sender_id: int) -> list[Claim]:
    claims = []
    while claim := outbox.claim(sender_id, timezone.now()):
        claims.append(claim)
    return claims


def test_each_mail_is_claimed_once() -> None:
    sender = make_sender()
    for _ in range(40):
        make_outgoing(sender)
    claims = at_once(lambda: claim_all(sender.pk))
    counted = Counter(claim.mail_id for found in claims for claim in found)
    assert len(counted) == 40
    assert set(counted.values()) == {1}


def test_a_limit_holds_over_all_workers() -> None:
    sender = make_sender(limit_per_minute=7)
    for _ in range(30):
        make_outgoing(sender)

    def work() -> int:
        sent = 0
        while claim := outbox.claim(sender.pk, timezone.now()):
            outbox.start_data(claim)
            accepted = OutgoingRecipient.State.ACCEPTED
            outbox.finish(claim, Outcome(dict.fromkeys(claim.recipients, (accepted, "250"))))
            sent += 1
        return sent

    assert sum(at_once(work, 5)) == 7
    assert OutgoingMail.objects.filter(state=State.SENT).count() == 7


def test_undo_and_claim_at_the_same_moment_have_one_winner() -> None:
    for _ in range(10):
        mail = make_outgoing(hold=60)
        edge = timezone.now() + timedelta(milliseconds=30)
        OutgoingMail.objects.filter(pk=mail.pk).update(not_before=edge)

        results = [result for result in at_once(partial(attempt, mail), 4) if result]
        assert len(results) == 1


def attempt(mail: OutgoingMail) -> str:
    """Undo or claim, whatever succeeds first, until the mail is neither held nor due."""
    while True:
        if outbox.undo(mail):
            return "undone"
        if outbox.claim(mail.sender_id, timezone.now()):
            return "claimed"
        mail_now = OutgoingMail.objects.get(pk=mail.pk)
        if mail_now.state != State.HELD:
            return ""


def test_one_conversation_leaves_in_order_however_many_send(server: SmtpServer) -> None:
    sender = sender_for(server)
    mails = [make_outgoing(sender, order_key=number % 3) for number in range(18)]
    at_once(lambda: sending.send_due_mail(sender.pk))
    server.wait_for(18)
    by_raw = {mail.raw.as_bytes(): mail for mail in mails}
    left = [by_raw[taken.raw] for taken in server.mails]
    for key in range(3):
        ids = [mail.pk for mail in left if mail.order_key == key]
        assert ids == sorted(ids)
    assert len(left) == 18
    assert server.seen.connections == 1


def test_what_comes_while_somebody_sends_is_sent_by_them(server: SmtpServer) -> None:
    sender = sender_for(server)
    make_outgoing(sender)
    gate = server.gate("dot")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send_and_hang_up, sender.pk)
        gate.wait_until_reached()
        make_outgoing(sender)
        assert not sending.send_due_mail(sender.pk)
        gate.release()
        assert first.result(20)
    assert len(server.mails) == 2


def send_and_hang_up(sender_id: int) -> bool:
    try:
        return sending.send_due_mail(sender_id)
    finally:
        connections.close_all()


def test_no_transaction_is_open_while_a_server_thinks(server: SmtpServer) -> None:
    sender = sender_for(server)
    make_outgoing(sender)
    for phase in ("connect", "mail", "rcpt", "data", "dot"):
        gate = server.gate(phase)
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(send_and_hang_up, sender.pk)
            gate.wait_until_reached()
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
                )
                assert cursor.fetchone() == (0,)
            server.fault("dot", "451 4.3.0 Later") if phase != "dot" else None
            gate.release()
            work.result(20)
        OutgoingMail.objects.update(state=State.QUEUED, not_before=timezone.now())


def test_a_reply_is_announced_when_it_is_committed_and_sent_by_the_task(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = sender_for(server)
    announced: list[dict[str, object]] = []
    countdowns: list[object] = []

    def publish(task: Signature[None], kwargs: dict[str, object]) -> None:
        announced.append(kwargs)
        countdowns.append(task.options.get("countdown") if isinstance(task, Signature) else None)

    monkeypatch.setattr("mailstore.announce.publish", publish)
    with transaction.atomic():
        make_outgoing(sender)
        assert announced == []
    assert announced == [{"sender_id": sender.pk}]
    make_outgoing(sender, hold=10)
    assert countdowns == [None, 10]
    tasks.send_due()
    assert announced[2:] == [{"sender_id": sender.pk}]
    tasks.send(sender_id=sender.pk)
    assert len(server.mails) == 1


def test_the_database_going_away_while_the_server_answers_costs_nothing(server: SmtpServer) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender)
    gate = server.gate("dot")
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(send_and_hang_up, sender.pk)
        gate.wait_until_reached()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        gate.release()
        work.result(30)
    mail.refresh_from_db()
    assert mail.state == State.SENT
