"""The reference pages followed word for word, in a browser, against servers that none of us wrote.

The product resolves imap.gmail.com, smtp.gmail.com and Microsoft's names to servers of this test, so that
everything is typed in as it stands on the pages. Dovecot and the SMTP server ask the provider about each
token (RFC 7662); Google is played by idpyoidc, Microsoft by the stand-in behind HTTPS with a private CA.
"""

import email
import email.policy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from rehearsal.oauth.microsoft import MAIL_SCOPES
from tests import product as products
from tests.browser import sign_out
from tests.mailsources.test_roundtrip import Relay
from tests.product import Product
from tests.servers import dovecot as dovecots
from tests.servers import introspection, microsoft, oidc_op
from tests.servers.authority import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.microsoft import Microsoft
from tests.servers.oidc_op import Provider

pytestmark = pytest.mark.timeout(300)

PASS_PHRASE = "a-long-pass-phrase"
MAILBOX = "mailbox.email@company.com"
STRANGER = "somebody.else@company.com"
PARCELS = "parcels@gmail.com"
CLIENT_ID = "123456789-copiedClientId.apps.googleusercontent.com"
CLIENT_SECRET = "GABCDEF-copiedClientSecretFromGoogleCloudConsole"
TOKEN_URL = "http://127.0.0.1:8080/api/v1.0/auth/token/{}"
NAMES = ("imap.gmail.com", "smtp.gmail.com", "outlook.office365.com", "smtp.office365.com")

PEOPLE = f"""
agents:
  - {{username: alice, password: {PASS_PHRASE}}}
  - {{username: root, password: {PASS_PHRASE}, role: administrator}}
queues:
  - {{name: Google, members: [alice], mode: pick}}
  - {{name: Microsoft, members: [alice], mode: pick}}
  - {{name: Webex, members: [alice], mode: pick}}
"""


@dataclass(frozen=True)
class House:
    """The mail servers of one provider."""

    dovecot: Dovecot
    smtp: Relay


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def google() -> Iterator[Provider]:
    with oidc_op.running(STRANGER, MAILBOX, PARCELS) as provider:
        yield provider


@pytest.fixture(scope="module")
def login(authority: Authority) -> Iterator[Microsoft]:
    with microsoft.running(authority, MAILBOX, STRANGER) as service:
        yield service


def house(authority: Authority, introspection_url: str) -> Iterator[House]:
    """Dovecot and an SMTP server that ask about each token; what the one takes arrives in the other."""

    def knows(user: str, token: str) -> bool:
        answer = requests.post(introspection_url, data={"token": token}, timeout=10).json()
        return bool(answer["active"]) and answer["username"] == user

    certificate = authority.certificate(*NAMES)
    options = {"oauth": introspection_url, "oauth_name": "username", "introspection": True, "names": NAMES}
    with (
        dovecots.running(authority, **options) as dovecot,
        Relay(dovecot, tls="starttls", certificate=certificate, tokens=knows) as smtp,
    ):
        yield House(dovecot, smtp)


@pytest.fixture(scope="module")
def gmail(authority: Authority, google: Provider) -> Iterator[House]:
    yield from house(authority, google.introspection_url)


@pytest.fixture(scope="module")
def exchange(authority: Authority, login: Microsoft) -> Iterator[House]:
    def owner_of(token: str) -> str | None:
        owners = [login.tenant.owner_of(token, scope) for scope in MAIL_SCOPES]
        return next((owner for owner in owners if owner), None)

    with introspection.running(owner_of) as url:
        yield from house(authority, url)


