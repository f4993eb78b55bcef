"""The whole story: from the mailbox through the desk to the customer's second mail, on real servers.

A customer writes to a company mailbox in a real Dovecot; the mail becomes a conversation in its queue; an
agent with the right skill and language takes it and answers; the reply reaches the customer over a real SMTP
server and lies in the customer's own thread; the customer's answer comes back into the same conversation.
"""

import email
import email.policy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bench import together
from rehearsal.oauth import Account, OAuthServer
from tests import product as products
from tests.browser import sign_out
from tests.product import Product, eventually
from tests.servers import dovecot as dovecots
from tests.servers.authority import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.timeout(400)

PASS_PHRASE = "a-long-pass-phrase"
GOOGLE_BOX = "google@company.example"
TOKEN_URL = "http://127.0.0.1:8080/api/v1.0/auth/token/{}"

PEOPLE = f"""
skills: [billing]
languages: [de, en]
agents:
  - username: alice
    password: {PASS_PHRASE}
    skills: {{billing: 4}}
    languages: {{de: 5, en: 4}}
  - {{username: charlie, password: {PASS_PHRASE}, skills: {{billing: 5}}, languages: {{en: 5}}}}
  - {{username: root, password: {PASS_PHRASE}, role: administrator}}
"""


@dataclass
class Story:
    """One company mailbox, one customer, and the product between them."""

    product: Product
    dovecot: Dovecot
    smtp: SmtpServer
    support: str
    customer: str
    password: str
    server_type: str = "IMAP"
    read: int = 0

    @property
    def name(self) -> str:
        """Of the queue, the source and the sender."""
        return self.support.partition("@")[0]

    @property
    def subject(self) -> str:
        """Of the customer's first mail."""
        return f"Falsche Rechnung für März ({self.name})"

    def settings(self) -> str:
        """The settings file of this story."""
        port = {"IMAP": self.dovecot.ports.imaps, "POP3": self.dovecot.ports.pop3s}[self.server_type]
        return f"""{PEOPLE}
senders:
  - name: {self.name}
    server_type: STARTTLS
    server_address: 127.0.0.1
    service_port: {self.smtp.port}
    username: {self.support}
    password: {self.password}
    email_address: {self.support}
queues:
  - name: {self.name}
    sender: {self.name}
    members: [alice, charlie]
    skills: {{billing: 2}}
    languages: [en, de]
    signature: Company support
sources:
  - name: {self.name}
    server_type: {self.server_type}
    server_address: 127.0.0.1
    service_port: {port}
    username: {self.support}
    password: {self.password}
    queue: {self.name}
"""

    def write(self, mail: EmailMessage) -> None:
        """The customer's mail arrives in the company mailbox."""
        self.dovecot.drop(self.support, mail.as_bytes(policy=email.policy.SMTP))

    def next_reply(self) -> EmailMessage:
        """The next mail that reached the customer, read by another parser than ours."""
        taken = self.smtp.wait_for(self.read + 1, 60)[self.read]
        self.read += 1
        assert taken.recipients == (self.customer,)
        return email.message_from_bytes(taken.raw, policy=email.policy.default)

    def conversation(self) -> dict[str, Any]:
        """The only conversation of the queue, once it is there."""
        (row,) = eventually(lambda: self.product.conversations(queue=self.name), "a conversation", 60)
        return dict(self.product.get(f"conversations/{row['id']}"))


def first_mail(story: Story) -> EmailMessage:
    """A complaint in German, with a file."""
    mail = EmailMessage()
    mail["From"] = f"Clara Kundin <{story.customer}>"
    mail["To"] = story.support
    mail["Subject"] = story.subject
    mail["Date"] = "Tue, 03 Mar 2026 09:15:00 +0100"
    mail["Message-ID"] = f"<first.{story.name}@customer.example>"
    mail.set_content(
        "Guten Tag,\n\nauf meiner Rechnung für März steht ein falscher Betrag. Können Sie das bitte prüfen\n"
        "und mir eine neue Rechnung schicken?\n\nViele Grüße\nClara"
    )
    mail.add_attachment(b"%PDF-1.4 bill", maintype="application", subtype="pdf", filename="Rechnung März.pdf")
    return mail


def second_mail(story: Story, reply: EmailMessage) -> EmailMessage:
    """The customer answers what was received."""
    mail = EmailMessage()
    mail["From"] = f"Clara Kundin <{story.customer}>"
    mail["To"] = str(reply["From"])
    mail["Subject"] = str(reply["Subject"])
    mail["Message-ID"] = f"<second.{story.name}@customer.example>"
    mail["In-Reply-To"] = str(reply["Message-ID"])
    mail["References"] = f"{reply['References']} {reply['Message-ID']}"
    mail.set_content("Vielen Dank, jetzt stimmt der Betrag.\n\n> die neue Rechnung ist unterwegs.")
    return mail


