"""Words that only this browser has, while a colleague sends the draft that they belong to."""

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent
from queues.actions import assign, reply, take
from queues.letters import Reply
from queues.models import Conversation, Draft, Message, Note
from tests.browser import intercept, tear_away
from tests.desk.conftest import SignIn, written
from tests.make import make_agent, make_queue, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bob() -> Agent:
    return make_agent("bob", capacity=5)


@pytest.fixture
def row(bob: Agent) -> Conversation:
    alice = make_agent("alice", capacity=5)
    row = receive(make_queue([alice, bob], name="Orders")).conversation
    take(alice.user, row)
    return row


def sent_by_a_colleague(page: Page, row: Conversation, bob: Agent) -> None:
    """Alice has typed more than was saved, and her tab is gone; Bob sends what was saved."""
    written(page, "It is on its way.")
    intercept(page, "**/draft", lambda route: route.abort())
    page.locator("#reply-text").press("Control+End")
    page.keyboard.type(" It comes on Friday.")
    expect(page.locator("[data-saved]")).to_contain_text("Not saved")
    tear_away(page)
    page.unroute("**/draft")
    take(bob.user, row, take_over=True)
    draft = Draft.objects.get()
    reply(bob.user, row, Reply(text=draft.text, token=str(draft.token)))


class TestSentByAColleague:
    """Nothing of it is thrown away unasked."""

    @pytest.fixture
    def page(self, sign_in: SignIn, row: Conversation, bob: Agent) -> Page:
        page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
        sent_by_a_colleague(page, row, bob)
        Conversation.objects.filter(pk=row.pk).update(agent=None, state="waiting")
        page.goto(f"/conversations/{row.pk}/?view=all")
        panel = page.locator("[data-conflict]")
        expect(panel).to_contain_text("was sent already")
        expect(panel.locator("[data-other]")).to_have_text("It is on its way. It comes on Friday.")
        expect(page.locator("#reply-text")).to_have_value("It is on its way. It comes on Friday.")
        return page

    def test_it_becomes_an_answer_of_its_own(self, page: Page) -> None:
        page.locator("[data-kept=anew]").click()
        expect(page.locator("[data-saved]")).to_contain_text("Saved")
        page.locator("#reply-text").press("Control+Enter")
        expect(page.locator("#open-reply")).to_be_visible()
        texts = Message.objects.filter(direction="out").order_by("pk").values_list("text", flat=True)
        first, second = (text.partition("\n")[0] for text in texts)
        assert (first, second) == ("It is on its way.", "It is on its way. It comes on Friday.")

    def test_it_becomes_a_note_with_what_was_typed_since(self, page: Page) -> None:
        page.locator("#reply-text").press("Control+End")
        page.keyboard.type(" Or on Monday.")
        page.locator("[data-kept=note]").click()
        expect(page.locator("#note-text")).to_have_value(
            "It is on its way. It comes on Friday. Or on Monday."
        )
        page.locator("#note-text").press("Control+Enter")
        expect(page.locator("#open-reply")).to_be_visible()
        assert Note.objects.get().text.endswith("Or on Monday.")
        assert Message.objects.filter(direction="out").count() == 1

    def test_a_note_that_was_begun_is_not_written_over(self, page: Page) -> None:
        page.locator("[data-act=shut]").click()
        page.locator("#open-note").click()
        page.locator("#note-text").fill("She called.")
        page.locator("[data-act=shut]").click()
        page.locator("#open-reply").click()
        page.locator("[data-kept=note]").click()
        expect(page.locator("#note-text")).to_have_value(
            "She called.\n\nIt is on its way. It comes on Friday."
        )

    def test_it_is_asked_again_until_somebody_says(self, page: Page) -> None:
        page.reload()
        expect(page.locator("[data-conflict]")).to_contain_text("was sent already")
        page.locator("[data-kept=drop]").click()
        expect(page.locator("#open-reply")).to_be_visible()
        page.reload()
        expect(page.locator("#open-reply")).to_be_visible()
        assert not Draft.objects.exists()