@pytest.fixture(scope="module")
def product(
    authority: Authority,
    google: Provider,
    login: Microsoft,
    gmail: House,
    exchange: House,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    """The product, for which the names on the pages lead to these servers."""
    folder = tmp_path_factory.mktemp("product") / "data"
    world = folder / "rehearsal"
    world.mkdir(parents=True)
    presets = world / "presets.toml"
    presets.write_text(
        f'[google]\nauthorization_url = "{google.authorization_url}"\ntoken_url = "{google.token_url}"\n'
        f'refresh_url = "{google.token_url}"\nuserinfo_url = "{google.userinfo_url}"\n'
        f'[microsoft]\nauthority = "{login.url}"\n'
    )
    description = {
        "names": {
            "imap.gmail.com": {"993": gmail.dovecot.ports.imaps},
            "smtp.gmail.com": {"587": gmail.smtp.port},
            "outlook.office365.com": {"993": exchange.dovecot.ports.imaps},
            "smtp.office365.com": {"587": exchange.smtp.port},
        },
        "presets": str(presets),
        "ca_bundle": str(authority.bundle),
    }
    (world / "world.json").write_text(json.dumps(description))
    with products.running(folder, DJANGO_SETTINGS_MODULE="rehearsal.settings", UCS_UNDO="1") as running:
        google.add_client(CLIENT_ID, CLIENT_SECRET, f"{running.url}/login/oauth2/google")
        running.apply(PEOPLE)
        yield running


@pytest.fixture
def page(chromium: Browser, product: Product) -> Iterator[Page]:
    """A browser at the product; errors of its pages fail the test, those of the providers' pages don't."""
    errors: list[str] = []

    def is_ours(said: ConsoleMessage) -> bool:
        return said.type == "error" and said.location["url"].startswith(product.url)

    context = chromium.new_context(
        base_url=product.url, viewport={"width": 1280, "height": 900}, ignore_https_errors=True
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda one: errors.append(str(one)))
    page.on("console", lambda one: errors.append(f"{one.text} {one.location}") if is_ours(one) else None)
    yield page
    context.close()
    assert errors == []


def enter(page: Page, username: str, address: str) -> None:
    sign_out(page)
    page.goto(address)
    page.fill("[name=username]", username)
    page.fill("[name=password]", PASS_PHRASE)
    page.keyboard.press("Enter")
    page.wait_for_selector("#nav-sidebar" if address == "/admin/" else "#view-waiting")


def choose(page: Page, group: str, entry: str) -> None:
    """☰ group → entry."""
    assert f"☰ {group}" in page.inner_text("#nav-sidebar")
    page.click(f"#nav-sidebar >> text={entry}")


def insert(page: Page) -> None:
    page.get_by_role("button", name="Insert").click()
    page.wait_for_selector("tr:has(.ucs-marked)")


def fill(page: Page, **fields: str) -> None:
    """Fields by their labels; an underscore stands for a blank."""
    for label, value in fields.items():
        field(page, label.replace("_", " ")).fill(value)


def field(page: Page, label: str) -> Locator:
    """The field whose label this is, with or without the star of a field that is needed."""
    return page.get_by_label(re.compile(rf"^\s*{re.escape(label)}\s*\*?\s*$")).first


def sign_in_at_google(page: Page, account: str) -> None:
    page.click(f'label:has-text("{account}")')
    page.get_by_role("button", name="Allow").click()


def provider_id(page: Page, kind: str) -> str:
    """The ID that the edit dialog's title shows."""
    page.click("tr:has(.ucs-marked) th a")
    title = re.compile(rf"{re.escape(kind)} provider (\d+)")
    expect(page).to_have_title(title)
    found = title.search(page.title())
    assert found
    return found[1]


def add_source(page: Page, server: str, password: str, queue: str) -> None:
    choose(page, "Messaging", "Email sources")
    page.click("text=+ add email source >> nth=0")
    field(page, "Server type").select_option("IMAP")
    fill(page, Server_address=server, Service_port="993", Username=MAILBOX, Password=password)
    field(page, "Use SSL connection").check()
    field(page, "Queue").select_option(label=queue)
    works(page)
    insert(page)


def add_sender(page: Page, server: str, password: str, name: str = "") -> None:
    choose(page, "Messaging", "Email senders")
    page.click("text=+ add email sender >> nth=0")
    field(page, "Server type").select_option("STARTTLS")
    fill(page, Server_address=server, Service_port="587", Sender_username=MAILBOX, Sender_password=password)
    fill(page, **{"Sender_e-mail_address": MAILBOX, "Name": name})
    works(page)
    insert(page)


def works(page: Page) -> None:
    page.get_by_role("button", name="Test connection").click()
    verdict = page.locator(".ucs-steps-verdict")
    expect(verdict).to_have_text("The connection works.", timeout=30_000)


def send_with(page: Page, queue: str, sender: str) -> None:
    """The sender is chosen in the queue."""
    choose(page, "Messaging", "Email queues")
    page.click(f"#result_list >> text={queue}")
    page.click("#id_sender + .select2")
    page.click(f".select2-results__option:has-text('{sender}')")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_selector("tr:has(.ucs-marked)")


def a_mail(subject: str) -> bytes:
    mail = EmailMessage()
    mail["From"] = "Clara Customer <clara@customer.example>"
    mail["To"] = MAILBOX
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{subject.replace(' ', '-')}@customer.example>"
    mail.set_content("Good morning,\n\nwhere is my parcel? I have been waiting for two weeks.\n\nClara")
    return mail.as_bytes(policy=email.policy.SMTP)


def answered(page: Page, house: House, subject: str) -> EmailMessage:
    """A mail arrives, the agent answers it at the desk; what the SMTP server took."""
    before = len(house.smtp.mails)
    house.dovecot.drop(MAILBOX, a_mail(subject))
    enter(page, "alice", "/")
    page.locator("#view-waiting").click()
    page.locator("#rows .row", has_text=subject).click(timeout=60_000)
    page.get_by_role("button", name="Take", exact=True).click()
    expect(page.locator("#head")).to_contain_text("alice")
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("It is on its way.")
    page.keyboard.press("Control+Enter")
    taken = house.smtp.wait_for(before + 1, 60)[before]
    assert taken.user == MAILBOX
    assert taken.recipients == ("clara@customer.example",)
    return email.message_from_bytes(taken.raw, policy=email.policy.default)


def test_the_page_for_google(page: Page, product: Product, google: Provider, gmail: House) -> None:
    enter(page, "root", "/admin/")
    choose(page, "System", "SSO providers")
    page.click("text=+ add SSO provider >> nth=0")
    assert field(page, "Type").input_value() == "google"
    fill(page, Client_ID=CLIENT_ID, Client_secret=CLIENT_SECRET, Scope="https://mail.google.com/")
    shown = page.inner_text(".ucs-card")
    assert f"{product.url}/login/oauth2/google" in shown
    insert(page)

    page.click("tr:has(.ucs-marked) .ucs-key")
    sign_in_at_google(page, MAILBOX)
    row = page.locator("tr:has(.ucs-marked)")
    expect(row).to_contain_text("signed in")
    expect(row).to_contain_text(MAILBOX)
    expect(row).to_contain_text(re.compile(r"in (59|60) min"))
    password = TOKEN_URL.format(provider_id(page, "Google OAuth"))

    add_source(page, "imap.gmail.com", password, "Google")
    assert gmail.dovecot.logins(MAILBOX) > 0
    add_sender(page, "smtp.gmail.com", password)
    send_with(page, "Google", MAILBOX)

    reply = answered(page, gmail, "A parcel by Google")
    assert reply["From"].addresses[0].addr_spec == MAILBOX
    assert "It is on its way." in reply.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert google.asked.count("introspection") >= 3

    # Every step that can be seen from here has ticked itself.
    enter(page, "root", "/admin/")
    choose(page, "System", "SSO providers")
    page.click("text=/^Checklist \\d+/")
    for step in ("key", "refresh", "account", "granted", "source", "source-works", "sender", "sender-works"):
        if step != "account":  # no mailbox was typed in: the page doesn't name that field
            expect(page.locator(f"#{step} [role=checkbox]")).to_have_attribute("aria-checked", "true")


def test_a_second_mailbox_shares_the_client_and_a_wrong_person_is_refused(
    page: Page, product: Product, google: Provider
) -> None:
    enter(page, "root", "/admin/")
    choose(page, "System", "SSO providers")
    page.click("text=+ add SSO provider >> nth=0")
    fill(page, Client_ID=CLIENT_ID, Client_secret=CLIENT_SECRET, Mailbox=STRANGER)
    insert(page)
    page.click("tr:has(.ucs-marked) .ucs-key")
    sign_in_at_google(page, MAILBOX)
    expect(page.locator("body")).to_contain_text(f"{MAILBOX} signed in, but")
    page.click("tr:has(.ucs-marked) .ucs-key")
    sign_in_at_google(page, STRANGER)
    expect(page.locator("tr:has(.ucs-marked)")).to_contain_text(STRANGER)
    page.click("tr:has(.ucs-marked) .ucs-key")
    page.click(f'label:has-text("{STRANGER}")')
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("body")).to_contain_text("choose Allow")