def check_first(story: Story, detail: dict[str, Any]) -> None:
    """The conversation as the customer's mail made it."""
    assert detail["state"] == "waiting"
    assert detail["language"] == "de"
    assert detail["subject"] == story.subject
    assert detail["contact"] == {"name": "Clara Kundin", "email": story.customer}
    (message,) = detail["messages"]
    assert [file["name"] for file in message["attachments"]] == ["Rechnung März.pdf"]


def check_reply(story: Story, reply: EmailMessage) -> None:
    """The reply lies in the customer's thread and reads well."""
    assert reply["In-Reply-To"] == f"<first.{story.name}@customer.example>"
    assert reply["References"] == f"<first.{story.name}@customer.example>"
    assert reply["Subject"] == f"Re: {story.subject}"
    body = reply.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert text.startswith("Guten Tag, die neue Rechnung ist unterwegs.")
    assert "Company support" in text
    assert "> auf meiner Rechnung für März" in text


def check_answer(story: Story, conversation_id: int) -> None:
    """The customer's answer is in the same conversation, which is ours again."""
    path = f"conversations/{conversation_id}"
    detail = eventually(
        lambda: (now := story.product.get(path))["messages_count"] == 3 and now, "the customer's answer", 60
    )
    assert [message["direction"] for message in detail["messages"]] == ["in", "out", "in"]
    assert detail["state"] in ("waiting", "assigned")
    assert detail["messages"][1]["delivery"]["state"] == "sent"
    assert len(story.product.conversations(queue=story.name)) == 1
    assert len(story.product.conversations(contact=story.customer)) == 1


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def oauth() -> Iterator[OAuthServer]:
    with OAuthServer(accounts=[Account(GOOGLE_BOX, "Google box")]) as server:
        yield server


@pytest.fixture(scope="module")
def dovecot(authority: Authority, oauth: OAuthServer) -> Iterator[Dovecot]:
    with dovecots.running(authority, oauth=oauth.endpoints()["userinfo_url"]) as server:
        yield server


@pytest.fixture(scope="module")
def product(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product") / "data"
    with products.running(folder, UCS_CA_BUNDLE=str(authority.bundle), UCS_UNDO="1") as running:
        yield running


@pytest.fixture
def smtp(authority: Authority, oauth: OAuthServer) -> Iterator[SmtpServer]:
    def knows(user: str, token: str) -> bool:
        return oauth.owner_of(token) == user

    passwords = dict.fromkeys(["imap@company.example", "pop3@company.example"], dovecots.PASSWORD)
    passwords["crowd@company.example"] = dovecots.PASSWORD
    certificate = authority.certificate()
    with SmtpServer(tls="starttls", certificate=certificate, passwords=passwords, tokens=knows) as server:
        yield server


@pytest.fixture
def page(chromium: Browser, product: Product) -> Iterator[Page]:
    """A browser at the product; errors on its console fail the test."""
    errors: list[str] = []
    page = chromium.new_page(base_url=product.url, viewport={"width": 1280, "height": 900})
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda one: errors.append(str(one)))
    page.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    yield page
    told = list(errors)
    page.close()  # what it asks for meanwhile is asked without its session
    assert told == []


@pytest.mark.parametrize("server_type", ["IMAP", "POP3"])
def test_with_passwords_by_settings_file_and_api_alone(
    server_type: str, product: Product, dovecot: Dovecot, smtp: SmtpServer
) -> None:
    name = server_type.lower()
    story = Story(
        product, dovecot, smtp, f"{name}@company.example", f"clara.{name}@customer.example", dovecots.PASSWORD
    )
    story.server_type = server_type
    story.write(first_mail(story))
    product.apply(story.settings())
    assert "0 created or changed" in product.apply(story.settings())

    product.sign_in("alice")
    conversation = story.conversation()
    check_first(story, conversation)
    path = f"conversations/{conversation['id']}"
    assert product.post(f"{path}/take")["agent"] == "alice"
    body = {"text": "Guten Tag, die neue Rechnung ist unterwegs."}
    first, second = (
        product.post(f"{path}/replies", body, **{"Idempotency-Key": f"{name}-1"}) for _ in range(2)
    )
    assert first["id"] == second["id"]

    reply = story.next_reply()
    check_reply(story, reply)
    story.write(second_mail(story, reply))
    check_answer(story, conversation["id"])
    assert len(smtp.mails) == 1


def connect_google(page: Page, oauth: OAuthServer) -> str:
    """An administrator adds an SSO provider and signs in with 🔑; returns the token URL."""
    page.goto("/admin/")
    page.fill("[name=username]", "root")
    page.fill("[name=password]", PASS_PHRASE)
    page.keyboard.press("Enter")
    page.click("#nav-sidebar >> text=SSO providers")
    page.click("text=+ add SSO provider >> nth=0")
    page.get_by_label("Client ID").fill("123456789-flow.apps.googleusercontent.com")
    page.get_by_label("Client secret", exact=True).fill("GABCDEF-flow")
    page.click("text=Mail servers >> nth=0")
    page.get_by_label("Servers that may get its tokens").fill("127.0.0.1")  # Dovecot stands in for Gmail
    page.click("text=Other endpoints")
    page.get_by_label("Authorization URL").fill(oauth.endpoints()["authorization_url"])
    page.get_by_label("Access token URL").fill(oauth.endpoints()["token_url"])
    page.get_by_role("button", name="Insert").click()
    page.click(".ucs-key")
    page.click(f"text={GOOGLE_BOX}")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_selector("tr:has(.ucs-marked) >> text=signed in")
    return TOKEN_URL.format(page.inner_text("tr:has(.ucs-marked) th").split("provider ")[1].split()[0])


