"""Merging, splitting, moving and holding at the desk: in a real browser, and its addresses without one."""

import os
import re
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Page, expect

from agents.models import Agent
from queues import actions
from queues.models import Conversation, EmailQueue
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.desk.test_pages import HTMX, signed_in
from tests.make import make_agent, make_conversation, make_mail, make_queue, make_supervisor, receive

State = Conversation.State
DANA = "Dana Novak <dana@customer.example>"


@pytest.fixture
def orders() -> EmailQueue:
    """A queue of Alice and Bob."""
    return make_queue([make_agent("alice", capacity=9), make_supervisor("bob")], name="Orders")


def shoot(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        page.wait_for_timeout(300)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.mark.django_db(transaction=True)
class TestInABrowser:
    """What an agent does with keys and clicks."""

    def test_merging_by_keyboard(self, sign_in: SignIn, orders: EmailQueue) -> None:
        gone = receive(orders, make_mail("Where is it?", Subject="Parcel 17")).conversation
        stays = receive(orders, make_mail("My invoice.", From=DANA, Subject="Invoice 4711")).conversation
        page = sign_in("alice", f"/conversations/{gone.pk}/")
        page.keyboard.press("m")
        dialog = page.locator("#act")
        expect(page.locator("#act-find")).to_be_focused()
        expect(dialog).to_contain_text("Choose a conversation to see what will happen.")
        dialog.get_by_role("button", name="Merge").click()
        expect(dialog.get_by_role("alert")).to_have_text("Choose a conversation first.")
        page.locator("#act-find").fill("invoice 4711")
        expect(dialog.locator(".choice")).to_have_count(1)
        page.locator("#act-find").press("Enter")
        expect(dialog).to_contain_text(f"#{stays.number} then has 2 mails and is waiting in Orders.")
        expect(dialog).to_contain_text("The contacts differ: Charlie Stone here, Dana Novak there.")
        shoot(page, "merge")
        assert Conversation.objects.filter(merged_into=None).count() == 2
        page.keyboard.press("Enter")
        expect(dialog).not_to_be_visible()
        expect(page).to_have_url(re.compile(f"/conversations/{stays.pk}/"))
        expect(page.locator("#items .card-mail")).to_have_count(2)
        expect(page.locator("#head")).to_contain_text(f"#{stays.number}")
        shoot(page, "merged")
        page.goto(f"/conversations/{gone.pk}/")
        expect(page).to_have_url(re.compile(f"/conversations/{stays.pk}/"))

    def test_a_colleague_merges_what_is_open_and_being_answered(
        self, sign_in: SignIn, orders: EmailQueue
    ) -> None:
        alice = Agent.objects.get(user__username="alice")
        bob = Agent.objects.get(user__username="bob")
        gone, stays = make_conversation(orders), make_conversation(orders)
        page = sign_in("alice", f"/conversations/{gone.pk}/")
        page.keyboard.press("r")
        page.locator("#reply-text").fill("Half an answer")
        expect(page.locator("[data-saved]")).to_contain_text("Saved")
        actions.merge(bob.user, gone, stays)
        expect(page.locator("#head")).to_contain_text(f"#{stays.number}")
        expect(page.locator("#reply-text")).to_have_value("Half an answer")
        expect(page).to_have_url(re.compile(f"/conversations/{stays.pk}/"))
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator("#warning")).to_contain_text("New mail came while you were writing.")
        page.get_by_role("button", name="Send all the same").click()
        expect(page.locator("#items .out")).to_have_count(1)
        assert stays.messages.filter(direction="out", agent=alice).count() == 1

    def test_splitting_off_and_moving_back(self, sign_in: SignIn, orders: EmailQueue) -> None:
        first = receive(orders, make_mail(Cc=DANA))
        thread = f"<{first.message_id}>"
        other = receive(orders, make_mail("My invoice?", From=DANA, Subject="Invoice", References=thread))
        receive(orders, make_mail("Hello?", References=thread))
        page = sign_in("alice", f"/conversations/{first.conversation_id}/")
        page.locator(f"#mail-{other.pk}").get_by_role("button", name="Split off…").click()
        dialog = page.locator("#act")
        expect(dialog.locator(":checked")).to_have_count(1)
        expect(dialog.get_by_label("Subject of the new conversation")).to_have_value("Invoice")
        shoot(page, "split")
        dialog.get_by_role("button", name="Split off").click()
        expect(page.locator("#head h1")).to_have_text("Invoice")
        new = Conversation.objects.latest("pk")
        expect(page).to_have_url(re.compile(f"/conversations/{new.pk}/"))
        shoot(page, "split-done")
        page.locator(".event a").first.click()
        expect(page.locator("#items .card-mail")).to_have_count(2)
        third = first.conversation.messages.latest("pk")
        page.locator(f"#mail-{third.pk}").get_by_role("button", name="Move to…").click()
        page.locator("#act-find").fill(f"#{new.number}")
        dialog.locator(".choice", has_text=f"#{new.number}").click()
        expect(dialog).to_contain_text(f"#{new.number} then has 2 mails")
        shoot(page, "move")
        dialog.get_by_role("button", name="Move").click()
        expect(page.locator("#head h1")).to_have_text("Invoice")
        expect(page.locator("#items .card-mail")).to_have_count(2)

    def test_a_hint_offers_to_merge(self, sign_in: SignIn, orders: EmailQueue) -> None:
        old = receive(orders, make_mail(Subject="Parcel 17")).conversation
        new = receive(orders, make_mail("It came.", Subject=f"Re: [#{old.number}]")).conversation
        page = sign_in("alice", f"/conversations/{new.pk}/")
        shoot(page, "hint")
        page.get_by_role("button", name=f"Merge into #{old.number}").click()
        expect(page.locator("#act")).to_contain_text(f"#{old.number} then has 2 mails")
        expect(page.locator("#act :checked")).to_have_count(1)
        page.locator("#act").get_by_role("button", name="Merge").click()
        expect(page.locator("#head h1")).to_have_text("Parcel 17")

    def test_what_is_held_is_seen_and_let_go(self, sign_in: SignIn, orders: EmailQueue) -> None:
        rows = [make_conversation(orders, state="held", due_at=None, due_tick=None) for _ in range(3)]
        page = sign_in("bob", "/?view=held")
        expect(page.locator("#view-held .num")).to_have_text("3")
        expect(page.locator("#rows .row")).to_have_count(3)
        shoot(page, "held")
        page.locator("#rows .row").first.click()
        expect(page.locator("#open-reply")).to_have_attribute("data-reason", "It is held: let it go first.")
        shoot(page, "held-one")
        page.keyboard.press("t")
        expect(page.locator("#head .pill")).to_contain_text("Waiting")
        page.on("dialog", lambda asked: asked.accept())
        page.get_by_role("button", name="Let all go").click()
        expect(page.locator("#toasts")).to_contain_text("2 conversations let go.")
        expect(page.locator("#rows .row")).to_have_count(0)
        assert {row.state for row in Conversation.objects.filter(pk__in=[row.pk for row in rows])} == {
            State.WAITING
        }

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_a_phone_has_room_for_the_dialog(self, sign_in: SignIn, orders: EmailQueue, theme: str) -> None:
        raw = make_mail("Where is it?", Subject="Parcel 17", To="orders@example.com, billing@example.com")
        one = receive(orders, raw).conversation
        billing = make_queue([Agent.objects.get(user__username="alice")], name="Billing")
        receive(billing, raw)
        make_conversation(orders)
        page = sign_in("alice", f"/conversations/{one.pk}/", width=390, height=844)
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        expect(page.locator(".siblings")).to_contain_text("The same mail is also in Billing: #")
        shoot(page, f"phone-{theme}")
        held = held_back(page, "**/merge?*find=*")
        page.locator("#tool-merge").click()
        page.locator("#act-find").fill("parcel")
        search = come(page, held)
        page.locator("#act .choice").first.click()
        expect(page.locator("#act-foreseen")).to_contain_text("then has 2 mails")
        with page.expect_response("**/merge?*find=*"):
            search.continue_()
        page.evaluate("fetch('/login/').then((answer) => answer.text())")  # by now it has been read
        expect(page.locator("#act-choices :checked")).to_have_count(1)  # late, it takes nothing away
        shoot(page, f"phone-merge-{theme}")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


