"""A process that sends is killed: what is in the outbox then, and that nothing is sent twice."""

import signal
import subprocess
import sys
from datetime import timedelta
from itertools import count

import pytest
from django.utils import timezone

from mailsenders import outbox, sending
from mailsenders.models import EmailSender, OutgoingMail
from tests.mailsenders.conftest import sender_for
from tests.make import make_outgoing
from tests.product import eventually
from tests.servers.smtp import SmtpServer
from tests.servers.smtp_faults import Fault, Gate, Phase

State = OutgoingMail.State

SEND = """
import sys, django
django.setup()
from mailsenders import sending
sending.send_due_mail(int(sys.argv[1]))
"""

pytestmark = [pytest.mark.django_db(transaction=True)]


def kill_at(server: SmtpServer, phase: Phase, sender: EmailSender, env: dict[str, str]) -> None:
    """Send in another process, and kill it when the server has come to that phase."""
    gate = server.gate(phase, drop=True)
    process = subprocess.Popen([sys.executable, "-c", SEND, str(sender.pk)], env=env)
    try:
        gate.wait_until_reached(60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        gate.release()


def sweep(mail: OutgoingMail) -> str:
    """Let the lease run out and the sweeper come; the state then."""
    mail.refresh_from_db()
    assert mail.state == State.SENDING
    assert outbox.sweep(timezone.now()) == 0
    OutgoingMail.objects.filter(pk=mail.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert outbox.sweep(timezone.now()) == 1
    mail.refresh_from_db()
    return mail.state


@pytest.mark.parametrize("phase", ["mail", "rcpt"])
def test_killed_before_the_text(server: SmtpServer, product_env: dict[str, str], phase: Phase) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender)
    kill_at(server, phase, sender, product_env)
    assert sweep(mail) == State.RETRY
    sending.send_due_mail(sender.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, len(server.mails)) == (State.SENT, 2, 1)


@pytest.mark.parametrize("phase", ["data", "dot"])
def test_killed_with_the_text_on_its_way(
    server: SmtpServer, product_env: dict[str, str], phase: Phase
) -> None:
    sender = sender_for(server)
    mail, follower = make_outgoing(sender, order_key=1), make_outgoing(sender, order_key=1)
    kill_at(server, phase, sender, product_env)
    assert sweep(mail) == State.UNCERTAIN
    sending.send_due_mail(sender.pk)
    assert not server.mails
    assert outbox.resend(mail)
    sending.send_due_mail(sender.pk)
    assert [taken.raw for taken in server.mails] == [mail.raw.as_bytes(), follower.raw.as_bytes()]


def test_killed_with_several_connections(server: SmtpServer, product_env: dict[str, str]) -> None:
    """One mail is taken without an answer; what others had noted, had begun or had in stock is settled."""
    sender = sender_for(server, connections=3)
    mails = [make_outgoing(sender, order_key=number % 20) for number in range(60)]
    gate, dots = Gate(), count(1)

    def luck(phase: str) -> Fault | None:
        is_chosen = phase == "dot" and next(dots) == 25
        return Fault("dot", gate=gate, stored=True) if is_chosen else None

    server.luck = luck
    process = subprocess.Popen([sys.executable, "-c", SEND, str(sender.pk)], env=product_env)
    try:
        gate.wait_until_reached(60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        gate.release()
    assert server.seen.connections > 1
    eventually(lambda: server.seen.open == 0, "the connections are closed")
    OutgoingMail.objects.filter(state=State.SENDING).update(lease_until=timezone.now() - timedelta(seconds=1))
    outbox.sweep(timezone.now())
    assert sending.send_due_mail(sender.pk)  # the slots of who was killed are free at once

    taken = [mail.raw for mail in server.mails]
    assert len(set(taken)) == len(taken)
    for mail in mails:
        mail.refresh_from_db()
        assert mail.state in (State.SENT, State.UNCERTAIN, State.RETRY, State.QUEUED)
        if mail.state == State.SENT:
            assert mail.raw.as_bytes() in taken
        elif mail.state != State.UNCERTAIN:
            assert mail.raw.as_bytes() not in taken
            key = {each.state for each in mails if each.order_key == mail.order_key and each.pk < mail.pk}
            assert State.UNCERTAIN in key  # nothing else keeps it
    assert 1 <= sum(mail.state == State.UNCERTAIN for mail in mails) <= 3
