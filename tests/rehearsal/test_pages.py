"""The world's own pages, asked for as a browser would."""

import re
from email.message import EmailMessage

import requests

from rehearsal.people import COMPANY_MAILBOXES
from tests.rehearsal.conftest import GOOGLE_MAILBOX, RunningWorld

SUPPORT = "support@company.example"


def get(world: RunningWorld, path: str = "/") -> requests.Response:
    return requests.get(world.world.oauth.base_url + path, timeout=10)


def send(world: RunningWorld, **form: str) -> requests.Response:
    return requests.post(f"{world.world.oauth.base_url}/send", data=form, timeout=10)


def test_front_page_names_every_mailbox_and_the_values_of_the_reference(rehearsal: RunningWorld) -> None:
    page = re.sub("<wbr>", "", get(rehearsal).text)
    for one in COMPANY_MAILBOXES:
        assert one.address in page
    values = ("imap.gmail.com", "smtp.gmail.com", "123456789-copiedClientId.apps.googleusercontent.com")
    for value in (*values, "http://127.0.0.1:8080/api/v1.0/auth/token/2", "https://mail.google.com/"):
        assert f"<code>{value}</code>" in page


def test_button_sends_one_mail_to_the_mailbox(rehearsal: RunningWorld) -> None:
    place = f"in:{GOOGLE_MAILBOX}"
    before = get(rehearsal, "/counts.json").json()[place]
    told = send(rehearsal, mailbox=GOOGLE_MAILBOX, language="pl").text
    assert f"wrote to {GOOGLE_MAILBOX}" in told
    assert get(rehearsal, "/counts.json").json()[place] == before + 1


def test_button_for_something_else_is_refused(rehearsal: RunningWorld) -> None:
    for form in ({"mailbox": "nobody@company.example", "language": "cs"}, {"mailbox": SUPPORT}):
        assert send(rehearsal, **form).status_code == 400


def test_customer_page_shows_the_answer_as_it_was_received(rehearsal: RunningWorld) -> None:
    letter = rehearsal.run(rehearsal.world.crowd.write_to(SUPPORT, "en"))
    who = letter["From"].addresses[0].addr_spec
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = SUPPORT, who, "About <your> parcel"
    answer["Auto-Submitted"] = "auto-generated"
    answer.set_content("It is <b>not</b> lost.")
    rehearsal.run(rehearsal.world.post.deliver(SUPPORT, [who], answer.as_bytes()))
    page = get(rehearsal, f"/customers/{who}").text
    assert "About &lt;your&gt; parcel" in page
    assert "It is &lt;b&gt;not&lt;/b&gt; lost." in page
    number = rehearsal.world.crowd.customers[who].mails[-1].number
    source = get(rehearsal, f"/customers/{who}/{number}.eml")
    assert (source.headers["content-type"].split(";")[0], "Delivered-To:" in source.text) == (
        "text/plain",
        True,
    )


def test_unknown_customer_and_mail_are_not_found(rehearsal: RunningWorld) -> None:
    [who, *_] = rehearsal.world.crowd.customers
    for path in ("/customers/nobody@customer.example", f"/customers/{who}/999.eml"):
        assert get(rehearsal, path).status_code == 404
