"""The Message-ID that a provider gives a mail, read from its answer."""

import pytest

from mailsenders import sending
from mailsenders.given import given_id
from tests.mailsenders.conftest import sender_for
from tests.make import make_outgoing
from tests.servers.smtp import SmtpServer

OURS = "ucs.1.2.abc@example.com"
SES = "0102018f3c1e2a5b-6b0d6b8e-1f2a-4c3d-9e8f-112233445566-000000"


@pytest.mark.parametrize(
    ("answer", "server", "given"),
    [
        ("250 2.0.0 OK <AM0PR01@eurprd01.prod.outlook.com> [Hostname=AM0]", "smtp.office365.com",
         "AM0PR01@eurprd01.prod.outlook.com"),
        (f"250 2.0.0 OK <{OURS}> [Hostname=AM0]", "smtp.office365.com", ""),
        (f"250 Ok {SES}", "email-smtp.eu-west-1.amazonaws.com", f"{SES}@eu-west-1.amazonses.com"),
        (f"250 Ok {SES}", "email-smtp.us-east-1.amazonaws.com", f"{SES}@email.amazonses.com"),
        (f"250 Ok {SES}", "smtp.example.com", ""),
        ("250 2.0.0 OK 1700000000 a1-20020a1c gsmtp", "smtp.gmail.com", ""),
        ("250 2.0.0 Ok: queued as 4SXk1t0", "mail.example.com", ""),
        ("250 ok <>", "mail.example.com", ""),
    ],
)  # fmt: skip
def test_table(answer: str, server: str, given: str) -> None:
    assert given_id(answer, server, OURS) == given


@pytest.mark.django_db(transaction=True)
def test_it_is_kept_with_the_mail(server: SmtpServer) -> None:
    mail = make_outgoing(sender_for(server))
    server.fault("dot", "250 2.0.0 OK <given@provider.example> [Hostname=A]", stored=True)
    sending.send_due_mail(mail.sender.pk)

    mail.refresh_from_db()
    assert (mail.state, mail.alias) == ("sent", "given@provider.example")
