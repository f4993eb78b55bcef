"""The communication log: no secret in it or its export, sealed parts opened with a reason, old rows gone."""

import json
from base64 import b64encode
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from audit.models import AuditRow
from rehearsal.oauth import OAuthServer
from sso import communication, tokens
from sso.communication import Entry, Kind, Whose
from sso.communication_export import Span, lines
from sso.communication_models import ConnectionLog, FullRecord
from sso.hearing import Hearing
from sso.models import ProviderToken, SSOProvider
from tests.make import make_administrator, make_agent, make_provider, make_signed_in_provider
from tests.sso.conftest import MAILBOX

pytestmark = pytest.mark.django_db

PASSWORD = "Xk7!pässword-of-the-box"
TOKEN = "ya29.a0AfB_canary-access-token-0123456789"
REFRESH = "1//0canary-refresh-token-abcdefghij"
CLIENT = "GOCSPX-canary-client-secret"
CODE = "4/canary-code-of-a-callback"
COOKIE = "canary-session-cookie-value"
KEY = "canary-service-key-98765"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.c2lnbmF0dXJlLWNhbmFyeQ"
SECRETS = (PASSWORD, TOKEN, REFRESH, CLIENT, CODE, COOKIE, KEY, JWT)


@pytest.fixture(autouse=True)
def nothing_left_over() -> None:
    """What another test counted or has noted in full is not this one's."""
    communication._counter.take()
    communication.look_up(now=True)


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def imap_with_secrets() -> Hearing:
    """A sign-in of each kind, and a server that repeats what it was sent."""
    heard = Hearing("IMAP", "imap.example.com:993")
    heard.hide(PASSWORD)
    heard.us(f'KJHG1 LOGIN "box@example.com" "{PASSWORD}"\r\n'.encode())
    heard.them(f"* NO unknown command {PASSWORD} {base64('x' + PASSWORD)}\r\n".encode())
    heard.them(b"KJHG1 NO [AUTHENTICATIONFAILED] no\r\n")
    heard.us(b"KJHG2 AUTHENTICATE XOAUTH2\r\n")
    heard.them(b"+ \r\n")
    heard.us(base64(f"user=box@example.com\1auth=Bearer {TOKEN}\1\1").encode())
    heard.them(f"* OK you said auth=Bearer {TOKEN}\r\n".encode())
    heard.them(b"KJHG2 OK done\r\n")
    heard.us(b"KJHG3 UID FETCH 5 (BODY.PEEK[])\r\n")
    heard.them(b'* 1 FETCH (UID 5 BODY[] "From: a\\"b Private words of a customer")\r\n')
    heard.them(b"* 2 FETCH (UID 6 BODY[] {4711}\r\n")
    heard.them(4711)
    return heard


def pop3_and_smtp_with_secrets() -> list[Hearing]:
    pop3 = Hearing("POP3", "pop.example.com:995")
    pop3.us(b"USER box")
    pop3.them(b"+OK")
    pop3.us(f"PASS {PASSWORD}".encode())
    pop3.them(b"+OK 3 messages")
    smtp = Hearing("SMTP", "smtp.example.com:587")
    smtp.us(f"AUTH PLAIN {base64(f'{chr(0)}box{chr(0)}{PASSWORD}')}")
    smtp.them("235 2.7.0 fine")
    smtp.us(b"AUTH LOGIN " + base64("box").encode())
    smtp.them("334 UGFzc3dvcmQ6")
    smtp.us(base64(PASSWORD))
    smtp.them("535 5.7.8 no")
    smtp.us("MAIL FROM:<alice@example.com>")
    https = Hearing("HTTPS", "login.example.com")
    https.hide(CLIENT)
    https.us(
        f"POST https://login.example.com/token?code={CODE}&client_secret={CLIENT}&refresh_token={REFRESH}"
    )
    https.them(json.dumps({"access_token": TOKEN, "refresh_token": REFRESH, "id_token": JWT}))
    https.them(f"Set-Cookie: sid={COOKIE}; HttpOnly")
    https.us(f"Authorization: Bearer {KEY}")
    https.us(f"Cookie: sessionid={COOKIE}")
    https.them(f"the key was api_key={KEY}, the token {JWT}, the client {CLIENT}")
    return [pop3, smtp, https]


def all_forms(secret: str) -> list[str]:
    """A secret as it is, and in base64 beginning at each of three places."""
    encoded = [base64("x" * shift + secret)[4 * bool(shift) :].rstrip("=")[:-2] for shift in range(3)]
    return [secret, *encoded]