def test_with_a_google_sign_in_at_the_desk(
    page: Page, product: Product, dovecot: Dovecot, smtp: SmtpServer, oauth: OAuthServer
) -> None:
    story = Story(product, dovecot, smtp, GOOGLE_BOX, "clara.google@customer.example", "")
    product.apply(PEOPLE)
    story.password = connect_google(page, oauth)
    product.apply(story.settings())
    sign_out(page)

    page.goto("/")
    page.fill("[name=username]", "alice")
    page.fill("[name=password]", PASS_PHRASE)
    page.keyboard.press("Enter")
    page.locator("#view-waiting").click()
    story.write(first_mail(story))
    row = page.locator("#rows .row", has_text=story.subject)
    row.click(timeout=60_000)  # it came by itself
    page.get_by_role("button", name="Take", exact=True).click()
    expect(page.locator("#head")).to_contain_text("alice")
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("Guten Tag, die neue Rechnung ist unterwegs.")
    page.keyboard.press("Control+Enter")

    reply = story.next_reply()
    check_reply(story, reply)
    assert smtp.mails[-1].user == GOOGLE_BOX
    story.write(second_mail(story, reply))
    expect(page.locator("#items")).to_contain_text("jetzt stimmt der Betrag", timeout=60_000)
    product.sign_in("alice")
    check_answer(story, story.conversation()["id"])

    # A colleague without the language may see it, but isn't offered it.
    sign_out(page)
    page.goto("/")
    page.fill("[name=username]", "charlie")
    page.fill("[name=password]", PASS_PHRASE)
    page.keyboard.press("Enter")
    page.locator("#view-waiting").click()
    expect(page.locator("#rows .row", has_text=story.subject)).to_have_count(0)


def test_killed_workers_lose_and_double_nothing(product: Product, dovecot: Dovecot, smtp: SmtpServer) -> None:
    story = Story(product, dovecot, smtp, "crowd@company.example", "", dovecots.PASSWORD)
    product.apply(story.settings())
    product.sign_in("root")
    for number in range(60):
        dovecot.drop(story.support, crowd_mail(number))
        if number in (15, 30, 45):
            product.kill_workers()

    def arrived() -> list[dict[str, Any]]:
        found = product.conversations(queue=story.name)
        return found if len(found) >= 60 else []

    found = eventually(arrived, "sixty conversations", 120)
    assert Counter(row["subject"] for row in found) == {f"Order {number}": 1 for number in range(60)}

    for position, row in enumerate(found[:30]):
        product.post(f"conversations/{row['id']}/replies", {"text": f"Answer to {row['subject']}"})
        if position in (10, 20):
            product.kill_workers()

    def fates() -> Counter[str]:
        details = [product.get(f"conversations/{row['id']}") for row in found[:30]]
        return Counter(detail["messages"][1]["delivery"]["state"] for detail in details)

    # A mail whose worker died while its text was on the wire stays "sending" until its lease ends.
    settled = {"sent", "uncertain", "sending"}
    states = eventually(lambda: now if set(now := fates()) <= settled else None, "all replies have left", 120)
    sent = Counter(email.message_from_bytes(mail.raw)["Message-ID"] for mail in smtp.mails)
    assert set(sent.values()) <= {1}
    # A reply whose answer was lost with its worker may have left; one that is called sent has left.
    assert states is not None
    assert states["sent"] <= len(sent) <= states.total()


def test_mailboxes_queues_and_agents_side_by_side(
    product: Product, dovecot: Dovecot, smtp: SmtpServer
) -> None:
    """Two more mailboxes are dead, one of them silently; `bench.together` is the same with more of each."""
    smtp.passwords[together.SENDER] = dovecots.PASSWORD
    size = together.Size(sources=8, queues=3, agents=6, mails=16)
    result = together.play(size, product, dovecot, smtp, pause=0)
    assert result.wrong == []
    assert len(result.waits) == result.answers.total() == 16


def crowd_mail(number: int) -> bytes:
    """A short mail of one of many customers."""
    mail = EmailMessage()
    mail["From"] = f"Customer {number} <customer{number}@customer.example>"
    mail["To"] = "crowd@company.example"
    mail["Subject"] = f"Order {number}"
    mail["Message-ID"] = f"<crowd.{number}@customer.example>"
    mail.set_content(f"Where is my order {number}? I have been waiting for it since last week.")
    return mail.as_bytes(policy=email.policy.SMTP)