def test_tokens_are_renewed_at_a_provider_that_we_did_not_write(product: Product, google: Provider) -> None:
    """The token endpoint gives what the provider knows, and a refresh is one that it takes."""
    listed = json.loads(product.manage("status", "--json", check=False).partition("\nerror")[0])["providers"]
    signed_in = next(each for each in listed if each["account"] == MAILBOX)
    token = product.manage("shell", "-v0", "-c", REFRESH.format(signed_in["id"])).strip()
    old, new = token.split()
    assert old != new
    assert google.owner_of(new) == MAILBOX


REFRESH = (
    "from sso import tokens; print(tokens.access_token({0})); print(tokens.access_token({0}, force=True))"
)


def test_the_page_for_another_oauth_server(
    page: Page, product: Product, google: Provider, gmail: House
) -> None:
    """All fields of the e-mail asset: SMTP server, user and port, client, URLs, scope and validity."""
    enter(page, "root", "/admin/")
    choose(page, "System", "SSO providers")
    page.click("text=+ add SSO provider >> nth=0")
    field(page, "Type").select_option("generic")
    google.add_client("webex-asset", "secret-of-the-asset", f"{product.url}/login/oauth2/webex-asset")
    fill(page, Client_ID="webex-asset", Client_secret="secret-of-the-asset", Name="Webex asset")
    fill(page, Scope="https://mail.google.com/ openid email", Mailbox=MAILBOX)
    page.click("summary:has-text('Sending'), h2:has-text('Sending')")
    fill(page, SMTP_server="smtp.gmail.com", SMTP_port="587", SMTP_user=MAILBOX)
    page.click("text=Other endpoints")
    fill(
        page,
        Authorization_URL=google.authorization_url,
        Access_token_URL=google.token_url,
        Refresh_token_URL=google.token_url,
        Validity="1800",
    )
    insert(page)
    page.click("tr:has(.ucs-marked) .ucs-key")
    sign_in_at_google(page, MAILBOX)
    row = page.locator("tr:has(.ucs-marked)")
    expect(row).to_contain_text(MAILBOX)
    expect(row).to_contain_text(re.compile(r"in (59|60) min"))  # what the server says wins over the 1800
    password = TOKEN_URL.format(provider_id(page, "Generic OAuth 2.0"))

    page.get_by_role("link", name="email sender", exact=True).last.click()
    assert field(page, "Server address").input_value() == "smtp.gmail.com"
    assert field(page, "Sender password").input_value().endswith(password.rpartition("/")[2])
    fill(page, Name="webex")
    works(page)
    insert(page)

    # “Generate Token” from the page of the mailbox is the same act.
    page.click("tr:has(.ucs-marked) th a")
    page.get_by_role("button", name="Generate Token").click()
    sign_in_at_google(page, MAILBOX)
    expect(page.locator("body")).to_contain_text(f"is signed in as {MAILBOX}")
    assert "emailsender" in page.url


