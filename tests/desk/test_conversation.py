"""The mails of a conversation in a real browser: who sent them, their pictures and files, and long ones."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from mailcore.parsed import Check, Findings
from queues import genuine, pictures
from queues.models import Conversation, EmailQueue, Message
from tests.accessible import violations
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_mail, make_queue, receive
from tests.queues.test_pictures import Shop, png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice")], name="Orders")


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Shop]:
    monkeypatch.setattr(pictures, "ONLY_PUBLIC", False)
    settings.ALLOW_PRIVATE_HOSTS = True
    server = Shop()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def with_files(queue: EmailQueue, html: str) -> Message:
    parts = [("text/html", "", html.encode()), ("image/png", "photo.png", png(400, 300))]
    parts += [("text/csv", "table.csv", b"a;b\n1;2\n"), ("application/zip", "all.zip", b"PK")]
    body = b""
    for kind, name, data in parts:
        where = f'Content-Disposition: attachment; filename="{name}"\r\n' if name else ""
        body += f"--b\r\nContent-Type: {kind}\r\n{where}\r\n".encode() + data + b"\r\n"
    head = make_mail("", Content_Type="multipart/mixed; boundary=b", Subject="Files").rstrip()
    return receive(queue, head + b"\r\n\r\n" + body + b"--b--\r\n")


def test_sender_pictures_and_files_by_keyboard(sign_in: SignIn, orders: EmailQueue, shop: Shop) -> None:
    tags = "".join(f"<img src='{shop.url}/{name}'>" for name in ("logo.png", "pixel", "lying.png"))
    message = with_files(orders, f"<p>Look:</p>{tags}")
    failed = Findings("mx.example.com", (Check("dmarc", "fail", "customer.example"),))
    Message.objects.filter(pk=message.pk).update(authentication=genuine.keep(failed))
    page = sign_in("alice", f"/conversations/{message.conversation_id}/")

    expect(page.locator(".caution")).to_contain_text("failed (DMARC)")
    expect(page.locator(".card-mail .pill.red")).to_have_text("Sender not genuine")
    expect(page.get_by_text("3 images from the internet are blocked.")).to_be_visible()
    assert violations(page, within="#conversation") == []

    page.get_by_role("button", name="Show images").press("Enter")
    expect(page.locator("[data-stage]", has_text="are being fetched")).to_be_visible()
    assert shop.asked == []
    pictures.fetch(message.pk)
    expect(page.get_by_text("1 image from the internet is shown.")).to_be_visible()
    expect(page.get_by_text("1 could not be loaded. 1 was left out")).to_be_visible()
    picture = page.frame_locator("iframe.frame").locator("img[src^='/pictures/']")
    expect(picture).to_have_js_property("naturalWidth", 40)

    photo = page.get_by_role("link", name="photo.png").first
    photo.focus()
    page.keyboard.press("Enter")
    preview = page.locator("#preview")
    expect(preview.locator("img")).to_have_js_property("naturalWidth", 400)
    expect(preview).to_contain_text("1 / 2")
    assert violations(page, within="#preview") == []
    page.keyboard.press("ArrowRight")
    expect(preview.frame_locator("iframe").locator("pre")).to_contain_text("a;b")
    page.keyboard.press("Escape")
    expect(preview).to_be_hidden()
    expect(photo).to_be_focused()

    details = page.locator(f"#details-{message.pk} > summary")
    details.press("Enter")
    expect(page.locator(f"#details-{message.pk}")).to_contain_text("DMARC: fail (customer.example)")
    source = page.get_by_role("link", name="Headers and source").get_attribute("href")
    page.goto(str(source))
    expect(page.get_by_role("heading", name="Headers, decoded")).to_be_visible()
    assert violations(page) == []


def long_one(queue: EmailQueue) -> Conversation:
    first = receive(queue, make_mail("Mail 0", Subject="Long"))
    for number in range(1, 30):
        receive(queue, make_mail(f"Mail {number}", Subject="Re: Long", In_Reply_To=f"<{first.message_id}>"))
    return first.conversation


def test_a_long_conversation_begins_with_its_newest_part(sign_in: SignIn, orders: EmailQueue) -> None:
    row = long_one(orders)
    first = row.messages.order_by("id")[0]
    page = sign_in("alice", f"/conversations/{row.pk}/")
    expect(page.locator(".card-mail")).to_have_count(20)
    expect(page.locator(".card-mail").last).to_be_in_viewport()
    older = page.get_by_role("button", name="10 older")
    older.press("Enter")
    expect(page.locator(".card-mail")).to_have_count(30)
    expect(page.locator(f"#letter-{first.pk} > summary")).to_be_focused()

    page.locator(".card-mail").nth(10).scroll_into_view_if_needed()
    before = page.locator("#timeline").evaluate("(one) => one.scrollTop")
    with page.expect_response("**/parts?*"):
        receive(orders, make_mail("And more", Subject="Re: Long", In_Reply_To=f"<{first.message_id}>"))
    expect(page.locator(".card-mail")).to_have_count(31)
    assert abs(page.locator("#timeline").evaluate("(one) => one.scrollTop") - before) < 2
