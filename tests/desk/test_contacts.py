"""The pages of contacts and organisations: with keys in a browser, and their answers without one."""

import csv
import io
import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Page, expect

from crm import contacts, importing, organisations
from crm.models import Contact, ContactImport, ContactMerge, CrmLink, Organisation
from queues import contact_merging, contact_urls
from queues.models import Conversation, EmailQueue
from tests.accessible import violations
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.desk.test_pages import HTMX, signed_in
from tests.make import (
    make_administrator,
    make_agent,
    make_contact,
    make_contact_field,
    make_mail,
    make_queue,
    make_supervisor,
    receive,
)

DORA = "Dora Stone <dora@stone.example>"


@pytest.fixture
def orders() -> EmailQueue:
    """A queue of Alice and Bob; Charlie works elsewhere."""
    make_agent("charlie", queues=[make_queue(name="Elsewhere")])
    return make_queue([make_agent("alice"), make_supervisor("bob")], name="Orders")


def shoot(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        for theme in ("light", "dark"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            page.wait_for_timeout(200)
            page.screenshot(path=str(Path(folder) / f"{name}-{theme}.png"))
        page.evaluate("document.documentElement.dataset.theme = 'light'")


@pytest.mark.django_db(transaction=True)
def test_a_contact_by_keyboard(sign_in: SignIn, orders: EmailQueue) -> None:
    make_contact_field("tier", "choice", choices=["gold", "silver"], is_required=True)
    CrmLink.objects.create(name="Open in the CRM", template="https://crm.example/find?mail={email}")
    firm = organisations.make(None, "Stone & Sons")
    organisations.add_domain(None, firm.pk, "stone.example")
    row = receive(orders, make_mail("Where is it?", From=DORA, Subject="Parcel 17")).conversation
    receive(EmailQueue.objects.get(name="Elsewhere"), make_mail(From=DORA))
    other = make_mail("Hello?", From="Dora Stone <d.stone@stone.example>")
    twin = receive(orders, other).conversation.contact
    page = sign_in("bob", f"/conversations/{row.pk}/")
    page.keyboard.press("v")
    expect(page).to_have_url(re.compile(f"/contacts/{row.contact_id}/$"))
    page.wait_for_load_state()  # its modules have run
    link = page.get_by_role("link", name="Open in the CRM")
    assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener noreferrer")
    assert link.get_attribute("href") == "https://crm.example/find?mail=dora%40stone.example"
    expect(page.locator("#trail-rows")).to_contain_text("1 in a queue that you can’t see")
    expect(page.locator("#contact-twins")).to_contain_text("d.stone@stone.example")
    page.keyboard.press("a")
    page.keyboard.type("dora@home.example")
    page.keyboard.press("Enter")
    expect(page.locator("#contact-addresses")).to_contain_text("dora@home.example")
    expect(page.locator("#add-address")).to_be_focused()
    page.keyboard.type("d.stone@stone.example")
    page.keyboard.press("Enter")
    expect(page.locator("#address-refusal")).to_contain_text("belongs to another contact already")
    page.locator("#add-address").blur()
    page.keyboard.press("n")
    page.keyboard.type("Likes tea")
    page.get_by_role("button", name="Add the note").press("Enter")
    expect(page.locator("#contact-notes")).to_contain_text("Likes tea")
    assert violations(page) == []
    shoot(page, "contact")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.get_by_label("Name", exact=True).fill("Dora M. Stone")
    page.get_by_label("Time zone").fill("Europe/Nowhere")
    page.get_by_label("Tier").select_option("gold")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no time zone")
    assert violations(page) == []
    shoot(page, "contact-edit")
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    contacts.change(None, row.contact_id, {"name": "D. Stone", "fields": {"tier": "gold"}})
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("same meanwhile. It is now Name: “D. Stone”")
    page.get_by_label("Name", exact=True).fill("D. Stone")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.locator("#contact-who")).to_contain_text("Asia/Tokyo")
    expect(page.locator("#contact-who")).to_contain_text("gold")
    page.keyboard.press("m")
    expect(page.locator("#merge-find")).to_be_focused()
    with page.expect_response(re.compile("find=d.stone%40")):
        page.keyboard.type("d.stone@")
    expect(page.locator(".choice")).to_have_count(1)
    page.locator(".choice input").press("Space")
    foreseen = page.locator("#merge-foreseen")
    expect(foreseen).to_contain_text("2 conversations (1 of them in queues that you can’t see)")
    assert violations(page) == []
    shoot(page, "contact-merge")
    page.get_by_role("button", name="Merge").press("Enter")
    expect(page).to_have_url(re.compile(f"/contacts/{twin.pk}/$"))
    expect(page.locator("#contact-merges")).to_contain_text("D. Stone")
    expect(page.locator("#trail-rows .trail-row")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("Parcel 17")
    expect(page.locator("#trail-rows .trail-row")).to_have_count(1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page).to_have_url(re.compile(f"/contacts/{row.contact_id}/$"))
    assert ContactMerge.objects.get().undone_at is not None
    page.goto("/contacts/")
    page.keyboard.press("/")
    page.keyboard.type("stone")
    expect(page.locator(".person")).to_have_count(2)
    assert violations(page) == []
    shoot(page, "contacts")
    held = held_back(page, "**/contacts/?*")  # what was found comes when somebody is among the lines already
    page.keyboard.type(" ")
    asked = come(page, held)
    page.locator(".person").first.focus()
    page.locator(".person").first.evaluate("line => { line.dataset.former = '' }")
    asked.continue_()
    expect(page.locator(".person[data-former]")).to_have_count(0)
    expect(page.locator(".person").first).to_be_focused()
    page.unroute("**/contacts/?*")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#contact")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert violations(page) == []
    shoot(page, "contact-phone")
    page.goto(f"/organisations/{firm.pk}/")
    shoot(page, "organisation-phone")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.keyboard.press("a")
    page.keyboard.type("gmail.com")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Anybody may have an address at gmail.com")
    assert violations(page) == []
    shoot(page, "organisation")
    page.goto(f"/conversations/{row.pk}/")
    shoot(page, "side")


@pytest.mark.django_db(transaction=True)
def test_importing_in_a_browser(sign_in: SignIn) -> None:
    make_administrator()
    page = sign_in("root", "/contacts/imports/")
    content = "Name;E-Mail;Stadt\nŽofie;z@x.example;Brno\nX;y;\n".encode("cp1250")
    page.get_by_label("File").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.locator(".mapping tbody tr")).to_have_count(3)
    assert violations(page) == []
    shoot(page, "import")
    held = held_back(page, re.compile(r"/contacts/contacts[^/]*\.js"))
    page.goto(page.url, wait_until="commit")
    page.get_by_label("Columns are separated by").select_option(",")  # before anything listens
    come(page, held).continue_()
    page.unroute_all()
    expect(page.locator(".mapping tbody tr")).to_have_count(1)
    page.wait_for_load_state()
    page.get_by_label("Columns are separated by").select_option(";")
    expect(page.get_by_label("E-Mail")).to_have_value("email")
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    importing.work(ContactImport.objects.get().pk)
    expect(page.get_by_role("button", name="Import it")).to_be_visible()
    expect(page.locator(".faults")).to_contain_text("Line 3 “y” is no e-mail address.")
    shoot(page, "import-checked")
    page.get_by_role("button", name="Import it").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.wait_for_load_state()
    with page.expect_event("load"):  # done, it is loaded anew
        importing.work(ContactImport.objects.get().pk)
    expect(page.locator(".import-state")).to_have_attribute("data-state", "done")
    assert violations(page) == []


@pytest.mark.django_db
class TestWithoutABrowser:
    def test_strangers_find_nothing(self, orders: EmailQueue) -> None:
        bob = make_supervisor("eve", queues=[EmailQueue.objects.get(name="Elsewhere")])
        firm = Organisation.objects.create(name="Stone & Sons")
        row = receive(orders).conversation.contact
        contacts.change(None, row.pk, {"organisation": firm.pk})
        other = receive(orders, make_mail(From=DORA)).conversation.contact
        ContactMerge.objects.create(gone=other, stays=row, at=row.created_at)
        upload = importing.upload(bob.user, "a.csv", b"email\n")
        tried = 0
        for pattern in contact_urls.urlpatterns:
            route = str(pattern.pattern)
            is_firm = route.startswith("organisations")
            if "<int:pk>" not in route:
                continue
            pk = upload.pk if "imports" in route else firm.pk if is_firm else row.pk
            path = "/" + route.replace("<int:pk>", str(pk))
            clients = [signed_in("charlie")] + ([] if is_firm else [signed_in("eve")])
            for client in clients:
                codes = {client.get(path).status_code, client.post(path).status_code}
                assert codes <= {404, 405}, (path, codes)
            assert Client().get(path).status_code in (302, 405), path
            tried += 1
        assert tried > 12
        for path in ("/contacts/imports/", "/contacts/new", "/contacts/export.csv"):
            assert signed_in("charlie").get(path).status_code == 404, path
        assert "Charlie Stone" not in signed_in("eve").get("/contacts/").content.decode()

    def test_an_agent_may_change_facts_but_merges_nobody(self, orders: EmailQueue) -> None:
        alice, row = signed_in("alice"), receive(orders).conversation.contact
        url = f"/contacts/{row.pk}"
        assert alice.get(f"{url}/merge").status_code == 404
        form = {"name": "Charles", "priority": "3", "standing": "person"}
        answer = alice.post(f"{url}/edit", form, headers=HTMX)
        assert (answer.status_code, answer["HX-Redirect"]) == (204, f"{url}/")
        assert Contact.objects.get(pk=row.pk).name == "Charles"
        refused = alice.post(f"{url}/notes", {"text": " "}, headers=HTMX)
        assert refused.status_code == 409
        assert "Write something first." in refused.content.decode()

    def test_what_a_contact_is_called_stays_text(self, orders: EmailQueue) -> None:
        make_contact_field("site", "url")
        evil = '<img src=x onerror=alert(1)>"&'
        row = receive(orders, make_mail(From="Evil <a@b.example>"))
        pk = row.conversation.contact_id
        contacts.change(None, pk, {"name": evil, "remark": evil, "external_id": evil})
        Contact.objects.filter(pk=pk).update(fields={"site": "https://b.example/'onmouseover=x"})
        paths = (f"/contacts/{pk}/", f"/contacts/{pk}/edit", "/contacts/")
        for path in (*paths, f"/conversations/{row.conversation_id}/"):
            page = signed_in("bob").get(path).content.decode()
            assert "<img src=x" not in page, path
            assert "&lt;img src=x" in page, path

    def test_the_page_of_one_that_was_merged_leads_to_where_it_is(self, orders: EmailQueue) -> None:
        gone, stays = make_contact(), make_contact("dora@stone.example", "Dora")
        bob = orders.members.get(user__username="bob").user
        ContactMerge.objects.create(gone=gone, stays=stays, at=gone.created_at, user=bob)
        Contact.objects.filter(pk=gone.pk).update(merged_into=stays)
        answer = signed_in("bob").get(f"/contacts/{gone.pk}/")
        assert (answer.status_code, answer["Location"]) == (302, f"/contacts/{stays.pk}/")
        assert contact_merging.merges_of(bob, stays)[0]["name"] == "Charlie Stone"

    def test_what_is_known_of_a_customer_stands_beside_the_conversation(self, orders: EmailQueue) -> None:
        make_contact_field("tier", "choice", choices=["gold", "silver"])
        make_contact_field("shop", "url")
        make_contact_field("since", "date", is_required=True)
        make_contact_field("nothing")
        row = receive(orders).conversation
        known = {"tier": "gold", "shop": "https://shop.example/p/17"}
        Contact.objects.filter(pk=row.contact_id).update(fields=known, external_id="C-20391")
        said = signed_in("alice").get(f"/conversations/{row.pk}/").content.decode()
        side = said[said.index('id="side"') : said.index("</aside>")]
        assert "<dt>Id in the CRM</dt><dd>C-20391</dd>" in side
        assert "<dt>Tier</dt><dd>gold</dd>" in side
        assert '<dt>Shop</dt><dd><a href="https://shop.example/p/17" target="_blank"' in side
        assert re.search(r"<dt>Since</dt><dd><a [^>]*>missing</a></dd>", side)
        assert "Nothing" not in side

    def test_an_agent_puts_nobody_into_an_organisation_that_others_look_after(
        self, orders: EmailQueue
    ) -> None:
        firm = organisations.make(None, "Hidden Ltd")
        row = receive(orders).conversation.contact
        path = f"/contacts/{row.pk}/edit"
        answer = signed_in("alice").post(path, {"organisation": "hidden  ltd"}, headers=HTMX)
        assert answer.status_code == 409
        assert "ask a supervisor" in answer.content.decode()
        assert signed_in("alice").get(f"/organisations/{firm.pk}/").status_code == 404
        answer = signed_in("alice").post(path, {"organisation": "New & Sons", "phones": "x"}, headers=HTMX)
        assert answer.status_code == 409
        assert not Organisation.objects.filter(name="New & Sons").exists()
        assert signed_in("alice").post(path, {"organisation": "New & Sons"}, headers=HTMX).status_code == 204
        assert signed_in("bob").post(path, {"organisation": "Hidden Ltd"}, headers=HTMX).status_code == 204
        row.refresh_from_db()
        assert row.organisation == firm

    def test_no_text_holds_nul(self, orders: EmailQueue) -> None:
        row = receive(orders).conversation
        alice = signed_in("alice")
        for path in (
            "/contacts/?q=%00",
            "/organisations/?q=%00&after=%00",
            "/organisations/names?organisation=a%00",
        ):
            assert alice.get(path).status_code == 200
        assert alice.get(f"/conversations/{row.pk}/draft/pictures/%00").status_code == 400
        answer = alice.post(f"/conversations/{row.pk}/language", {"language": "\0"}, headers=HTMX)
        assert answer.status_code == 409
        answer = alice.post(f"/contacts/{row.contact_id}/edit", {"base": '{"fields": [1]}', "own.x": "1"})
        assert answer.status_code == 409

    def test_the_same_number_of_queries_for_more_of_everything(self, orders: EmailQueue) -> None:
        client, row = signed_in("bob"), receive(orders).conversation.contact
        paths = ("/contacts/", f"/contacts/{row.pk}/", f"/contacts/{row.pk}/trail?text=a", "/organisations/")

        def count() -> list[int]:
            found = []
            client.get(paths[0])  # what is remembered for some seconds may be asked for again
            for path in paths:
                with CaptureQueriesContext(connection) as asked:
                    assert client.get(path).status_code == 200
                found.append(len(asked))
            return found

        contacts.change(None, row.pk, {"organisation": organisations.make(None, "Stone").pk})
        few = count()
        for number in range(8):
            other = receive(orders, make_mail(From=f"N{number} Stone <n{number}@stone.example>")).conversation
            receive(orders)
            firm = organisations.make(None, f"Firm {number}")
            contacts.change(None, other.contact_id, {"organisation": firm.pk})
            contacts.change(None, row.pk, {"remark": f"No. {number}"})
        assert count() == few
        assert max(few) < 30

    def test_export_is_what_the_supervisor_sees(self, orders: EmailQueue) -> None:
        receive(orders)
        receive(EmailQueue.objects.get(name="Elsewhere"), make_mail(From=DORA))
        assert signed_in("alice").get("/contacts/export.csv").status_code == 404
        answer: Any = signed_in("bob").get("/contacts/export.csv")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [each["email"] for each in rows] == ["charlie@customer.example"]
        assert answer["Content-Disposition"].startswith("attachment")

    def test_importing_step_by_step(self) -> None:
        make_administrator()
        root = signed_in("root")
        file = SimpleUploadedFile(
            "people.csv", "jméno;mail;co\nŽofie;z@x.example;nic\nX;y;\n".encode("cp1250")
        )
        answer = root.post("/contacts/imports/", {"file": file}, headers=HTMX)
        row = ContactImport.objects.get()
        assert answer["HX-Redirect"] == f"/contacts/imports/{row.pk}/"
        url = f"/contacts/imports/{row.pk}/"
        page = root.get(url).content.decode()
        assert "Žofie" in page
        assert "windows-1250" in page
        refused = root.post(f"{url}begin", {"column": ["name", "", ""]}, headers=HTMX)
        assert refused.status_code == 409
        assert root.post(f"{url}begin", {"column": ["name", "email", ""]}, headers=HTMX).status_code == 204
        importing.work(row.pk)
        page = root.get(url, headers=HTMX).content.decode()
        assert "Line 3" in page
        assert "“y” is no e-mail address." in page
        assert root.post(f"{url}begin", {"do": "import"}, headers=HTMX).status_code == 204
        importing.work(row.pk)
        assert Contact.objects.get().name == "Žofie"
        answer_: Any = root.get(f"{url}refused.csv")
        assert "3,email,y,“y” is no e-mail address." in b"".join(answer_.streaming_content).decode()
        assert root.post(f"{url}begin", {"do": "import"}, headers=HTMX).status_code == 409
        assert not Conversation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_is_searched_for_before_the_scripts_run_is_found(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail(From=DORA)).conversation
    receive(orders, make_mail(From="Zoe Ames <zoe@elsewhere.example>"))
    page = sign_in("bob", f"/contacts/{row.contact_id}/")
    held = held_back(page, "**/contacts/contacts*.js")
    page.goto(f"/contacts/{row.contact_id}/merge", wait_until="commit")
    page.locator("#merge-find").press_sequentially("zoe@")
    script = come(page, held)
    expect(page.locator(".choice")).to_have_count(0)
    script.continue_()
    expect(page.locator(".choice")).to_have_count(1)
