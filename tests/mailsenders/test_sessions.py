"""What connections to SMTP servers leave in the communication log, and what each mail's tries leave."""

import json

import pytest

from mailsenders import outbox, sending
from mailsenders.models import OutgoingMail
from mailstore.models import MailTry
from rehearsal.oauth import Account, OAuthServer
from sso import communication
from sso.communication_models import ConnectionLog
from sso.secrets import token_url
from tests.mailsenders.conftest import MakeServer, sender_for
from tests.make import make_outgoing, make_signed_in_provider
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.django_db
MAILBOX = "mailbox.email@company.com"


@pytest.fixture(autouse=True)
def nothing_in_full() -> None:
    communication.look_up(now=True)


def words(row: ConnectionLog) -> str:
    return "\n".join(f"{who} {text}" for _, who, text in row.lines)


def test_a_turn_tells_commands_and_answers_but_no_text(server: SmtpServer) -> None:
    sender = sender_for(server)
    first, second = make_outgoing(sender), make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    row = ConnectionLog.objects.get()
    said = words(row)
    assert (row.kind, row.outcome, row.connection) == ("sending", "good", sender)
    assert row.sentence == "2 mails were taken."
    assert row.mails == [first.pk, second.pk]
    assert "us EHLO" in said
    assert "us RCPT TO:<" in said
    assert "us (the text: " in said
    assert "them 250" in said
    first.refresh_from_db()
    assert first.last_answer in said
    assert "Subject" not in said
    assert not MailTry.objects.exists()  # the usual way leaves none

    make_outgoing(sender)
    sending.send_due_mail(sender.pk)  # over the kept connection
    again = ConnectionLog.objects.order_by("-pk")[0]
    assert again.pk != row.pk
    assert "EHLO" not in words(again)
    assert "us RSET" in words(again)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_sign_in_is_told_without_the_password(make_server: MakeServer, mechanism: str) -> None:
    server = make_server(tls="starttls", passwords={"box": "right-and-secret"}, mechanisms=(mechanism,))
    for password in ("right-and-secret", "wrong-and-secret"):
        sender = sender_for(server, username="box", password=password)
        make_outgoing(sender)
        sending.send_due_mail(sender.pk)
    good, bad = ConnectionLog.objects.order_by("pk")
    assert (good.outcome, bad.outcome) == ("good", "failed")
    assert "us AUTH " in words(good)
    assert "them 535" in words(bad)
    assert "535" in bad.sentence
    for row in (good, bad):
        kept = json.dumps([row.lines, row.sentence])
        assert "and-secret" not in kept
        assert "YW5kLXNlY3JldA" not in kept


def test_a_token_is_hidden_where_a_server_repeats_it(make_server: MakeServer) -> None:
    with OAuthServer(accounts=[Account(MAILBOX, "Mailbox")]) as oauth:
        server = make_server(tls="starttls", tokens=lambda user, token: oauth.owner_of(token) == user)
        provider = make_signed_in_provider(oauth, MAILBOX)
        sender = sender_for(server, username=MAILBOX, password=token_url(str(provider.pk)))
        make_outgoing(sender)
        sending.send_due_mail(sender.pk)
        row = ConnectionLog.objects.filter(kind="sending").get()
        provider.token.refresh_from_db()
        assert "us AUTH XOAUTH2 …" in words(row)
        assert provider.token.access_token not in json.dumps(row.lines)


def test_each_try_of_a_mail_is_kept_with_the_server_s_answer(server: SmtpServer) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender)
    claim = outbox.claim(sender.pk, mail.not_before)
    assert claim is not None
    busy = dict.fromkeys(claim.recipients, (outbox.RecipientState.RETRY, "450 4.2.1 Mailbox busy"))
    outbox.finish(claim, outbox.Outcome(busy, "450 4.2.1 Mailbox busy", "The mailbox is busy: tried again."))
    mail.refresh_from_db()
    claim = outbox.claim(sender.pk, mail.not_before)
    assert claim is not None
    outbox.put_back(claim, "The sender pauses.")
    claim = outbox.claim(sender.pk, mail.not_before)
    assert claim is not None
    assert outbox.start_data(claim)
    outbox.finish_uncertain(claim, outbox.Outcome({}, "closed", "No answer came."))
    outbox.mark_sent(OutgoingMail.objects.get(pk=mail.pk))
    found = MailTry.objects.filter(raw=mail.raw).values_list("what", "words", "answer")
    assert list(found) == [
        ("sending", "The mailbox is busy: tried again.", "450 4.2.1 Mailbox busy"),
        ("put_back", "The sender pauses.", ""),
        ("doubt", "No answer came.", "closed"),
        ("decided", "A person said that it had arrived.", ""),
    ]
