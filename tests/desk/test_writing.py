"""Writing at the desk, in a real browser: to whom, later, outside, with pictures."""

import re
from datetime import timedelta
from types import ModuleType

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from mailsenders.models import OutgoingMail
from queues import actions, timeline
from queues.actions import Reply
from queues.models import Conversation, Draft, DraftFile, EmailQueue, FirstDraft, Message
from queues.views import conversations
from tests.desk.conftest import SignIn
from tests.desk.world import picture, rich, take_in
from tests.make import make_agent, make_mail, make_queue, make_sender, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

HTMX = {"HX-Request": "true"}
PASTE_PICTURE = """(field, octets) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([new Uint8Array(octets)], "image.png", { type: "image/png" }));
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def orders() -> EmailQueue:
    """Alice's queue, whose sender may also write as sales."""
    sender = make_sender(
        name="out",
        email_address="support@example.com",
        display_name="Example Support",
        aliases="sales@example.com",
    )
    alice = make_agent("alice", capacity=5)
    return make_queue([alice], name="Orders", sender=sender, signature="{{ agent.name }}", from_name="both")


def chips(page: Page, field: str) -> list[str]:
    line = page.locator(".line", has=page.locator(f"[name={field}]"))
    return [chip.removesuffix("×") for chip in line.locator(".chip").all_text_contents()]


def test_reply_and_reply_to_all_show_whom_they_write_to(sign_in: SignIn, orders: EmailQueue) -> None:
    raw = make_mail(To="sales@example.com, dora@customer.example", Cc="eve@customer.example")
    row = receive(orders, raw).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    expect(page.locator("#reply-form")).to_contain_text("from Alice at Example Support <sales@example.com>")
    expect(page.locator(".chip")).to_have_count(3)
    assert (chips(page, "to"), chips(page, "cc")) == (
        ["Charlie Stone"],
        ["dora@customer.example", "eve@customer.example"],
    )
    page.get_by_role("button", name="Reply", exact=True).click()
    assert (chips(page, "to"), chips(page, "cc")) == (["Charlie Stone"], [])
    page.locator("#reply-text").fill("Only you.")
    page.locator("#reply-text").press("Control+Enter")
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")
    sent = Message.objects.get(direction="out")
    assert ([each["email"] for each in sent.to], sent.cc) == (["charlie@customer.example"], [])
    assert (sent.from_name, sent.from_email) == ("Alice at Example Support", "sales@example.com")
    assert "-- \nAlice" in sent.text