@pytest.mark.django_db
class TestAddresses:
    """Who gets what."""

    def test_the_page_of_a_merged_one_leads_on(self, orders: EmailQueue) -> None:
        bob = Agent.objects.get(user__username="bob")
        gone, stays = make_conversation(orders), make_conversation(orders)
        actions.merge(bob.user, gone, stays)
        client = signed_in("alice")
        answer = client.get(f"/conversations/{gone.pk}/?view=all")
        assert (answer.status_code, answer["Location"]) == (302, f"/conversations/{stays.pk}/?view=all")
        part = client.get(f"/conversations/{gone.pk}/parts?view=all", headers=HTMX)
        assert (part.status_code, part["HX-Replace-Url"]) == (200, f"/conversations/{stays.pk}/?view=all")
        refused = client.post(f"/conversations/{gone.pk}/close", headers=HTMX)
        assert (refused.status_code, f"was merged into #{stays.number}" in refused.content.decode()) == (
            409,
            True,
        )

    def test_who_may_not_see_where_it_went_is_told_so_much(self, orders: EmailQueue) -> None:
        bob = Agent.objects.get(user__username="bob")
        gone, stays = make_conversation(orders), make_conversation(make_queue([bob], name="Secret"))
        actions.merge(bob.user, gone, stays)
        page = signed_in("alice").get(f"/conversations/{gone.pk}/").content.decode()
        assert f"/conversations/{stays.pk}/" not in page
        assert 'id="tool-' not in page

    def test_a_target_that_i_may_not_see_is_none(self, orders: EmailQueue) -> None:
        row, foreign = make_conversation(orders), make_conversation(make_queue(name="Secret"))
        client = signed_in("alice")
        for asked in (str(foreign.pk), "0", "x", "9" * 30, ""):
            page = client.get(
                f"/conversations/{row.pk}/merge", {"into": asked, "find": "charlie"}, headers=HTMX
            )
            assert page.status_code == 200
            assert "Secret" not in page.content.decode()
            answer = client.post(f"/conversations/{row.pk}/merge", {"into": asked}, headers=HTMX)
            assert (answer.status_code, answer["HX-Retarget"]) == (409, "#act-refusal")
        assert Conversation.objects.filter(merged_into=None).count() == 2

    def test_foreseeing_changes_nothing(self, orders: EmailQueue) -> None:
        gone, stays = make_conversation(orders), make_conversation(orders)
        before = list(Conversation.objects.order_by("pk").values())
        page = signed_in("alice").get(f"/conversations/{gone.pk}/merge?into={stays.pk}", headers=HTMX)
        assert f"#{stays.number} then has 2 mails" in page.content.decode()
        assert list(Conversation.objects.order_by("pk").values()) == before
        assert not stays.events.filter(kind="merged").exists()

    def test_only_a_supervisor_closes_all_that_is_held(self, orders: EmailQueue) -> None:
        row = make_conversation(orders, state="held", due_at=None, due_tick=None)
        foreign = make_conversation(make_queue(), state="held", due_at=None, due_tick=None)
        assert signed_in("alice").post("/held/close", headers=HTMX).status_code == 409
        stranger = signed_in("bob").post("/held/close", {"contact": "999999"}, headers=HTMX)
        assert stranger.status_code == 404
        done = signed_in("bob").post("/held/close", {"contact": str(row.contact_id)}, headers=HTMX)
        assert "1 conversation closed." in done.content.decode()
        foreign.refresh_from_db()
        assert foreign.state == State.HELD

    def test_many_links_and_siblings_cost_no_more_queries(self, orders: EmailQueue) -> None:
        row = make_conversation(orders)
        alice, client = Agent.objects.get(user__username="alice"), signed_in("alice")
        address = f"/conversations/{row.pk}/parts"

        def grow() -> int:
            actions.merge(alice.user, make_conversation(orders), row)
            receive(orders, make_mail(Subject=f"[#{row.number}]"))
            raw = row.messages.latest("pk").raw
            assert raw is not None
            receive(make_queue([alice]), raw.as_bytes())
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address, headers=HTMX).status_code == 200
            return len(captured)

        grow()
        few = grow()
        for _ in range(3):
            many = grow()
        assert many == few
