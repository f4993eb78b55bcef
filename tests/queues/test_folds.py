"""Mails as they are kept and shown: signature and quote folded, the first sender of forwarded mail named."""

import pytest
from django.test import Client

from queues.inbox import Listing, View, page
from queues.models import EmailQueue
from tests.make import make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db

ANSWER = (
    "It came broken.\n\nMit freundlichen Grüßen\nCharlie Stone\nRosengarten GmbH\n\n"
    "Am 05.03.2024 um 10:11 schrieb Alice:\n> Ist es da?\n"
)
FORWARDED = (
    "Can you help him?\n\n---------- Forwarded message ---------\nFrom: Dan Dane <dan@example.net>\n"
    "Date: today\nSubject: Two chairs\nTo: charlie@customer.example\n\nOne leg is missing.\n"
)


@pytest.fixture
def queue() -> EmailQueue:
    return make_queue([make_supervisor("bob")])


@pytest.fixture
def bob(client: Client, queue: EmailQueue) -> Client:
    assert client.login(username="bob", password="bob")
    return client


def test_the_signature_is_kept_apart(queue: EmailQueue) -> None:
    message = receive(queue, make_mail(ANSWER))

    assert message.signature_at is not None
    assert message.text[message.signature_at : message.quote_at].startswith("Mit freundlichen")
    assert message.conversation.preview == "It came broken."
    assert receive(queue, make_mail("It came.")).signature_at is None


def test_words_of_a_signature_are_found(queue: EmailQueue) -> None:
    message = receive(queue, make_mail(ANSWER))
    user = queue.members.get().user

    found = page(user, Listing(view=View.ALL, text="rosengarten"))

    assert [row.pk for row in found.rows] == [message.conversation_id]


def test_text_is_folded_on_the_page(bob: Client, queue: EmailQueue) -> None:
    message = receive(queue, make_mail(ANSWER))

    html = bob.get(f"/conversations/{message.conversation_id}/").content.decode()

    new, signature, quoted = (
        html.index("It came broken."),
        html.index("Rosengarten"),
        html.index("Ist es da?"),
    )
    assert new < html.index(">Signature</summary>") < signature < html.index(">•••</summary>") < quoted


def test_a_forwarded_mail_names_its_first_sender_and_is_open(bob: Client, queue: EmailQueue) -> None:
    message = receive(queue, make_mail(FORWARDED, Subject="Fwd: Two chairs"))

    html = bob.get(f"/conversations/{message.conversation_id}/").content.decode()

    assert "Forwarded: originally from <b>Dan Dane &lt;dan@example.net&gt;, “Two chairs”</b>" in html
    assert html.index('<details class="quoted" open>') < html.index("One leg is missing.")


def test_html_is_folded_in_the_frame(bob: Client, queue: EmailQueue) -> None:
    block = "<p>From: Alice &lt;alice@example.com&gt;<br>Sent: today<br>To: Charlie<br>Subject: Chairs</p>"
    html = f"<p>It came broken.</p><p>Best regards<br>Charlie</p><hr>{block}<p>Is it there?</p>"
    message = receive(queue, make_mail(html, Content_Type="text/html"))

    body = bob.get(f"/messages/{message.pk}/body").content.decode()

    assert body.count("<details><summary>") == 2
    assert (
        "<p>It came broken.</p><details><summary>Signature</summary><p>Best regards<br>Charlie</p></details>"
        "<details><summary>•••</summary><hr><p>From: Alice"
    ) in body