def test_no_secret_is_kept_or_exported(settings: Settings, client: Client) -> None:
    provider = make_provider()
    communication.record_in_full(provider, None)
    communication.look_up(now=True)
    whose = Whose(SSOProvider, provider.pk)
    heard = [imap_with_secrets(), *pop3_and_smtp_with_secrets()]
    told = f"It failed: Bearer {TOKEN}, password={PASSWORD}, {JWT}"
    communication.write(Entry(Kind.POLL, each, whose, told, is_good=False) for each in heard)

    client.force_login(make_administrator())
    span = {"begin": "2020-01-01T00:00", "end": "", "kind": ""}
    response = client.post(reverse("admin:sso_connectionlog_export"), span)
    exported = response.getvalue().decode()
    rows = list(ConnectionLog.objects.order_by("pk"))
    kept = "\n".join(
        f"{row.sentence} {json.dumps(row.lines, ensure_ascii=False)} {row.sealed}" for row in rows
    )
    assert len(exported.splitlines()) == len(rows) == 4
    assert all(row.is_sealed for row in rows)
    for secret in SECRETS:
        for form in all_forms(secret):
            assert form not in kept, form
            assert form not in exported, form
    assert "Private words" not in kept
    assert "KJHG1 LOGIN …" in kept  # what was done is told all the same
    assert "(4,711 octets)" in kept
    assert "MAIL FROM:<alice@example.com>" in kept
    assert "334 UGFzc3dvcmQ6" in kept
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(sealed, ' ') FROM sso_connectionlog")
        sealed = cursor.fetchone()[0]
    assert "KJHG1" not in sealed  # at rest it is cipher text
    noted = AuditRow.objects.get(act="exported")
    assert noted.actor_name == "root"
    assert "2020-01-01" in noted.note


def test_an_export_is_a_stream_of_a_few_queries() -> None:
    """However long the span is, no more than a portion is in memory."""
    communication.write(Entry(Kind.TEST, Hearing("HTTPS"), sentence=f"Number {n}.") for n in range(1200))
    now = timezone.now()
    span = Span(now - timedelta(hours=1), now + timedelta(hours=1))
    for sentence, at in (("Too early.", span.begin - timedelta(seconds=1)), ("Too late.", span.end)):
        communication.write([Entry(Kind.TEST, Hearing("HTTPS"), sentence=sentence)])
        ConnectionLog.objects.filter(sentence=sentence).update(began_at=at)
    communication.write([Entry(Kind.TEST, Hearing("HTTPS"), sentence="At its beginning.")])
    ConnectionLog.objects.filter(sentence="At its beginning.").update(began_at=span.begin)
    with CaptureQueriesContext(connection) as queries:
        found = [json.loads(line) for line in lines(span)]
    assert [one["sentence"] for one in found] == [*(f"Number {n}." for n in range(1200)), "At its beginning."]
    assert len(queries) == 4


def test_what_is_sealed_is_opened_with_right_and_reason_only(client: Client) -> None:
    provider = make_provider()
    communication.record_in_full(provider, None)
    communication.look_up(now=True)
    heard = Hearing("IMAP", "imap.example.com:993")
    heard.us(b"AAAA1 SELECT INBOX\r\n" + b"x" * 1000)
    communication.write([Entry(Kind.POLL, heard, Whose(SSOProvider, provider.pk), "1 new mail.")])
    row = ConnectionLog.objects.get()
    url = reverse("admin:sso_connectionlog_open", args=[row.pk])
    clerk = make_agent("clerk").user
    clerk.is_staff = True
    clerk.save()
    clerk.user_permissions.add(Permission.objects.get(codename="view_connectionlog"))
    client.force_login(clerk)
    assert client.get(reverse("admin:sso_connectionlog_change", args=[row.pk])).status_code == 200
    assert client.post(url, {"reason": "I am curious about it"}).status_code == 403

    client.force_login(make_administrator())
    page = client.get(url)
    assert "x" * 500 not in page.content.decode()
    assert client.post(url, {"reason": "  ab "}).status_code == 400
    assert not AuditRow.objects.filter(act="opened").exists()
    opened = client.post(url, {"reason": "Complaint of a customer, case 4711"})
    assert "x" * 900 in opened.content.decode()
    noted = AuditRow.objects.get(act="opened")
    assert (noted.reason, noted.object_id) == ("Complaint of a customer, case 4711", str(row.pk))


def test_quiet_connections_are_one_row_an_hour_over_all_processes() -> None:
    whose = Whose(SSOProvider, 7)
    at = timezone.now().replace(minute=10)
    for minutes in (0, 1, 2):
        communication.nothing_happened(
            Kind.POLL, whose, "imap.example.com:993", at + timedelta(minutes=minutes)
        )
    communication.nothing_happened(Kind.POLL, whose, "imap.example.com:993", at + timedelta(hours=1))
    communication.write_quiet()  # not yet: it is written every few minutes
    assert not ConnectionLog.objects.exists()
    communication.write_quiet(now=True)
    communication.nothing_happened(
        Kind.POLL, whose, "imap.example.com:993", at + timedelta(minutes=9)
    )  # another's
    communication.write_quiet(now=True)
    rows = ConnectionLog.objects.order_by("began_at").values_list("count", "began_at", "ended_at", "outcome")
    assert list(rows) == [
        (4, at, at + timedelta(minutes=9), "quiet"),
        (1, at + timedelta(hours=1), at + timedelta(hours=1), "quiet"),
    ]