def test_what_has_left_in_full_is_not_asked_about(sign_in: SignIn, row: Conversation, bob: Agent) -> None:
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    written(page, "It is on its way.")
    take(bob.user, row, take_over=True)
    draft = Draft.objects.get()
    reply(bob.user, row, Reply(text=f"{draft.text}\n\nIt comes on Friday.", token=str(draft.token)))
    page.locator("#reply-text").dispatch_event("input")
    expect(page.locator("#toasts")).to_contain_text("This answer was sent already.")
    expect(page.locator("#reply-form")).to_have_count(0)


class TestRefused:
    """An answer that was refused is a draft like any other: nothing of it is lost with the page."""

    @pytest.fixture
    def page(self, sign_in: SignIn, bob: Agent) -> Page:
        self.row = receive(make_queue([make_agent("alice", capacity=5), bob], name="Orders")).conversation
        take(bob.user, self.row)
        page = sign_in("alice", f"/conversations/{self.row.pk}/?view=all")
        written(page, "One")
        page.locator("#reply-text").press("Control+End")
        page.keyboard.type(" two")
        with page.expect_response("**/reply"):
            page.keyboard.press("Control+Enter")
        expect(page.locator("#reply-form .editor-foot button.primary")).to_be_enabled()  # it has not left
        expect(page.locator("#toasts .error")).to_contain_text("is with Bob")
        return page

    def test_it_is_saved_when_the_page_goes(self, page: Page) -> None:
        page.goto("/")
        eventually(lambda: Draft.objects.get().text == "One two", "the last word is saved")

    def test_what_could_not_be_saved_stays_in_the_browser(self, page: Page) -> None:
        intercept(page, "**/draft", lambda route: route.abort())
        page.locator("#reply-text").press("Control+End")
        page.keyboard.type(" three")
        tear_away(page)
        page.unroute("**/draft")
        page.goto(f"/conversations/{self.row.pk}/?view=all")
        expect(page.locator("#reply-text")).to_have_value("One two three")

    def test_what_is_typed_after_it_is_saved(self, page: Page) -> None:
        page.locator("#reply-text").press("Control+End")
        page.keyboard.type(" three")
        expect(page.locator("[data-saved]")).to_contain_text("Saved")
        assert Draft.objects.get().text == "One two three"


def test_sending_what_has_left_with_other_words_asks_what_becomes_of_it(
    sign_in: SignIn, row: Conversation, bob: Agent
) -> None:
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    written(page, "It is on its way.")
    take(bob.user, row, take_over=True)
    reply(bob.user, row, Reply(text="It is lost.", token=str(Draft.objects.get().token)))
    page.locator("#reply-text").press("Control+Enter")
    panel = page.locator("[data-conflict]")
    expect(panel).to_contain_text("was sent already")
    expect(panel.locator("[data-other]")).to_have_text("It is on its way.")
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.locator("[data-kept=note]").click()
    expect(page.locator("#note-text")).to_have_value("It is on its way.")


def test_sending_what_stands_in_what_has_left_asks_nothing(
    sign_in: SignIn, row: Conversation, bob: Agent
) -> None:
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    written(page, "It is on its way.")
    take(bob.user, row, take_over=True)
    draft = Draft.objects.get()
    reply(bob.user, row, Reply(text=f"{draft.text} It comes on Friday.", token=str(draft.token)))
    page.locator("#reply-text").press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("This answer was sent already.")
    expect(page.locator("#reply-form")).to_have_count(0)
    assert Message.objects.filter(direction="out").count() == 1


def test_a_draft_that_came_back_from_a_colleague_can_be_sent(
    sign_in: SignIn, row: Conversation, bob: Agent
) -> None:
    alice = Agent.objects.get(user__username="alice")
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    written(page, "It is on its way.")
    take(bob.user, row, take_over=True)
    page.locator("#reply-text").press("Control+End")
    page.keyboard.type(" It comes on Friday.")
    panel = page.locator("[data-conflict]")
    expect(panel.get_by_role("button", name="Leave it as a note")).to_be_visible()
    assign(bob.user, row, alice)
    page.locator("#reply-text").press("Control+Enter")
    expect(panel.locator("[data-other]")).to_have_text("It is on its way.")
    panel.get_by_role("button", name="Keep what is here").press("Enter")
    eventually(lambda: "Friday" in Draft.objects.get().text, "it is saved")
    page.locator("#reply-text").press("Control+Enter")
    expect(page.locator("#open-reply")).to_be_visible()
    assert "It comes on Friday." in Message.objects.get(direction="out").text
