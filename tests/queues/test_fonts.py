"""A mail's own fonts, and what is shown where they lack."""

import pytest
from django.test import Client

from queues.fonts import with_kinds
from tests.make import make_agent, make_mail, make_queue, receive


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ('<p style="font-family:Calibri">x</p>', '<p style="font-family:Calibri, sans-serif">x</p>'),
        ('<p style="margin:0; font-family: &quot;Aptos&quot;, Calibri; top:0">x</p>',
         "<p style=\"margin:0; font-family: 'Aptos', Calibri, sans-serif; top:0\">x</p>"),
        ('<p style="font-family:Georgia">x</p>', '<p style="font-family:Georgia, serif">x</p>'),
        ('<p style="font-family:Consolas">x</p>', '<p style="font-family:Consolas, monospace">x</p>'),
        ('<p style="font-family:Arial,sans-serif">x</p>', '<p style="font-family:Arial,sans-serif">x</p>'),
        ('<font size="1" face="Verdana">x</font>', '<font size="1" face="Verdana, sans-serif">x</font>'),
        ("<p>style=\"font-family:Calibri\"</p>", "<p>style=\"font-family:Calibri\"</p>"),
        ("<p>plain</p>", "<p>plain</p>"),
        ('<p style="font-family:">x</p>', '<p style="font-family:">x</p>'),
    ],
)  # fmt: skip
def test_a_list_of_fonts_ends_in_a_kind(html: str, shown: str) -> None:
    assert with_kinds(html) == shown


@pytest.mark.django_db
def test_the_frame_of_a_mail_has_them_and_a_font_of_its_own() -> None:
    alice = make_agent("alice")
    mail = make_mail('<p style="font-family:Aptos">x</p>', Content_Type="text/html")
    message = receive(make_queue([alice]), mail)
    client = Client()
    client.force_login(alice.user)
    body = client.get(f"/messages/{message.pk}/body").content.decode()
    assert "font-family:Aptos, sans-serif" in body
    assert 'font: 14.5px/1.55 system-ui, -apple-system, "Segoe UI"' in body
