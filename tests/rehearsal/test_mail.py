"""The world's mail servers, seen by the client libraries that the product uses, too."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import aiosmtplib
import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from tests.rehearsal.conftest import GOOGLE_MAILBOX, PASSWORD, RunningWorld, wait_for

SUPPORT, BILLING = "support@company.example", "billing@company.example"
GOOGLE_IMAP, GOOGLE_SMTP, COMPANY = "imap.gmail.com", "smtp.gmail.com", "mail.company.example"


def make_mail(sender: str, to: str, subject: str = "Hello", body: str = "A line.") -> str:
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Message-ID: <{subject}@test.example>"]
    return "\r\n".join([*lines, "", body, ""])


def inbox(world: RunningWorld, name: str, user: str) -> IMAPClient:
    client = world.imap(name)
    if name == GOOGLE_IMAP:
        client.oauth2_login(user, world.token(user))
    else:
        client.login(user, PASSWORD)
    client.select_folder("INBOX")
    return client


def subjects(world: RunningWorld, name: str, user: str) -> list[str]:
    with inbox(world, name, user) as client:
        found = client.fetch(client.search(), ["BODY.PEEK[]"]) if client.search() else {}
        return [
            line[9:].decode()
            for part in found.values()
            for line in part[b"BODY[]"].split(b"\r\n")
            if line.startswith(b"Subject: ")
        ]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 15))


async def send_by_google(world: RunningWorld, user: str, token: str, to: str, subject: str) -> None:
    port = world.port(GOOGLE_SMTP, 587)
    smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=True, tls_context=world.tls, timeout=10)
    async with smtp:
        await smtp.auth_xoauth2(user, token)
        await smtp.sendmail(user, [to], make_mail(user, to, subject))


async def send_by_password(world: RunningWorld, kind: dict[str, Any], **mail: Any) -> Any:
    login = {"username": SUPPORT, "password": PASSWORD} | mail.pop("login", {})
    smtp = aiosmtplib.SMTP(hostname="127.0.0.1", tls_context=world.tls, timeout=10, **kind, **login)
    async with smtp:
        return await smtp.sendmail(
            mail.get("sender", SUPPORT),
            mail.get("to", [BILLING]),
            make_mail(SUPPORT, BILLING, mail.get("subject", "Hello")),
        )


def starttls(world: RunningWorld) -> dict[str, Any]:
    return {"port": world.port(COMPANY, 587), "start_tls": True}


def test_imap_takes_the_token_of_the_mailbox(rehearsal: RunningWorld) -> None:
    with inbox(rehearsal, GOOGLE_IMAP, GOOGLE_MAILBOX) as client:
        assert client.has_capability("IDLE")


def test_imap_refuses_bad_tokens_foreign_tokens_and_passwords(rehearsal: RunningWorld) -> None:
    expired = rehearsal.token()
    rehearsal.world.oauth.expire_access_tokens()
    for token in ("ya29.made-up", rehearsal.token("returns@company.com"), expired):
        with pytest.raises(LoginError), rehearsal.imap(GOOGLE_IMAP) as client:
            client.oauth2_login(GOOGLE_MAILBOX, token)
    with pytest.raises(LoginError), rehearsal.imap(GOOGLE_IMAP) as client:
        client.login(GOOGLE_MAILBOX, PASSWORD)
    with rehearsal.imap(GOOGLE_IMAP) as client:
        client.oauth2_login(GOOGLE_MAILBOX, rehearsal.token())


def test_company_imap_takes_the_password_only(rehearsal: RunningWorld) -> None:
    inbox(rehearsal, COMPANY, SUPPORT).logout()
    for user, password in ((SUPPORT, "wrong"), ("nobody@company.example", PASSWORD), (SUPPORT, "")):
        with pytest.raises(LoginError), rehearsal.imap(COMPANY) as client:
            client.login(user, password)


def test_imap_offers_starttls_on_the_plain_port(rehearsal: RunningWorld) -> None:
    port = rehearsal.port(COMPANY, 143)
    with IMAPClient("127.0.0.1", port, ssl=False, timeout=10) as client:
        client.starttls(rehearsal.tls)
        client.login(SUPPORT, PASSWORD)
        assert client.folder_exists("INBOX")


@pytest.mark.parametrize("kind", ["starttls", "ssl", "none"])
def test_smtp_delivers_at_once(rehearsal: RunningWorld, kind: str) -> None:
    kinds = {
        "starttls": starttls(rehearsal),
        "ssl": {"port": rehearsal.port(COMPANY, 465), "use_tls": True},
        "none": {"port": rehearsal.port(COMPANY, 25), "start_tls": False},
    }
    run(send_by_password(rehearsal, kinds[kind], subject=f"by-{kind}"))
    assert f"by-{kind}" in subjects(rehearsal, COMPANY, BILLING)


def test_smtp_refuses_a_wrong_password(rehearsal: RunningWorld) -> None:
    with pytest.raises(aiosmtplib.SMTPAuthenticationError, match=r"5\.7\.8"):
        run(send_by_password(rehearsal, starttls(rehearsal), login={"password": "wrong"}))


def test_smtp_refuses_unknown_recipients_and_foreign_senders(rehearsal: RunningWorld) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused, match=r"5\.1\.1"):
        run(send_by_password(rehearsal, starttls(rehearsal), to=["nobody@company.example"]))
    refused, _ = run(
        send_by_password(rehearsal, starttls(rehearsal), to=[BILLING, "someone@elsewhere.example"])
    )
    assert refused["someone@elsewhere.example"].code == 550
    with pytest.raises(aiosmtplib.SMTPSenderRefused, match=r"5\.7\.1"):
        run(send_by_password(rehearsal, starttls(rehearsal), sender=BILLING))


def test_smtp_takes_tagged_senders_and_recipients(rehearsal: RunningWorld) -> None:
    mail = {"sender": "support+r7@company.example", "to": ["billing+x@company.example"], "subject": "tagged"}
    run(send_by_password(rehearsal, starttls(rehearsal), **mail))
    assert "tagged" in subjects(rehearsal, COMPANY, BILLING)


def test_google_smtp_takes_the_token_and_keeps_a_copy(rehearsal: RunningWorld) -> None:
    run(send_by_google(rehearsal, GOOGLE_MAILBOX, rehearsal.token(), SUPPORT, "by-token"))
    assert "by-token" in subjects(rehearsal, COMPANY, SUPPORT)
    with inbox(rehearsal, GOOGLE_IMAP, GOOGLE_MAILBOX) as client:
        client.select_folder("[Gmail]/Sent Mail")
        assert client.search(["SUBJECT", "by-token"])


@pytest.mark.parametrize("bad", ["made-up", "foreign", "x" * 3000])
def test_google_smtp_refuses_bad_tokens_of_any_length(rehearsal: RunningWorld, bad: str) -> None:
    token = rehearsal.token("returns@company.com") if bad == "foreign" else bad
    with pytest.raises(aiosmtplib.SMTPAuthenticationError, match=r"5\.7\.8"):
        run(send_by_google(rehearsal, GOOGLE_MAILBOX, token, SUPPORT, "never"))
    assert "never" not in subjects(rehearsal, COMPANY, SUPPORT)


def test_smtp_announces_its_size(rehearsal: RunningWorld) -> None:
    async def announced() -> str:
        port = rehearsal.port(COMPANY, 587)
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
            await smtp.ehlo()
            return smtp.esmtp_extensions["size"]

    assert int(run(announced())) == 35_882_577


def test_new_mail_wakes_an_idling_client(rehearsal: RunningWorld) -> None:
    with inbox(rehearsal, COMPANY, BILLING) as client:
        client.idle()
        run(send_by_password(rehearsal, starttls(rehearsal), subject="wake-up"))
        told = wait_for(lambda: client.idle_check(timeout=5))
        client.idle_done()
    assert any(kind == b"EXISTS" for _, kind in told)


def test_large_mail_with_long_lines_arrives_whole(rehearsal: RunningWorld) -> None:
    line = "x" * 60_000

    async def send() -> None:
        smtp = aiosmtplib.SMTP(
            hostname="127.0.0.1",
            tls_context=rehearsal.tls,
            username=SUPPORT,
            password=PASSWORD,
            **starttls(rehearsal),
        )
        async with smtp:
            await smtp.sendmail(SUPPORT, [BILLING], make_mail(SUPPORT, BILLING, "large", line))

    run(send())
    with inbox(rehearsal, COMPANY, BILLING) as client:
        [uid] = client.search(["SUBJECT", "large"])
        assert line.encode() in client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"]