def test_the_page_for_microsoft(page: Page, product: Product, login: Microsoft, exchange: House) -> None:
    app = login.add_app(f"{product.url}/login/oauth2/microsoft")
    enter(page, "root", "/admin/")
    choose(page, "System", "SSO providers")
    page.click("text=+ add SSO provider >> nth=0")
    field(page, "Type").select_option("microsoft")
    fill(page, Client_ID=app.client_id, Client_secret=app.secret, Tenant_ID=login.tenant.id, Mailbox=MAILBOX)
    assert field(page, "Scope").input_value().startswith("https://outlook.office.com/IMAP")
    insert(page)
    page.click("tr:has(.ucs-marked) .ucs-key")
    page.click(f'label:has-text("{MAILBOX}")')
    page.get_by_role("button", name="Accept").click()
    expect(page.locator("tr:has(.ucs-marked)")).to_contain_text(MAILBOX)
    password = TOKEN_URL.format(provider_id(page, "Microsoft"))

    add_source(page, "outlook.office365.com", password, "Microsoft")
    add_sender(page, "smtp.office365.com", password, "office")
    send_with(page, "Microsoft", "office")
    reply = answered(page, exchange, "A parcel by Microsoft")
    assert "It is on its way." in reply.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_one_page_sets_a_mailbox_of_google_up(page: Page, product: Product, gmail: House) -> None:
    """“+ add mailbox”: the address leads to the servers and to 🔑, and the page ends with a round trip."""
    enter(page, "root", "/admin/")
    choose(page, "Messaging", "Email sources")
    page.get_by_role("link", name="+ add mailbox").click()
    fill(page, **{"E-mail address": PARCELS})
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator("details", has_text="2 Servers").first).to_contain_text("imap.gmail.com:993")
    expect(page.get_by_label("🔑 New one")).to_be_checked()
    field(page, "Client").select_option("")
    fill(page, Client_ID=CLIENT_ID, Client_secret=CLIENT_SECRET)
    page.get_by_role("button", name="Keep this sign-in").click()

    for account in (STRANGER, PARCELS):  # the first click is by the wrong person
        page.get_by_role("button", name=f"🔑 Sign in as {PARCELS}").click()
        sign_in_at_google(page, account)
        said = "signed in, but" if account == STRANGER else f"is signed in as {PARCELS}"
        expect(page.locator("body")).to_contain_text(said)
    expect(page.locator("body")).to_contain_text("Go on with the next step below.")
    assert page.get_by_label("New queue").input_value() == "parcels"
    fill(page, New_queue="Parcels")
    page.get_by_role("button", name="Keep this queue").click()

    page.get_by_role("button", name="Test both directions").click()
    verdict = "The connection works."
    expect(page.locator(".ucs-steps-verdict")).to_have_text([verdict, verdict], timeout=30_000)
    page.get_by_role("button", name="Switch on and send a round trip").click()
    expect(page.locator("body")).to_contain_text("each mail becomes a conversation there")
    expect(page.locator("body")).to_contain_text("The mail came back after", timeout=60_000)
    expect(page.locator(".ucs-stage-done")).to_have_count(4)
    (taken,) = [each for each in gmail.smtp.mails if each.user == PARCELS]
    assert taken.recipients == (PARCELS,)

    page.get_by_role("link", name="Its queue").click()
    expect(page.locator("#id_name")).to_have_value("Parcels")
    expect(page.locator("#id_sender")).to_contain_text(PARCELS)
    page.go_back()
    page.get_by_role("link", name="See the mailbox").click()
    expect(page.locator("body")).to_contain_text("active in queue Parcels")
    product.sign_in("root")
    assert product.conversations(queue="Parcels") == [], "the marked mail stays out of the queue"


def test_nothing_secret_is_in_the_logs(product: Product) -> None:
    written = product.log.read_text(errors="replace")
    written += "".join(path.read_text(errors="replace") for path in Path(product.folder).rglob("*.log"))
    for secret in (CLIENT_SECRET, "secret-of-the-asset", PASS_PHRASE, "eyJhbGciOi"):
        assert secret not in written