def test_an_answer_leaves_later_is_changed_and_sent(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    page.locator("#reply-text").fill("In the morning.")
    page.get_by_label("Send otherwise, or later").click()
    page.get_by_role("button", name="Tomorrow").click()
    card = page.locator(".timed")
    expect(card).to_contain_text("Leaves")
    expect(card).to_contain_text("In the morning.")
    expect(page.locator("#head")).to_contain_text("Snoozed")
    draft = Draft.objects.get()
    assert draft.send_at is not None
    assert timezone.now() < draft.send_at < timezone.now() + timedelta(days=2)

    expect(page.locator("#open-reply")).to_be_visible()  # a live update may show it before it has left
    page.keyboard.press("r")
    expect(page.locator("#toasts .error")).to_contain_text("waits here already")
    card.get_by_role("button", name="Edit").click()
    expect(page.locator("#reply-text")).to_have_value("In the morning.")
    page.locator("#reply-text").fill("At noon.")
    page.get_by_label("Send otherwise, or later").click()
    page.get_by_role("button", name="Send then").click()
    expect(page.locator("#toasts")).to_contain_text("Choose a day and a time.")
    # At once, as a toast that goes by itself is gone before a click on it on a busy machine.
    page.locator("#toasts [data-act=dismiss]").evaluate_all("all => all.forEach((each) => each.click())")
    page.locator("details.sends").evaluate("menu => { menu.open = true; }")  # shut by a click on a toast
    local = (timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT12:00")
    page.get_by_label("At another time").fill(local)
    page.get_by_role("button", name="Send then").click()
    expect(card).to_contain_text("At noon.")
    assert Message.objects.filter(direction="out").count() == 0

    receive(orders, make_mail("Never mind.", References=f"<{row.messages.get().message_id}>"))
    expect(card).to_contain_text("Charlie Stone has written since")
    card.get_by_role("button", name="Send all the same").click()
    expect(page.locator("#items .out")).to_contain_text("At noon.")
    expect(card).to_have_count(0)


def test_somebody_else_is_asked(sign_in: SignIn, orders: EmailQueue) -> None:
    now = timezone.now()
    row = take_in(orders, rich("Margaret Doyle", "Incomplete", now), now).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.get_by_role("button", name="Forward…").click()
    form = page.locator("#reply-form")
    expect(form).to_contain_text("Not to the customer")
    assert chips(page, "to") == []
    form.locator("[name=enclosed]").nth(1).uncheck()
    form.get_by_label("To", exact=True).fill("depot@carrier.example,")
    page.locator("#reply-text").fill("Where is it?")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    page.get_by_role("button", name="Send", exact=True).click()
    ours = page.locator("#items .out.outside")
    expect(ours).to_contain_text("Not with the customer")
    sent = Message.objects.get(direction="out")
    assert [each.name for each in sent.attachments.all()] == ["label.png"]
    assert not Draft.objects.exists()

    raw = make_mail("In Leeds.", From="depot@carrier.example", In_Reply_To=f"<{sent.message_id}>")
    came = receive(orders, raw)
    theirs = page.locator(f"#mail-{came.pk}")
    expect(theirs).to_contain_text("From who was asked")
    theirs.get_by_role("button", name="Answer…").click()
    expect(form).to_contain_text("Answer")
    assert chips(page, "to") == ["depot@carrier.example"]
    page.get_by_label("Discard the draft").click()
    expect(page.locator("#open-reply")).to_be_visible()
    page.keyboard.press("r")
    expect(page.locator(".chip").first).to_contain_text("Margaret Doyle")


def test_a_picture_is_pasted_into_the_text(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    text = page.locator("#reply-text")
    text.fill("It looks so: ")
    text.evaluate(PASTE_PICTURE, list(picture()))
    expect(text).to_have_value("It looks so: [image: picture-1.png]")
    text.evaluate(PASTE_PICTURE, list(b"no picture"))
    expect(page.locator(".files .file")).to_have_count(2)
    expect(text).to_have_value("It looks so: [image: picture-1.png]")
    page.get_by_label("Remove image.png").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")
    raw = OutgoingMail.objects.get().raw.as_bytes()
    assert b"multipart/related" in raw
    assert b"no picture" not in raw


def test_a_first_mail_is_kept_while_it_is_written_and_contacts_are_offered(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    receive(orders)
    page = sign_in("alice")
    page.keyboard.press("c")
    to = page.get_by_label("To", exact=True)
    to.press_sequentially("charl")
    expect(page.locator("datalist option").first).to_have_attribute(
        "value", '"Charlie Stone" <charlie@customer.example>'
    )
    to.fill('"Charlie Stone" <charlie@customer.example>')
    expect(page.locator(".chip")).to_have_text("Charlie Stone×")
    page.get_by_label("Subject").fill("Your order")
    page.locator("#compose-text").fill("It is ready.")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    page.evaluate("localStorage.clear()")
    page.reload()
    page.keyboard.press("c")
    expect(page.locator("#compose-text")).to_have_value("It is ready.")
    expect(page.get_by_label("Subject")).to_have_value("Your order")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#items .out")).to_contain_text("It is ready.")
    eventually(lambda: not FirstDraft.objects.exists(), "the draft goes with the mail")


def test_files_are_weighed_before_they_are_sent(sign_in: SignIn, orders: EmailQueue) -> None:
    assert orders.sender is not None
    orders.sender.state.largest_mail = 100_000
    orders.sender.state.save()
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    page.locator("#reply-text").fill("See the file.")
    files = [{"name": f"{name}.bin", "mimeType": "x/y", "buffer": bytes(40_000)} for name in "ab"]
    page.locator("[data-pick]").set_input_files(files[0])  # type: ignore[arg-type]
    expect(page.locator(".file[data-octets]")).to_have_count(1)
    page.locator("[data-pick]").set_input_files(files[1])  # type: ignore[arg-type]
    expect(page.locator(".file.failed")).to_contain_text(
        "“b.bin” doesn't fit. The files have 0.1 MB together"
    )
    page.get_by_role("button", name="Remove b.bin").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")


@pytest.mark.parametrize(
    ("place", "name"), [(conversations, "timed"), (timeline, "length"), (timeline, "timeline")]
)
def test_a_mail_that_comes_while_the_page_is_made_is_not_taken_as_seen(
    orders: EmailQueue, monkeypatch: pytest.MonkeyPatch, place: ModuleType, name: str
) -> None:
    first = receive(orders)
    row, alice = first.conversation, orders.members.get()
    token = "7f4f6a52-6f5e-4a55-9d0a-0c4a3e6f6b11"
    actions.schedule(
        alice.user, row, Reply(text="Later.", send_at=timezone.now() + timedelta(hours=1), token=token)
    )
    read = getattr(place, name)

    def and_then_one_comes(*args: object) -> object:
        found = read(*args)
        receive(orders, make_mail("Never mind.", References=f"<{first.message_id}>"))
        return found

    monkeypatch.setattr(place, name, and_then_one_comes)
    page = signed_in("alice").get(f"/conversations/{row.pk}/").content.decode()
    seen = int(re.findall(r'"seen": (\d+)', page)[0])
    assert seen <= max(int(each) for each in re.findall(r'id="mail-(\d+)"', page))
    assert "has written since" not in page or seen > first.pk


def signed_in(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


def test_undo_in_time_and_too_late(orders: EmailQueue) -> None:
    row = receive(orders).conversation
    alice = orders.members.get()
    client = signed_in("alice")
    for seconds, status in ((60, 200), (-1, 409)):
        sent = actions.reply(alice.user, row, Reply(text="Hello."))
        assert sent.outgoing is not None
        OutgoingMail.objects.filter(pk=sent.outgoing.pk).update(
            not_before=timezone.now() + timedelta(seconds=seconds)
        )
        answer = client.post(f"/messages/{sent.pk}/undo", headers=HTMX)
        assert answer.status_code == status
        sent.outgoing.refresh_from_db()
        assert (sent.outgoing.state == OutgoingMail.State.CANCELLED) is (status == 200)
    assert "too late" in answer.content.decode()


def test_contacts_of_other_queues_are_not_told(orders: EmailQueue) -> None:
    receive(make_queue(), make_mail(From="Secret Customer <secret@customer.example>"))
    receive(orders)
    client = signed_in("alice")
    assert client.get("/people?q=secret").json() == {"people": []}
    assert client.get("/people?q=c").json() == {"people": []}
    assert len(client.get("/people?q=CHARLIE").json()["people"]) == 1
    assert Conversation.objects.count() == 2


def test_no_file_is_left_out_for_another_window(client: Client, orders: EmailQueue) -> None:
    """Both windows save into one draft; the files go with the answer that saved last."""
    message = receive(orders)
    alice = orders.members.get()
    actions.add_draft_file(
        alice.user,
        message.conversation,
        actions.NewFile(name="a.pdf", type="application/pdf", data=b"%PDF"),
        token="7f4f6a52-6f5e-4a55-9d0a-0c4a3e6f6b11",
    )
    client.force_login(alice.user)
    fields = {"text": "Attached.", "to": "charlie@customer.example", "seen": message.pk}
    url = f"/conversations/{message.conversation_id}/reply"
    other = client.post(url, fields | {"token": "0b9f8a52-6f5e-4a55-9d0a-0c4a3e6f6b22"}, headers=HTMX)
    assert "Another window" in other.content.decode()
    assert not OutgoingMail.objects.exists()
    fields |= {"token": "7f4f6a52-6f5e-4a55-9d0a-0c4a3e6f6b11"}
    unlisted = client.post(url, fields, headers=HTMX)  # it was put to it after the page had come
    assert unlisted.status_code == 409
    client.post(url, fields | {"listed": DraftFile.objects.get().pk}, headers=HTMX)
    assert Message.objects.get(direction="out").attachments.get().name == "a.pdf"
