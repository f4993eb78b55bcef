"""One contract for every kind of mailbox, against a real server."""

import logging
import poplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from imapclient import IMAPClient
from pytest_django import Settings

from mailsources import faults, imap
from mailsources.faults import MailboxError
from mailsources.listing import Arrived, Listed, TooBig, batches
from mailsources.mailbox import Mailbox, open_mailbox
from mailsources.models import EmailSource
from tests.mailsources.conftest import KINDS, source_at
from tests.make import make_mail, make_source
from tests.servers import dovecot as dovecots
from tests.servers.authority import Authority
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db

every_kind = pytest.mark.parametrize("kind", list(KINDS))


def listed(mailbox: Mailbox, after: int = 0) -> list[Listed]:
    return [one for portion in mailbox.listing(after) for one in portion]


def read(source: EmailSource) -> list[Arrived]:
    """Every mail of the source's mailbox."""
    with open_mailbox(source) as mailbox:
        mailbox.open()
        answers = list(mailbox.fetch(listed(mailbox)))
    assert all(isinstance(one, Arrived) for one in answers)
    return [one for one in answers if isinstance(one, Arrived)]


@every_kind
def test_mails_come_with_every_octet_and_in_order(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    mails = [make_mail() for _ in range(3)]
    mails.append(make_mail("x" * 5000 + "\r\n.dots\r\n..more\r\n" + "é" * 3000))
    for raw in mails:
        dovecot.drop(source.username, raw)
    assert sorted(one.raw for one in read(source)) == sorted(mails)


@every_kind
def test_reading_changes_nothing(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    dovecot.drop(source.username, make_mail())
    first = read(source)
    assert read(source) == first
    if source.server_type == "IMAP":  # POP3 has no way to read without the server noting it
        assert dovecot.flags(source.username) == [""]


@every_kind
def test_an_empty_mailbox_shows_nothing(dovecot: Dovecot, kind: str) -> None:
    with open_mailbox(source_at(dovecot, kind)) as mailbox:
        assert mailbox.open().total == 0
        assert listed(mailbox) == []


@every_kind
def test_names_are_the_same_in_the_next_session(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    for _ in range(3):
        dovecot.drop(source.username, make_mail())
    names = [[(one.listed.uid, one.listed.uidl) for one in read(source)] for _ in range(2)]
    assert names[0] == names[1]
    assert len(set(names[0])) == 3


@every_kind
def test_delete_takes_only_the_named_mails(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind, after_import="delete")
    for _ in range(3):
        dovecot.drop(source.username, make_mail())
    with open_mailbox(source) as mailbox:
        mailbox.open()
        everything = listed(mailbox)
        keep = next(iter(mailbox.fetch(everything[1:2])))
        mailbox.settle([everything[0], everything[2], Listed(uid=4711), Listed(uidl="gone")])
    assert isinstance(keep, Arrived)
    assert dovecot.mails(source.username) == [keep.raw]


@every_kind
def test_a_broken_visit_deletes_nothing(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind, after_import="delete")
    dovecot.drop(source.username, make_mail())

    class Crash(Exception):
        pass

    with suppress(Crash), open_mailbox(source) as mailbox:
        mailbox.open()
        listed(mailbox)
        raise Crash
    assert len(dovecot.mails(source.username)) == 1


@every_kind
def test_headers_alone(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    dovecot.drop(source.username, make_mail("the body", Subject="Question 1"))
    with open_mailbox(source) as mailbox:
        mailbox.open()
        found = mailbox.headers(listed(mailbox)[0])
    assert isinstance(found, TooBig)
    assert b"Subject: Question 1\r\n" in found.headers
    assert b"the body" not in found.headers
    assert (found.received_at is None) == (source.server_type == "POP3")


@every_kind
def test_a_wrong_password_is_named(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind, password="wrong")
    with pytest.raises(MailboxError) as caught, open_mailbox(source) as mailbox:
        mailbox.open()
    assert (caught.value.code, caught.value.retry) == ("password", False)
    assert source.username in caught.value.sentence
    assert str(source.service_port) in caught.value.sentence
    assert "wrong" not in caught.value.sentence


@every_kind
def test_a_closed_port_is_named(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind, service_port=9)
    with pytest.raises(MailboxError) as caught, open_mailbox(source) as mailbox:
        mailbox.open()
    assert caught.value.code == "refused"
    assert "127.0.0.1:9" in caught.value.sentence


@every_kind
def test_an_unknown_host_is_named(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind, server_address="nowhere.invalid")
    with pytest.raises(MailboxError) as caught, open_mailbox(source) as mailbox:
        mailbox.open()
    assert caught.value.code == "name"
    assert "nowhere.invalid" in caught.value.sentence


@pytest.mark.parametrize(("kind", "port"), [("imap-ssl", "imap"), ("pop3-ssl", "pop3")])
def test_ssl_spoken_to_a_plain_port_is_named(dovecot: Dovecot, kind: str, port: str) -> None:
    source = source_at(dovecot, kind, service_port=getattr(dovecot.ports, port))
    with pytest.raises(MailboxError) as caught, open_mailbox(source) as mailbox:
        mailbox.open()
    assert caught.value.code == "tls"
    assert "Use SSL" in caught.value.sentence


@pytest.mark.parametrize(("kind", "port"), [("imap-starttls", "imaps"), ("pop3-stls", "pop3s")])
def test_plain_spoken_to_an_ssl_port_is_named(
    dovecot: Dovecot, kind: str, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("mailsources.imap_line", "mailsources.pop3"):
        monkeypatch.setattr(f"{module}.CONNECT_SECONDS", 0.5)
    source = source_at(dovecot, kind, service_port=getattr(dovecot.ports, port))
    with pytest.raises(MailboxError) as caught, open_mailbox(source) as mailbox:
        mailbox.open()
    assert caught.value.code == "timeout"
    assert "SSL" in caught.value.sentence


@pytest.fixture(scope="module")
def foreign(authority: Authority) -> Iterator[Dovecot]:
    """A server whose certificate is for another name."""
    with dovecots.running(authority, names=("mail.other.example",)) as server:
        yield server


@every_kind
def test_a_certificate_for_another_name_is_refused(foreign: Dovecot, kind: str) -> None:
    with pytest.raises(MailboxError) as caught, open_mailbox(source_at(foreign, kind)) as mailbox:
        mailbox.open()
    assert (caught.value.code, caught.value.retry) == ("tls_name", False)
    assert "mail.other.example" in caught.value.sentence


@every_kind
def test_an_unknown_authority_is_refused(dovecot: Dovecot, kind: str, settings: Settings) -> None:
    settings.CA_BUNDLE = ""
    source = source_at(dovecot, kind, allow_clear_text=True)  # STARTTLS is offered, so it is used
    with pytest.raises(MailboxError) as caught, open_mailbox(source) as mailbox:
        mailbox.open()
    assert caught.value.code == "tls_untrusted"
    assert "UCS_CA_BUNDLE" in caught.value.sentence


def test_a_server_that_hangs_up_in_the_handshake_is_tried_again_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        source = make_source(service_port=listener.getsockname()[1])

        def hang_up() -> None:
            listener.accept()[0].close()

        hangs_up = threading.Thread(target=hang_up)
        hangs_up.start()
        with pytest.raises(MailboxError) as caught, open_mailbox(source) as mailbox:
            mailbox.open()
        hangs_up.join()
    assert caught.value.retry
    assert str(source.service_port) in caught.value.sentence


@pytest.mark.parametrize("kind", [ssl.SSLEOFError, ssl.SSLZeroReturnError])
def test_hanging_up_is_the_same_with_and_without_a_word(kind: type[ssl.SSLError]) -> None:
    told = faults.connecting(kind(8, "it has been closed"), make_source())
    assert told.retry
    assert told.cause is not None
    assert told.cause.name == "tls_hung_up"


@pytest.fixture(scope="module")
def clear(authority: Authority) -> Iterator[Dovecot]:
    """A server that knows no TLS."""
    with dovecots.running(authority, tls=False) as server:
        yield server


@pytest.mark.parametrize("kind", ["imap-starttls", "pop3-stls"])
def test_clear_text_needs_a_tick_or_loopback(
    clear: Dovecot, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(clear, kind)
    clear.drop(source.username, make_mail())
    assert len(read(source)) == 1, "nothing leaves this machine"
    imap.kept.clear()
    for module in ("mailsources.imap_line", "mailsources.pop3"):
        monkeypatch.setattr(f"{module}.stays_here", lambda sock: False)
    with pytest.raises(MailboxError) as caught:
        read(source)
    assert caught.value.code == "no_starttls"
    source.allow_clear_text = True
    assert len(read(source)) == 1


@pytest.mark.parametrize("kind", ["imap-ssl", "pop3-ssl"])
def test_a_shared_mailbox_is_opened_by_another_person(dovecot: Dovecot, kind: str) -> None:
    shared = dovecot.new_user("shared")
    dovecot.drop(shared, make_mail())
    source = source_at(dovecot, kind, mailbox=shared)
    assert len(read(source)) == 1
    assert dovecot.logins(shared, 1) == 1


def test_imap_tells_when_the_server_got_a_mail(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    dovecot.drop(source.username, make_mail(), at=at)
    assert read(source)[0].received_at == at


def test_imap_lists_only_higher_uids(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    for _ in range(2):
        dovecot.drop(source.username, make_mail())
    with open_mailbox(source) as mailbox:
        mailbox.open()
        uids = [one.uid for one in listed(mailbox)]
        assert listed(mailbox, after=uids[-1] or 0) == [], "n:* always holds the last mail"
        assert [one.uid for one in listed(mailbox, after=uids[0] or 0)] == uids[1:]


def test_imap_connection_is_kept_and_sees_new_mail(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    assert read(source) == []
    dovecot.drop(source.username, make_mail())
    with open_mailbox(source) as mailbox:
        assert mailbox.open().total == 1
        assert len(listed(mailbox)) == 1
    assert dovecot.logins(source.username, 1) == 1


def test_imap_changed_settings_end_the_kept_connection(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    read(source)
    source.password = "wrong"
    with pytest.raises(MailboxError):
        read(source)


def test_imap_a_cut_connection_is_made_anew(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    dovecot.drop(source.username, make_mail())
    read(source)
    dovecot.kick(source.username)
    assert len(read(source)) == 1
    assert dovecot.logins(source.username, 2) == 2


def test_imap_a_missing_folder_is_named_with_those_there_are(dovecot: Dovecot) -> None:
    source = source_at(dovecot, folder="Suport")
    dovecot.make_folder(source.username, "Support")
    with pytest.raises(MailboxError) as caught:
        read(source)
    assert caught.value.code == "folder"
    assert "“Suport”: it has INBOX, Support." in caught.value.sentence


def test_imap_reads_a_folder_with_a_name_in_another_script(dovecot: Dovecot) -> None:
    source = source_at(dovecot, folder="Příchozí")
    dovecot.make_folder(source.username, "Příchozí")
    assert read(source) == []


@pytest.mark.parametrize("with_move", [True, False])
def test_imap_moves_into_a_folder_made_for_it(
    dovecot: Dovecot, with_move: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_move:
        has = IMAPClient.has_capability
        monkeypatch.setattr(
            IMAPClient, "has_capability", lambda self, name: name != "MOVE" and has(self, name)
        )
    source = source_at(dovecot, after_import="move", move_to="Done")
    for _ in range(2):
        dovecot.drop(source.username, make_mail())
    with open_mailbox(source) as mailbox:
        mailbox.open()
        first = listed(mailbox)[:1]
        mailbox.settle(first)
        mailbox.settle(first)
    assert len(dovecot.mails(source.username)) == 1
    assert len(dovecot.mails(source.username, "Done")) == 1


def test_imap_marks_read(dovecot: Dovecot) -> None:
    source = source_at(dovecot, after_import="read")
    dovecot.drop(source.username, make_mail())
    with open_mailbox(source) as mailbox:
        mailbox.open()
        mailbox.settle(listed(mailbox))
    assert dovecot.flags(source.username) == ["S"]


def test_imap_formats_no_mail_for_a_log(dovecot: Dovecot, caplog: pytest.LogCaptureFixture) -> None:
    source = source_at(dovecot)
    dovecot.drop(source.username, make_mail("the body of a person"))
    with caplog.at_level(logging.DEBUG), open_mailbox(source) as mailbox:
        mailbox.open()
        assert mailbox._line.client._imap.debug == 0  # type: ignore[attr-defined]
        list(mailbox.fetch(listed(mailbox)))
    assert "the body of a person" not in caplog.text
    assert source.password not in caplog.text


def test_pop3_without_uidl_will_do_when_mails_are_deleted(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_uidl(self: object, which: object = None) -> None:
        raise poplib.error_proto(b"-ERR Unknown command: UIDL")

    monkeypatch.setattr(poplib.POP3, "uidl", no_uidl)
    source = source_at(dovecot, "pop3-ssl")
    dovecot.drop(source.username, make_mail())
    with pytest.raises(MailboxError) as caught:
        read(source)
    assert caught.value.code == "no_uidl"
    source.after_import = "delete"
    with open_mailbox(source) as mailbox:
        mailbox.open()
        arrived = list(mailbox.fetch(listed(mailbox)))
        mailbox.settle([one.listed for one in arrived])
    assert dovecot.mails(source.username) == []


def test_batches_are_bounded_by_number_and_octets() -> None:
    small = [Listed(uid=uid, size=10) for uid in range(120)]
    assert [len(batch) for batch in batches(small)] == [50, 50, 20]
    mixed = [Listed(uid=1, size=10), Listed(uid=2, size=9 << 20), Listed(uid=3, size=10)]
    assert [[one.uid for one in batch] for batch in batches(mixed)] == [[1], [2], [3]]