def test_old_rows_go_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the 14 days that nobody has to set."""
    monkeypatch.setattr("sso.communication.AT_ONCE", 2)
    communication.write(Entry(Kind.TEST, Hearing("HTTPS")) for _ in range(7))
    keys = sorted(ConnectionLog.objects.values_list("pk", flat=True))
    old = timezone.now() - timedelta(days=14, minutes=1)
    ConnectionLog.objects.filter(pk__in=keys[:5]).update(began_at=old)
    FullRecord.objects.create(connection=make_provider(), until=old)
    assert communication.forget_old(timezone.now()) == 5
    assert sorted(ConnectionLog.objects.values_list("pk", flat=True)) == keys[5:]
    assert not FullRecord.objects.exists()


def test_a_log_that_cannot_be_written_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Hearing("SMTP", "smtp.example.com:25")
    heard.us("x")
    entry = Entry(Kind.SENDING, heard, sentence="gone", mails=[2**70])  # more than the column takes
    communication.write([entry])
    assert "missing in the communication log" in caplog.text
    assert ConnectionLog.objects.count() == 0  # and the transaction around it goes on


def test_what_no_database_takes_costs_no_other_line() -> None:
    odd = Hearing("SMTP", "192.0.2.1\0")
    odd.them("\0NOOP \udc80")
    fine = Hearing("SMTP", "192.0.2.2")
    told = 'Refused: 500 Error: command "\0NOOP" not recognized \udc80'
    communication.write([Entry(Kind.INTAKE, odd, sentence=told, is_good=False), Entry(Kind.INTAKE, fine)])
    first, second = ConnectionLog.objects.order_by("pk")
    assert (first.peer, second.peer) == ("192.0.2.1", "192.0.2.2")
    assert 'command "NOOP" not recognized' in first.sentence


def test_requests_for_tokens_are_told_without_the_tokens(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    before = ProviderToken.objects.get(provider=provider)
    tokens.access_token(provider.pk, force=True)
    after = ProviderToken.objects.get(provider=provider)
    row = ConnectionLog.objects.get()
    text = json.dumps(row.lines)
    assert (row.kind, row.outcome, row.connection) == ("token", "good", provider)
    assert "grant_type=refresh_token" in text
    assert "HTTP 200" in text
    for secret in (before.refresh_token, after.access_token, after.refresh_token, provider.client_secret):
        assert secret
        assert secret not in text


def test_the_page_of_a_provider_has_its_log_and_records_in_full(client: Client) -> None:
    client.force_login(make_administrator())
    provider = make_provider()
    heard = Hearing("HTTPS", "login.example.com")
    communication.write(
        [Entry(Kind.TOKEN, heard, Whose(SSOProvider, provider.pk), "HTTP 400", is_good=False)]
    )
    communication.write([Entry(Kind.TOKEN, heard, Whose(SSOProvider, provider.pk + 1), "of another")])
    page = client.get(reverse("admin:sso_ssoprovider_change", args=[provider.pk])).content.decode()
    log = page.split('id="full-record"')[1].split('href="')[1].split('"')[0]
    listed = client.get(log).content.decode()
    assert "HTTP 400" in listed
    assert "of another" not in listed
    url = reverse("admin:sso_ssoprovider_record", args=[provider.pk])
    assert "noted in full until" in client.post(url).content.decode()
    until = FullRecord.objects.get().until
    assert timedelta(minutes=59) < until - timezone.now() <= timedelta(hours=1)
    assert "noted in full" in client.get(reverse("admin:sso_connectionlog_changelist")).content.decode()
    assert AuditRow.objects.filter(act="did", note__contains="in full").count() == 1
    assert "Record full dialogue" in client.post(url, {"stop": "1"}).content.decode()
    assert not FullRecord.objects.exists()


def test_a_list_asks_a_constant_number_of_queries(client: Client) -> None:
    client.force_login(make_administrator())
    providers = [make_provider(name=f"provider {n}") for n in range(6)]
    url = reverse("admin:sso_connectionlog_changelist")

    def asked(number: int) -> int:
        for each in providers[:number]:
            communication.write([Entry(Kind.TOKEN, Hearing("HTTPS"), Whose(SSOProvider, each.pk), "ok")])
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    asked(1)  # content types are remembered
    assert asked(1) == asked(6)


def test_a_filter_that_is_nonsense_finds_nothing(client: Client) -> None:
    client.force_login(make_administrator())
    communication.write([Entry(Kind.TEST, Hearing("HTTPS"), sentence="found me")])
    url = reverse("admin:sso_connectionlog_changelist")
    for asked in ("x", "1-", "1-2-3", "-1-2", "9" * 30 + "-1"):
        assert "found me" not in client.get(url, {"of": asked}).content.decode()
