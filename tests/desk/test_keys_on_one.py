"""One conversation by keys alone: what is done with it, its tags, mails, files, and the look of the page."""

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from crm.models import CrmLink
from mailcore.parsed import Check, Findings
from queues import genuine
from queues.models import Attachment, BulkAct, Conversation, EmailQueue, Message
from queues.tagging import tag
from tests.accessible import violations
from tests.desk.conftest import SignIn
from tests.desk.test_by_keyboard import has_a_place, press, tab_to
from tests.make import make_agent, make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db(transaction=True)
State = Conversation.State
# Of one empty page; Chromium finds the objects by itself.
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice"), make_supervisor("bob")], name="Orders")


def by_palette(page: Page, words: str, chosen: str) -> None:
    press(page, "Control+k")
    page.keyboard.type(words)
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(chosen)
    press(page, "Enter")


def undone(page: Page) -> None:
    expect(page.locator("#toasts").get_by_role("button", name="Undo")).to_be_visible()
    press(page, "z")
    expect(page.locator("#toasts").get_by_role("button", name="Undo")).to_have_count(0)


def test_spam_customers_turn_snooze_and_tags(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    head = page.locator("#head")
    press(page, "t")
    expect(head.locator(".pill.assigned")).to_be_visible()
    before = Conversation.objects.get(pk=row.pk)
    press(page, "u")
    expect(head.locator(".pill.pending")).to_be_visible()
    has_a_place(page)
    undone(page)
    expect(head.locator(".pill.assigned")).to_be_visible()
    press(page, "!")
    expect(head.get_by_text("Spam", exact=True)).to_be_visible()
    expect(head.get_by_role("button", name="Not spam")).to_be_visible()
    has_a_place(page)
    undone(page)
    expect(head.locator(".pill.assigned")).to_be_visible()
    after = Conversation.objects.get(pk=row.pk)
    assert (after.agent, after.due_at, after.spam_at) == (before.agent, before.due_at, None)
    by_palette(page, "junk", "Spam")
    expect(head.get_by_role("button", name="Not spam")).to_be_visible()
    press(page, "!")  # it is none
    expect(head.locator(".pill.waiting")).to_be_visible()
    done = [act.verb for act in BulkAct.objects.order_by("pk")]
    assert done == ["pending", "undo", "spam", "undo", "spam", "not_spam"]
    tab_to(page, page.locator("#tool-more > summary"))
    press(page, "Enter", "ArrowDown")
    expect(page.locator("#tool-await-customer")).to_be_focused()
    assert violations(page, within="#head") == []
    press(page, "Escape")
    expect(page.locator("#tool-more > summary")).to_be_focused()
    press(page, "b")
    expect(page.locator("#tool-snooze .menu-item").first).to_be_focused()
    press(page, "Enter")
    expect(head.locator(".pill.snoozed")).to_be_visible()
    has_a_place(page)

    bob = sign_in("bob", f"/conversations/{row.pk}/")
    press(bob, "T")
    expect(bob.locator("#tag-name")).to_be_focused()
    bob.keyboard.type("Lost")
    press(bob, "Enter")
    expect(bob.locator("#tags .tag")).to_have_text("Lost")
    expect(bob.locator("#tag-name")).to_be_focused()
    bob.keyboard.type("Late")
    with bob.expect_response("**/tags"):  # a live update may show it before
        press(bob, "Enter")
    expect(bob.locator("#tag-name")).to_have_value("")
    expect(bob.locator("#tags .tag")).to_have_count(2)
    expect(bob.locator("#tag-name")).to_be_focused()
    press(bob, "Shift+Tab")
    button = bob.locator("#tags .tag button").last
    told = button.get_attribute("aria-label") or ""
    expect(button).to_be_focused()
    tag(get_user_model().objects.get(username="bob"), row, ["Later than others"], [])
    expect(bob.locator("#tags .tag")).to_have_count(3)
    expect(bob.get_by_role("button", name=told, exact=True)).to_be_focused()
    press(bob, "Enter")
    expect(bob.locator("#tags .tag")).to_have_count(2)
    expect(bob.locator("#tag-name")).to_be_focused()
    press(bob, "Escape")
    has_a_place(bob)
    assert row.tags.count() == 2
    assert told.removeprefix("Take the tag ").removesuffix(" off") not in row.tags.values_list(
        "name", flat=True
    )


def opened(page: Page) -> Page:
    """What the link with the focus opens beside this page."""
    with page.context.expect_page() as found:
        press(page, "Enter")
    return found.value


def mail_with(queue: EmailQueue, **files: bytes) -> Message:
    parts = [b"--b\r\nContent-Type: text/html\r\n\r\n<p>See the files.</p>\r\n"]
    for name, data in files.items():
        where = f"Content-Disposition: attachment; filename={name}.pdf"
        parts.append(f"--b\r\nContent-Type: application/pdf\r\n{where}\r\n\r\n".encode() + data + b"\r\n")
    head = make_mail("", Content_Type="multipart/mixed; boundary=b", Subject="Files").rstrip()
    return receive(queue, head + b"\r\n\r\n" + b"".join(parts) + b"--b--\r\n")


def test_mails_and_files(sign_in: SignIn, orders: EmailQueue) -> None:
    CrmLink.objects.create(name="Shop", template="https://shop.example/people?mail={email}")
    message = mail_with(orders, receipt=PDF, other=PDF)
    Attachment.objects.filter(name="other.pdf").update(scan=Attachment.Scan.INFECTED, virus="Eicar")
    checks = tuple(Check(method, "pass", "customer.example") for method in ("spf", "dkim", "dmarc"))
    told = Findings("mx.example.com", checks)
    Message.objects.filter(pk=message.pk).update(authentication=genuine.keep(told))
    row = message.conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    tab_to(page, page.get_by_role("link", name="receipt.pdf").first)
    press(page, "Enter")
    preview = page.locator("#preview")
    expect(preview.locator("iframe")).to_have_attribute("title", "receipt.pdf")
    press(page, "Escape")
    expect(preview).to_be_hidden()
    expect(page.get_by_role("link", name="receipt.pdf").first).to_be_focused()
    tab_to(page, page.get_by_role("link", name="other.pdf"))
    locked = opened(page)
    expect(locked.get_by_role("heading")).to_have_text("This file is not opened")
    locked.close()
    tab_to(page, page.locator(f"#details-{message.pk} > summary"))
    press(page, "Enter")
    details = page.locator(f"#details-{message.pk}")
    for method in ("SPF", "DKIM", "DMARC"):
        expect(details).to_contain_text(f"{method}: pass (customer.example)")
    tab_to(page, details.get_by_role("link", name="Headers and source"))
    source = opened(page)
    expect(source.get_by_role("heading", name="Headers, decoded")).to_be_visible()
    tab_to(source, source.locator("summary", has_text="Text as it came"))
    press(source, "Enter")
    expect(source.locator("pre").last).to_contain_text("See the files.")
    source.close()
    tab_to(page, page.get_by_role("link", name="Shop"))
    address = "https://shop.example/people?mail=charlie%40customer.example"
    expect(page.get_by_role("link", name="Shop")).to_have_attribute("href", address)
    by_palette(page, "receipt", "receipt.pdf")  # what the mail has is found by its words
    expect(preview.locator("iframe")).to_be_visible()
    press(page, "Escape")
    has_a_place(page)


def test_why_reading_on_splitting_and_moving(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail("\n".join(["A long letter."] * 200), Subject="Parcel")).conversation
    first = row.messages.get()
    reply = {"In_Reply_To": f"<{first.message_id}>", "Subject": "Re: Parcel"}
    second = receive(orders, make_mail("Another matter", **reply))
    third = receive(orders, make_mail("And a third", **reply))
    page = sign_in("alice")
    press(page, "g", "n")
    article = page.locator("article[data-conversation]")
    expect(article).to_have_attribute("data-conversation", str(row.pk))
    tab_to(page, page.locator("#why > summary"))
    press(page, "Enter")
    expect(page.locator("#why .rivals")).to_contain_text(f"#{row.number}")
    press(page, "Escape")
    expect(page.locator("#why > summary")).to_be_focused()
    by_palette(page, "why me", "Why me?")
    expect(page.locator("#why .why-told")).to_be_focused()
    press(page, "Escape", "g", "m")
    expect(page.locator("#list-name")).to_have_text("Mine")
    press(page, "j", "Enter")
    expect(page.locator(f"#row-{row.pk} .row")).to_be_focused()
    expect(article).to_be_visible()
    top = "document.getElementById('timeline').scrollTop"
    before = page.evaluate(top)
    press(page, "Shift+Space")  # the mails scroll, though the list has the focus
    page.wait_for_function(f"() => {top} < {before}")
    upper = page.evaluate(top)
    press(page, "Space")
    page.wait_for_function(f"() => {top} > {upper}")

    tab_to(page, page.locator(f"#letter-{third.pk} .mail-acts").get_by_text("Split off…"))
    press(page, "Enter")
    expect(page.locator(f"#act [name=mail][value='{third.pk}']")).to_be_focused()
    press(page, "Control+Enter")
    expect(page.locator("#act")).to_be_hidden()
    third.refresh_from_db()
    assert third.conversation_id != row.pk
    expect(article).to_have_attribute("data-conversation", str(third.conversation_id))
    has_a_place(page)
    by_palette(page, f"#{row.number}", "Parcel")
    expect(article).to_have_attribute("data-conversation", str(row.pk))
    by_palette(page, "move to", "Move to…")
    expect(page.locator("#act-find")).to_be_focused()
    page.keyboard.type(f"#{third.conversation.number}")
    press(page, "ArrowDown")  # leads there as soon as it is found
    expect(page.locator("#act-choices :focus")).to_be_checked()
    press(page, "Control+Enter")
    expect(page.locator("#act")).to_be_hidden()
    second.refresh_from_db()
    assert second.conversation_id == third.conversation_id
    has_a_place(page)


def test_the_look_by_the_menu_and_the_palette(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    press(page, "p")
    expect(page.locator("#presence button").first).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Dark"))
    press(page, "Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) != light
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    press(page, "Escape")
    expect(page.locator("#user-menu > summary")).to_be_focused()
    page.reload()
    assert page.evaluate(ground) != light
    page.wait_for_load_state()
    by_palette(page, "light", "Light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate(ground) == light
