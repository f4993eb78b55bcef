"""What polls, IDLE and hand-overs leave in the communication log, against real servers."""

import asyncio
import json

import pytest

from mailsources import deliver, fetch, looks
from mailsources.fetch import poll_now
from mailsources.handed_over import Heard
from mailsources.idling import begin
from mailsources.imap_line import connect_heard
from mailsources.mailbox import MailboxError
from mailsources.models import EmailSource, FetchedMail
from mailsources.signin import hearing_of
from mailsources.smtpd import House, Talk
from mailstore.models import MailTry
from sso import communication
from sso.communication_models import ConnectionLog
from tests.mailsources.conftest import KINDS, fill, source_at
from tests.mailsources.test_smtpd import HELLO, Kept
from tests.make import make_source
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.ports import HOST

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_left_over() -> None:
    """What another test counted or has noted in full is not this one's."""
    communication._counter.take()
    communication.look_up(now=True)


def words(row: ConnectionLog) -> str:
    return "\n".join(f"{who} {text}" for _, who, text in row.lines)


@pytest.mark.parametrize("kind", KINDS)
def test_a_poll_with_news_tells_what_was_said_without_the_password(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    fill(dovecot, source, 2)
    poll_now(source)
    poll_now(source)
    row = ConnectionLog.objects.get()  # the second look found nothing
    said = words(row)
    assert (row.kind, row.outcome, row.connection) == ("poll", "good", source)
    assert row.sentence.startswith("2 new mails")
    assert sorted(row.mails) == sorted(FetchedMail.objects.values_list("pk", flat=True))
    assert row.peer == f"{source.server_address}:{source.service_port}"
    assert "TLSv1" in said
    assert "octets)" in said
    assert "EXISTS" in said or "+OK 2" in said
    assert "This is mail" not in said
    assert PASSWORD not in json.dumps([row.lines, row.sentence])
    communication.write_quiet(now=True)
    quiet = ConnectionLog.objects.get(outcome="quiet")
    assert (quiet.count, quiet.connection, quiet.lines) == (1, source, [])


@pytest.mark.parametrize("kind", ["imap-ssl", "pop3-ssl"])
def test_a_refused_sign_in_tells_the_server_s_words(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind, password="wrong-secret-word")
    with pytest.raises(MailboxError):
        poll_now(source)
    row = ConnectionLog.objects.get()
    assert row.outcome == "failed"
    assert "AUTHENTICATIONFAILED" in words(row) or "[AUTH]" in words(row)
    assert row.sentence
    assert "wrong-secret-word" not in json.dumps([row.lines, row.sentence])


def test_each_look_over_a_kept_connection_is_told_by_itself(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 1)
    poll_now(source)
    fill(dovecot, source, 1)
    poll_now(source)
    second, first = ConnectionLog.objects.order_by("-pk")
    assert "LOGIN" in words(first) or "AUTHENTICATE" in words(first)
    assert "NOOP" in words(second)
    assert "LOGIN" not in words(second)
    assert second.began_at > first.ended_at


def test_a_source_noted_in_full_has_its_quiet_looks_too_sealed(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 1)
    poll_now(source)
    communication.record_in_full(source, None)
    communication.look_up(now=True)
    poll_now(source)
    row = ConnectionLog.objects.get(is_sealed=True)
    assert "NOOP" in row.sealed
    assert PASSWORD not in row.sealed
    communication.stop_recording(source)
    communication.look_up(now=True)


def test_waiting_in_idle_is_told_at_its_beginning_and_its_end(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    hearing = hearing_of(source)
    idling = begin(source, hearing)
    idling.close()
    ended = looks.no_longer_watched(source.pk, idling_since := hearing.began_at, "closed by the server")
    communication.write([looks.watched(source, hearing), ended])
    begun, over = ConnectionLog.objects.order_by("pk")
    assert "IDLE" in words(begun)
    assert (over.kind, over.outcome, over.began_at) == ("idle", "failed", idling_since)
    assert over.sentence == "Waiting ended: closed by the server."


def test_who_listens_no_more_leaves_the_client_as_it_was(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    client, ear = connect_heard(source, hearing_of(source))
    ear.leave()
    assert "send" not in vars(client._imap)
    client.noop()
    client.logout()


def test_a_hand_over_tells_commands_and_answers(settings: object) -> None:
    async def go(text: bytes) -> Heard:
        house = House(Kept(), "inbound.example.test", 10**5, 10**6)
        server = await asyncio.get_running_loop().create_server(lambda: Talk(house, None), HOST, 0)
        reader, writer = await asyncio.open_connection(HOST, server.sockets[0].getsockname()[1])
        writer.write(text + b"QUIT\r\n")
        async with asyncio.timeout(20):
            await reader.read()
            while house.connections:
                await asyncio.sleep(0.01)
        writer.close()
        server.close()
        await server.wait_closed()
        return house.heard

    mail = b"Subject: x\r\n\r\nPrivate words.\r\n.\r\n"
    told = [asyncio.run(go(text)) for text in (HELLO + mail, b"AUTH PLAIN c2VjcmV0\r\n", b"EHLO probe\r\n")]
    for heard in told:
        heard.write()
    communication.write_quiet(now=True)
    good, bad, quiet = ConnectionLog.objects.order_by("pk")
    assert (good.kind, good.outcome, good.mails) == ("intake", "good", [0])
    assert "them RCPT TO:<x@y.example>" in words(good)
    assert "us 250 2.0.0 Stored as fetched mail 0" in words(good)
    assert "Private" not in words(good)
    assert bad.outcome == "failed"
    assert "c2VjcmV0" not in json.dumps([bad.lines, bad.sentence])
    assert (quiet.outcome, quiet.count, quiet.peer) == ("quiet", 1, HOST)


def test_a_mail_that_cannot_be_delivered_keeps_each_of_its_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("the queue is on fire")

    source = make_source(server_type=EmailSource.ServerType.IMAP)
    fetched = fetch.ingest(source, b"From: a@customer.example\r\nSubject: Parcel\r\n\r\nHello\r\n")
    monkeypatch.setattr("queues.intake.deliver", broken)
    for _ in range(3):
        FetchedMail.objects.update(lease_until=None)
        deliver.deliver(fetched.pk)
    fetched.refresh_from_db()
    assert fetched.state == "failed"
    monkeypatch.undo()
    deliver.retry(fetched)
    deliver.deliver(fetched.pk)
    found = list(MailTry.objects.values_list("what", "words"))
    assert [what for what, _ in found] == ["delivery"] * 3 + ["again"]
    assert "Attempt 2 of 3 failed." in found[1][1]
    assert "the queue is on fire" in found[2][1]
