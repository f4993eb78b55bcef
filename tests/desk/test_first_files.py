"""The files of a first mail: stored at once with its draft, and none leaves unseen or stays behind."""

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from playwright.sync_api import Page, expect

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues.models import EmailQueue, FirstDraft, FirstDraftFile, Message
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.desk.test_first_drafts import begin, saved, write
from tests.desk.test_writing import PASTE_PICTURE
from tests.desk.world import picture
from tests.make import make_agent, make_queue, make_sender
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "6b5a4d0e-6f9c-4c1f-9b0e-0c1f2a3b4c5d"
OTHER = "7b5a4d0e-6f9c-4c1f-9b0e-0c1f2a3b4c5d"
DROP = """(form) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(["dropped"], "c.txt", { type: "text/plain" }));
  form.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(autouse=True)
def orders() -> EmailQueue:
    people = [make_agent("alice", capacity=5), make_agent("bob")]
    return make_queue(people, name="Orders", sender=make_sender())


def attach(page: Page, *names: str) -> None:
    files = [{"name": name, "mimeType": "text/plain", "buffer": name.encode()} for name in names]
    page.locator("#compose-form [data-pick]").set_input_files(files)  # type: ignore[arg-type]


def listed(page: Page, *names: str) -> None:
    expect(page.locator("#compose-form [data-file] .clip")).to_have_text(names)


def names_sent() -> list[str]:
    return [each.name for each in Message.objects.get(direction="out").attachments.all()]


def test_files_outlive_the_tab_and_come_back_on_another_computer(sign_in: SignIn) -> None:
    one = sign_in("alice")
    begin(one)
    write(one, "ann", "See the label.")
    held = held_back(one, "**/compose/draft/files")
    attach(one, "a.txt")
    expect(one.get_by_label("Uploading a.txt")).to_be_visible()
    come(one, held).continue_()
    listed(one, "a.txt")
    one.unroute("**/compose/draft/files")
    attach(one, "b.txt")
    listed(one, "a.txt", "b.txt")
    one.close()  # as when the browser is killed

    two = sign_in("alice")
    begin(two)
    listed(two, "a.txt", "b.txt")
    expect(two.locator("#compose-text")).to_have_value("See the label.")
    two.get_by_label("Remove a.txt").press("Enter")
    two.locator("#compose-form").evaluate(DROP)
    listed(two, "b.txt", "c.txt")
    two.get_by_role("button", name="Send", exact=True).click()
    expect(two.locator("#items .out")).to_contain_text("See the label.")
    assert names_sent() == ["b.txt", "c.txt"]
    assert not FirstDraftFile.objects.exists()


def test_a_pasted_picture_stands_in_the_text(sign_in: SignIn) -> None:
    Agent.objects.update(writes=Agent.Writes.RICH)
    page = sign_in("alice")
    begin(page)
    page.get_by_label("To", exact=True).fill("ann@customer.example,")
    page.get_by_label("Subject").fill("Your order")
    field = page.locator("#compose-form [contenteditable=true]")
    field.focus()
    page.keyboard.type("Look: ")
    field.evaluate(PASTE_PICTURE, list(picture()))
    expect(field.locator("img[src]")).to_have_js_property("naturalWidth", 96)
    eventually(lambda: "picture" in FirstDraft.objects.get().html, "it is saved with the text")
    saved(page)
    page.reload()
    begin(page)
    expect(field.locator("img[src]")).to_have_js_property("naturalWidth", 96)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#items .out")).to_contain_text("Look:")
    assert b"multipart/related" in OutgoingMail.objects.get().raw.as_bytes()


def test_files_of_two_windows(sign_in: SignIn) -> None:
    one = sign_in("alice")
    two = one.context.new_page()
    two.goto("/")
    for page in (one, two):
        begin(page)
    write(one, "ann", "It is ready.")
    attach(one, "ann.txt")
    listed(one, "ann.txt")
    saved(one)
    write(two, "ben", "It is late.")
    panel = two.locator("[data-conflict] .warning")
    expect(panel).to_be_visible()
    attach(two, "ben.txt")  # no file of one mail goes over to the other
    expect(two.locator(".file.failed")).to_contain_text("Another window")
    two.get_by_label("Remove ben.txt").press("Enter")
    panel.get_by_role("button", name="Keep what is here").press("Enter")
    saved(two)
    assert not FirstDraftFile.objects.exists()
    attach(two, "ben.txt")
    listed(two, "ben.txt")

    three = one.context.new_page()
    three.goto("/")
    begin(three)
    listed(three, "ben.txt")
    attach(three, "more.txt")
    listed(three, "ben.txt", "more.txt")
    two.get_by_role("button", name="Send", exact=True).click()
    expect(two.locator("#toasts .error")).to_contain_text("The files of this mail are others by now")
    assert not Message.objects.exists()
    two.reload()
    begin(two)
    listed(two, "ben.txt", "more.txt")
    two.get_by_role("button", name="Send", exact=True).click()
    expect(two.locator("#items .out")).to_contain_text("It is late.")
    assert names_sent() == ["ben.txt", "more.txt"]

    three.locator("#compose-text").fill("It is very late.")
    three.get_by_role("button", name="Make a new mail of it").press("Enter")
    expect(three.locator("#toasts")).to_contain_text("The files left with what was sent")
    expect(three.locator("#compose-form .file")).to_have_count(0)
    saved(three)
    assert FirstDraft.objects.get().text == "It is very late."
    three.get_by_label("Discard the draft").press("Enter")
    expect(three.locator("#compose-text")).to_have_value("")
    assert not FirstDraft.objects.exists()


def test_throwing_it_away_throws_its_files_away(sign_in: SignIn) -> None:
    page = sign_in("alice")
    begin(page)
    attach(page, "a.txt")  # before a word is written
    listed(page, "a.txt")
    write(page, "ann", "It is ready.")
    with page.expect_request(lambda request: request.method == "DELETE") as asked:
        page.get_by_label("Discard the draft").press("Enter")
    assert "ready" not in asked.value.url, "what is written stands in no log of addresses"
    expect(page.locator("#compose-text")).to_have_value("")
    expect(page.locator("#compose-form .file")).to_have_count(0)
    assert not FirstDraft.objects.exists()
    assert not FirstDraftFile.objects.exists()
    page.reload()
    begin(page)
    expect(page.locator("#compose-text")).to_have_value("")


@pytest.fixture
def client() -> Client:
    client = Client()
    assert client.login(username="alice", password="alice")
    return client


def put(client: Client, data: bytes = b"a", token: str = TOKEN, **more: str) -> int:
    file = ContentFile(data, "a.txt")
    return client.post("/compose/draft/files", {"file": file, "token": token, **more}).status_code


def test_what_is_refused(client: Client, orders: EmailQueue) -> None:
    assert put(client, token="") == 409
    assert client.post("/compose/draft/files", {"token": TOKEN}).status_code == 409
    mail = {"queue": orders.pk, "to": "ann@customer.example", "subject": "Your order", "token": TOKEN}
    orders.pci = "mask"
    orders.save()
    assert client.post("/compose/draft", mail | {"text": "Hello"}).status_code == 200
    assert put(client, b"4111 1111 1111 1111") == 409
    assert put(client, bytes(26_000_000)) == 409
    assert put(client, token=OTHER) == 409
    assert put(client) == 200
    of_old_page = mail | {"text": "Hello", "files": ContentFile(b"b", "b.txt")}
    assert client.post("/compose", of_old_page).status_code == 409
    assert client.post("/compose", mail | {"text": "Hello"}).status_code == 409
    assert not Message.objects.exists()
    shown = mail | {"text": "Hello", "listed": FirstDraftFile.objects.get().pk}
    for _ in range(2):  # the second time as its receipt was lost
        assert client.post("/compose", shown, headers={"HX-Request": "true"}).status_code == 200
    assert names_sent() == ["a.txt"]
    assert put(client) == 409
    assert not FirstDraft.objects.exists()


def test_nobody_else_has_a_hand_in_it(client: Client) -> None:
    picture_file = ContentFile(picture(), "a.png")
    client.post("/compose/draft/files", {"file": picture_file, "token": TOKEN, "picture": "1"})
    file = FirstDraftFile.objects.get()
    bob = Client()
    assert bob.login(username="bob", password="bob")
    address = f"/compose/draft/pictures/{file.content_id}"
    assert (client.get(address).status_code, bob.get(address).status_code) == (200, 404)
    bob.delete(f"/compose/draft/files/{file.pk}")
    assert FirstDraftFile.objects.exists()
    client.delete(f"/compose/draft/files/{file.pk}")
    assert not FirstDraftFile.objects.exists()
