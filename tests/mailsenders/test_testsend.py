"""“Send a test mail”: what is shown of the dialogue, and what never is."""

import base64
import json
import logging
import threading

import pytest
from django.db import connection
from django.utils import timezone

from mailsenders import slots, tasks, testsend
from mailsenders.claims import claim_many
from mailsenders.models import EmailSender, TestSend
from sso import secrets
from sso.secrets import Credential
from tests.mailsenders.conftest import MakeServer, sender_for
from tests.make import make_outgoing, make_sender
from tests.servers.smtp import SmtpServer
from tests.servers.smtp_faults import Fault

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "canary-Zx81-secret"
TO = "alice@example.org"


def tried(sender: EmailSender, to: str = TO) -> TestSend:
    """The test after a worker has done it."""
    test = testsend.start(sender, to)
    tasks.test_send(test_id=test.pk)
    test.refresh_from_db()
    return test


def words(test: TestSend, who: str = "") -> list[str]:
    return [line for _, speaker, line in test.lines if who in ("", speaker)]


@pytest.mark.parametrize("tls", ["ssl", "starttls"])
def test_the_whole_dialogue_is_told(make_server: MakeServer, tls: str) -> None:
    server = make_server(tls=tls, passwords={"support@example.com": CANARY})
    test = tried(sender_for(server, username="support@example.com", password=CANARY))

    assert (test.state, testsend.standing(test)[1]) == ("taken", True)
    assert f"has taken the mail for {TO}" in test.verdict
    ours, theirs, notes = words(test, "us"), words(test, "them"), words(test, "note")
    assert [line.split()[0] for line in ours if line[0].isalpha()][-5:] == [
        "AUTH", "MAIL", "RCPT", "DATA", "QUIT"
    ]  # fmt: skip
    assert theirs[0].startswith("220 ")
    assert any(line.startswith("250-") for line in theirs)  # in full, line by line
    assert theirs[-2].startswith("250 ")
    raw = server.mails[0].raw
    assert f"(the text: {len(raw):,} octets, and the final dot)" in ours
    assert notes[1].startswith("TLSv1.")
    assert notes[2].startswith("Certificate of ")
    times = [at for at, _, _ in test.lines]
    assert times == sorted(times)
    state = test.sender.state
    state.refresh_from_db()
    assert state.last_success_at is not None


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_no_secret_is_written_down(
    make_server: MakeServer, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = make_server(tls="ssl", passwords={"support@example.com": CANARY}, mechanisms=(mechanism,))
    server.fault("dot", f"554 5.7.1 I know that {CANARY} and {base64.b64encode(CANARY.encode()).decode()}")
    test = tried(sender_for(server, username="support@example.com", password=CANARY))

    assert server.seen.logins == 1
    assert f"AUTH {mechanism} ••••••" in words(test, "us")
    assert test.state == "refused"
    assert_silent(json.dumps([test.lines, test.verdict], ensure_ascii=False) + caplog.text)


def test_no_token_is_written_down(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        secrets, "resolve", lambda secret, host="", fresh=False: Credential("xoauth2", CANARY, 1)
    )
    server = make_server(tls="ssl", tokens={"support@example.com": "another"}, mechanisms=("XOAUTH2",))
    test = tried(sender_for(server, username="support@example.com", password="x"))

    assert test.state == "refused"
    assert "refused the sign-in" in test.verdict
    assert "The token was refused: trying once more with a fresh one." in words(test, "note")
    assert server.seen.refused_logins == 2
    assert_silent(json.dumps([test.lines, test.verdict]))


def assert_silent(text: str) -> None:
    """Nothing of the secret, as it is or in any base64 of which it is a part."""
    assert CANARY not in text
    for shift in range(3):
        inner = base64.b64encode(b"x" * shift + CANARY.encode()).decode()
        assert inner[4:-4] not in text


def test_a_refusal_is_explained_with_the_servers_words(server: SmtpServer) -> None:
    server.fault("rcpt", "550 5.1.1 No such user here")
    test = tried(sender_for(server))

    assert test.state == "refused"
    assert "550 5.1.1 No such user here" in words(test, "them")
    assert "does not know this address (550 5.1.1 No such user here)" in test.verdict
    assert words(test, "us")[-1] == "QUIT"
    assert server.mails == []


def test_no_answer_after_the_dot_is_doubt(server: SmtpServer) -> None:
    server.fault("dot", drop=True, stored=True)
    test = tried(sender_for(server))

    assert test.state == "uncertain"
    assert "did not say whether it took the mail" in test.verdict


def test_nobody_listens() -> None:
    test = tried(make_sender())

    assert test.state == "refused"
    assert "127.0.0.1" in test.verdict
    assert words(test, "note")[0].startswith("Connecting to 127.0.0.1:9")


def test_it_is_sent_once(server: SmtpServer) -> None:
    test = tried(sender_for(server))
    tasks.test_send(test_id=test.pk)

    assert len(server.mails) == 1


def test_what_is_said_shows_while_it_is_said(server: SmtpServer) -> None:
    gate = server.gate("mail")
    test = testsend.start(sender_for(server), TO)

    def work() -> None:
        testsend.run(test.pk)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        gate.wait_until_reached()
        deadline = timezone.now().timestamp() + 20
        while not any(line.startswith("MAIL FROM") for line in words(test)):
            assert timezone.now().timestamp() < deadline
            worker.join(0.05)
            test.refresh_from_db()
        assert (test.state, testsend.standing(test)) == ("running", ("Talking to the server …", False))
    finally:
        gate.release()
        worker.join(20)


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "alice@example.org\r\nRCPT TO:<eve@evil.example>"]
)
def test_an_address_that_no_mail_goes_to_is_refused(address: str) -> None:
    with pytest.raises(testsend.TestSendRefused):
        testsend.start(make_sender(), address)


