"""What servers say when they don't let us in: the right sentence, and no more logins than they bear."""

import poplib
from datetime import timedelta

import pytest
from django.utils import timezone

from mailsources import faults, lease, tasks
from mailsources.faults import MailboxError
from mailsources.fetch import fetch_new
from mailsources.models import EmailSource, SourceState
from mailsources.wanted import Watched, wanted
from mailsources.watch import Watch
from tests.make import make_source
from tests.servers.scripted import refusing

pytestmark = pytest.mark.django_db

TIME_MENDS = [
    ("-ERR [IN-USE] Do you have another POP session running?", "locked", 0),
    ("-ERR [SYS/TEMP] Try later", "busy", 0),
    ("-ERR [LOGIN-DELAY] minimum time between mail checks violation", "login_delay", 120),
    ("NO [INUSE] Mailbox is open elsewhere", "locked", 0),
    ("-ERR Unable to lock maildrop: Mailbox is locked by POP server", "locked", 0),
    ("NO [UNAVAILABLE] Temporary authentication failure.", "busy", 0),
    ("NO [SERVERBUG] Internal error occurred.", "busy", 0),
    ("BAD User is authenticated but not connected.", "not_connected", 60),
    ("NO [ALERT] Too many simultaneous connections. (Failure)", "connections", 300),
    ("NO [LIMIT] Maximum number of connections from user+IP exceeded", "connections", 300),
    ("NO [LIMIT] LOGIN Rate limit hit.", "throttled", 300),
    ("NO [THROTTLED] Slow down", "throttled", 300),
    ("NO [ALERT] Account exceeded command or bandwidth limits. (Failure)", "throttled", 3600),
    ("BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", "throttled", 299.961),
    ("NO Server Unavailable. 15", "busy", 0),
    ("* BYE Connection is closed. 13", "busy", 0),
]
PEOPLE_MEND = [
    ("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", "password"),
    ("-ERR [AUTH] Account is blocked.", "password"),
    ("NO LOGIN failed.", "password"),
    ("NO [ALERT] Application-specific password required: https://support.google.com/", "browser"),
    ("NO [WEBALERT https://accounts.google.com/] Web login required.", "browser"),
    ("NO [ALERT] Your account is not enabled for IMAP use. (Failure)", "disabled"),
    ("-ERR [SYS/PERM] Your account is not enabled for POP access.", "disabled"),
    ("NO [EXPIRED] Your password has expired.", "expired"),
    ("NO [AUTHORIZATIONFAILED] No such authorization identity", "not_yours"),
    ("NO [PRIVACYREQUIRED] Plaintext authentication disallowed", "login_disabled"),
    ("NO [CONTACTADMIN] Account suspended", "operator"),
    ("-ERR [SYS/PERM] Mailbox corrupt", "operator"),
]


def refusal_of(said: str) -> MailboxError:
    return faults.refused(poplib.error_proto(said.encode()), make_source(), by_token=False)


@pytest.mark.parametrize(("said", "code", "wait"), TIME_MENDS)
def test_refusals_that_time_mends(said: str, code: str, wait: float) -> None:
    refusal = refusal_of(said)
    assert (refusal.code, refusal.wait, refusal.retry) == (code, wait, True)
    assert "again by itself" in refusal.sentence


@pytest.mark.parametrize(("said", "code"), PEOPLE_MEND)
def test_refusals_that_a_person_mends(said: str, code: str) -> None:
    refusal = refusal_of(said)
    assert (refusal.code, refusal.retry) == (code, False)
    assert said.rstrip(".") in refusal.sentence


@pytest.mark.parametrize(
    ("kind", "said", "capabilities", "wait", "words"),
    [
        ("IMAP", "NO Request is throttled. Suggested Backoff Time: 300000 milliseconds", (), 300, "in 300 s"),
        ("IMAP", "NO [LIMIT] Too many simultaneous connections.", (), 300, "no more connections"),
        ("IMAP", "NO [UNAVAILABLE] Come back later", (), 15, "can't let us in now"),
        ("POP3", "-ERR [LOGIN-DELAY] Too early", ("LOGIN-DELAY 900",), 900, "poll interval"),
        ("POP3", "-ERR [IN-USE] Locked", (), 15, "Another program"),
        ("POP3", "-ERR [SYS/TEMP] Disk trouble", (), 15, "can't let us in now"),
    ],
)
def test_nobody_signs_in_before_the_time_the_server_asked_for(
    kind: str, said: str, capabilities: tuple[str, ...], wait: float, words: str
) -> None:
    with refusing(kind, said, capabilities) as server:
        source = make_source(server_type=kind, service_port=server.port, use_ssl=False, password="secret")
        began = timezone.now()
        assert fetch_new(source).failure is not None
        state = SourceState.objects.get(source=source)
        assert words in state.last_error
        assert state.next_attempt_at is not None
        assert state.next_attempt_at >= began + timedelta(seconds=wait)
        tasks.poll_due()
        assert lease.due(10) == []
        assert server.logins == 1


def test_a_refusal_instead_of_a_greeting_is_understood() -> None:
    refusal = faults.connecting(poplib.error_proto(b"* BYE Too many connections from you"), make_source())
    assert (refusal.code, refusal.wait) == ("connections", 300)


def test_the_watch_obeys_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_source()
    monkeypatch.setattr("mailsources.watch.time.monotonic", lambda: 1000.0)
    one = Watched(wanted()[source.pk])
    waiting = Watch(lambda ids: None)
    waiting._pause(one, MailboxError("Slow down.", code="throttled", wait=900))
    assert not one.is_due(1899.0)
    assert one.is_due(1901.0)


def test_a_conversation_that_breaks_off_is_never_called_a_wrong_password() -> None:
    source: EmailSource = make_source()
    broken = faults.talking(poplib.error_proto(b"-ERR [SYS/PERM] no such mail"), source)
    assert (broken.code, broken.retry) == ("protocol", True)


@pytest.mark.parametrize("said", ["-ERR no\0body", "-ERR \x1b[2J\x07 \0"])
def test_what_no_database_can_hold_is_no_sentence(said: str) -> None:
    with refusing("POP3", said) as server:
        source = make_source(server_type="POP3", service_port=server.port, use_ssl=False, password="x")
        looked = fetch_new(source)
    state = SourceState.objects.get(source=source)
    assert looked.error == state.last_error != ""
    assert state.last_error.isprintable()
    assert not state.lease_owner
