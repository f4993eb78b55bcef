"""Providers that ask whether they may forward are recognised in any language; nobody else is."""

import pytest

from mailcore.parse import parse
from mailcore.parsed import Confirmation
from tests.make import make_mail

US = "support-abcdefghij234567@inbound.example.test"
VF = "https://mail-settings.google.com/mail/vf-%5BAbc-9d%5D-Xy_z"
GMAIL = "Gmail Team <forwarding-noreply@google.com>"


def read(text: str, **headers: str) -> Confirmation | None:
    return parse(make_mail(text, **({"From": GMAIL, "To": US} | headers))).confirmation


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "(#512345678) Gmail Forwarding Confirmation - Receive Mail from boss@shop.example",
            f"boss@shop.example wants mail to go to {US}.\r\nConfirmation code: 512345678\r\n\r\n{VF}\r\n",
        ),
        (
            "Gmail-Weiterleitungsbestätigung – E-Mails von boss@shop.example empfangen",
            f"boss@shop.example möchte an {US} weiterleiten.\r\nBestätigungscode: 512345678\r\n{VF}.\r\n",
        ),
        (
            "(Gmail) 転送の確認",
            f"boss@shop.example さんが {US} への転送を依頼しました。\r\n確認コード：512345678\r\n{VF}\r\n",
        ),
        (
            "Potvrzení přeposílání Gmailu",
            f"Uživatel boss@shop.example požádal o {US}.\r\nKód je 512345678\r\n<{VF}>\r\n"
            "Ne: https://mail-settings.google.com/mail/uf-%5BAbc-9d%5D-Xy_z\r\n",
        ),
    ],
)
def test_gmail_asks(subject: str, text: str) -> None:
    assert read(text, Subject=subject) == Confirmation("Gmail", "boss@shop.example", "512345678", VF)


def test_the_code_may_stand_in_the_subject_alone_or_nowhere() -> None:
    in_subject = read(f"{VF}\r\n", Subject="(#612345678) Gmail - boss@shop.example")
    assert in_subject == Confirmation("Gmail", "boss@shop.example", "612345678", VF)
    nowhere = read(f"boss@shop.example asks.\r\n{VF}\r\n", Subject="Gmail Forwarding Confirmation")
    assert nowhere == Confirmation("Gmail", "boss@shop.example", "", VF)


def test_the_link_leads_to_the_provider() -> None:
    text = "boss@shop.example\r\nCode: 512345678\r\nhttps://mail-settings.google.com.evil.example/mail/vf-x-yz\r\n"
    found = read(text)
    assert found == Confirmation("Gmail", "boss@shop.example", "512345678", "")


@pytest.mark.parametrize(
    ("sender", "text", "name", "link"),
    [
        (
            "Zoho Mail <noreply@zohomail.eu>",
            "boss@shop.example has added you for mail forwarding.\r\n"
            "https://mail.zoho.eu/mail/forwardVerify?c=abc\r\n",
            "Zoho",
            "https://mail.zoho.eu/mail/forwardVerify?c=abc",
        ),
        (
            "Yahoo <no-reply@cc.yahoo-inc.com>",
            "boss@shop.example asks to forward to you: https://login.yahoo.com/forward/verify?x=1\r\n",
            "Yahoo",
            "https://login.yahoo.com/forward/verify?x=1",
        ),
        (
            "Outlook <no-reply@outlook.com>",
            "boss@shop.example: bestätigen Sie die Weiterleitung\r\nhttps://outlook.live.com/mail/confirm/7\r\n",
            "Microsoft",
            "https://outlook.live.com/mail/confirm/7",
        ),
        (
            "Hoster <noreply@service.hoster.co.uk>",
            "boss@shop.example: bitte die Umleitung bestaetigen https://my.hoster.co.uk/bestaetigung/verify/1\r\n",
            "service.hoster.co.uk",
            "https://my.hoster.co.uk/bestaetigung/verify/1",
        ),
    ],
)
def test_others_ask(sender: str, text: str, name: str, link: str) -> None:
    assert read(text, From=sender, Subject="Please confirm") == Confirmation(
        name, "boss@shop.example", "", link
    )


def test_a_link_in_html_only() -> None:
    html = f'<p>boss@shop.example, forwarding.</p><a href="{VF}">Confirm</a>'
    found = read(html, **{"Content-Type": "text/html; charset=utf-8"})
    assert found == Confirmation("Gmail", "boss@shop.example", "", VF)


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        ("Charlie <charlie@customer.example>", f"Please forward this: 512345678 {VF}"),
        ("Gmail <forwarding-noreply@google.com.evil.example>", f"Forwarding code: 512345678 {VF}"),
        ("News <noreply@shop.example>", "We look forward to your visit: https://shop.example/sale"),
        ("Shop <noreply@shop.example>", "Forwarding agent: parcel 512345678 is on its way"),
        (
            "Gmail Team <mail-noreply@google.com>",
            "Learn how to forward mail: https://support.google.com/verify",
        ),
        ("Gmail Team <forwarding-noreply@google.com>", "Forwarding has been switched off."),
    ],
)
def test_other_mail_asks_nothing(sender: str, text: str) -> None:
    assert read(text, From=sender, Subject="Hello") is None