def test_a_forged_id_is_no_test(server: SmtpServer) -> None:
    test = tried(sender_for(server))
    message_id = next(line for line in server.mails[0].raw.decode().splitlines() if "test-send." in line)
    real = message_id.partition("<")[2].rstrip(">")

    assert testsend.is_test(real)
    assert not testsend.is_test(real.replace(f".{test.pk}.", f".{test.pk + 1}."))


def test_it_counts_for_the_budget_and_keeps_to_it(server: SmtpServer) -> None:
    sender = sender_for(server, limit_per_day=2)
    make_outgoing(sender)
    assert tried(sender).state == "taken"
    assert len(claim_many(sender.pk, timezone.now(), 5)) == 1
    make_outgoing(sender, order_key=2)
    assert claim_many(sender.pk, timezone.now(), 5) == []
    test = tried(sender)
    assert (test.state, len(server.mails)) == ("refused", 1)
    assert "2 messages per day" in test.verdict
    EmailSender.objects.update(limit_per_day=3)
    assert tried(EmailSender.objects.get()).state == "taken"


def test_it_is_one_of_the_connections(server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testsend, "SLOT_SECONDS", 0.5)
    sender = sender_for(server, connections=1)
    slot = slots.take(sender.pk, 1)
    assert slot is not None
    test = tried(sender)
    assert (test.state, "(1) are in use" in test.verdict) == ("refused", True)
    slots.release(sender.pk, [slot])
    assert tried(sender).state == "taken"
    assert slots.take(sender.pk, 1) is not None  # it was given back


def test_each_alias_is_asked_for_without_a_mail(server: SmtpServer) -> None:
    sender = sender_for(server, aliases="sales@example.com\n@example.net\nhelp@example.com")
    turns = iter([None, Fault("mail", "550 5.7.60 not allowed to send as this sender"), None])
    server.luck = lambda phase: next(turns) if phase == "mail" else None
    test = tried(sender)
    assert (test.state, len(server.mails)) == ("taken", 1)
    assert "may not send as sales@example.com (550 5.7.60" in test.verdict
    assert "help@example.com" not in test.verdict
    assert [line for line in words(test, "us") if line.startswith("MAIL FROM:<help@")]
