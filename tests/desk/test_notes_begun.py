"""A note or a whisper that is begun: saved like an answer, and its author's alone."""

from uuid import uuid4

import pytest
from django.test import Client
from playwright.sync_api import Page, Route, expect

from agents.models import Agent
from privacy import stripping
from queues import actions, note_drafts
from queues.models import Conversation, Draft, Note, NoteDraft
from queues.refusals import ActionRefused, DraftConflict, NoteAdded, SentOtherwise
from queues.windows import Window
from tests.browser import intercept
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_queue, make_supervisor, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

ALL, HOLDER = Note.Audience.ALL, Note.Audience.HOLDER
KEPT = "() => Object.keys(localStorage).filter((name) => name.startsWith('ucs:draft:')).length"


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=5)


@pytest.fixture
def row(alice: Agent) -> Conversation:
    row = receive(make_queue([alice, make_supervisor()], name="Orders")).conversation
    return actions.take(alice.user, row)


def lose_the_answer(route: Route) -> None:
    """The server gets the request, and the page never hears of it."""
    route.fetch()
    route.abort()


def saved(page: Page) -> None:
    expect(page.locator("[data-saved]")).to_contain_text("Saved")


def begun(page: Page, key: str, text: str) -> None:
    page.keyboard.press(key)
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.type(text)
    saved(page)


def test_a_note_outlives_its_tab_and_comes_back_on_another_computer(
    sign_in: SignIn, row: Conversation
) -> None:
    address = f"/conversations/{row.pk}/?view=all"
    one = sign_in("alice", address)
    begun(one, "n", "He called")
    assert one.evaluate(KEPT) == 0, "the server has it"
    one.close()  # as when the browser is killed: the page hears nothing of it

    two = sign_in("alice", address)  # another computer
    expect(two.locator("#note-text")).to_have_value("He called")
    two.keyboard.press("?")  # what nobody asked for has not the focus
    expect(two.locator("#keys")).to_be_visible()
    two.keyboard.press("Escape")
    two.keyboard.press("n")
    intercept(two, "**/notes/draft", lambda route: route.abort())
    two.keyboard.type(" twice")
    expect(two.locator("[data-saved]")).to_contain_text("Not saved")
    assert NoteDraft.objects.get().text == "He called"
    two.close()  # before the server has it

    again = two.context.new_page()
    again.goto(address)
    expect(again.locator("#note-text")).to_have_value("He called twice")
    eventually(lambda: NoteDraft.objects.get().text == "He called twice", "it is saved")
    again.keyboard.press("r")
    expect(again.locator("#reply-form")).to_be_visible()
    again.keyboard.press("Escape")
    again.locator("[data-act=shut]").press("Enter")
    expect(again.locator("#open-note")).to_have_text("Note begun")

    bob = sign_in("bob", address)
    expect(bob.locator("#open-note")).to_have_text("Note")
    assert "He called" not in bob.content()
    bob.keyboard.press("n")
    expect(bob.locator("#note-text")).to_have_value("")

    again.keyboard.press("n")
    expect(again.locator("#note-text")).to_be_focused()
    again.keyboard.type(".")  # behind what was there
    again.keyboard.press("Control+Enter")
    expect(again.locator(".note-card")).to_contain_text("He called twice.")
    expect(again.locator("#open-note")).to_have_text("Note")
    assert (Note.objects.get().audience, NoteDraft.objects.count(), Draft.objects.count()) == (ALL, 0, 0)
    again.reload()
    expect(again.locator("#open-note")).to_be_visible()


def test_a_whisper_that_is_begun_is_read_by_nobody_and_can_be_thrown_away(
    sign_in: SignIn, row: Conversation
) -> None:
    address = f"/conversations/{row.pk}/?view=all"
    bob = sign_in("bob", address)
    begun(bob, "w", "She is new here")
    draft = NoteDraft.objects.get()
    assert (draft.audience, draft.agent.user.username) == (HOLDER, "bob")
    for path in (address, f"/conversations/{row.pk}/notes?whisper=1", f"/conversations/{row.pk}/parts"):
        client = Client()
        assert client.login(username="alice", password="alice")
        assert "She is new" not in client.get(path).content.decode()
    bob.reload()
    expect(bob.locator("#note-form.whisper #note-text")).to_have_value("She is new here")
    bob.keyboard.press("n")  # a note beside it is another one
    expect(bob.locator("#note-form:not(.whisper) #note-text")).to_be_focused()
    bob.keyboard.type("Hi")
    saved(bob)
    bob.get_by_label("Close the note").press("Enter")
    expect(bob.locator("#open-note")).to_have_text("Note begun")
    bob.keyboard.press("w")
    expect(bob.locator("#note-text")).to_have_value("She is new here")
    with bob.expect_request(lambda request: request.method == "DELETE") as asked:
        bob.get_by_label("Discard the draft").press("Enter")
    assert "new" not in asked.value.url, "what is written stands in no log of addresses"
    expect(bob.locator("#open-whisper")).to_have_text("Whisper")
    assert NoteDraft.objects.get().audience == ALL


def test_two_windows_with_one_note(sign_in: SignIn, row: Conversation) -> None:
    address = f"/conversations/{row.pk}/?view=all"
    one = sign_in("alice", address)
    begun(one, "n", "He called.")
    two = one.context.new_page()
    two.goto(address)
    expect(two.locator("#note-text")).to_have_value("He called.")
    two.locator("#note-text").fill("He wrote.")
    saved(two)
    one.locator("#note-text").press("Control+Enter")
    panel = one.locator("[data-conflict] .warning")
    expect(panel.locator("[data-other]")).to_have_text("He wrote.")
    assert not Note.objects.exists()
    panel.get_by_role("button", name="Take what is saved").press("Enter")
    expect(one.locator("#note-text")).to_have_value("He wrote.")
    one.locator("#note-text").press("Control+Enter")
    expect(one.locator(".note-card")).to_contain_text("He wrote.")

    two.locator("#note-text").fill("He wrote twice.")
    panel = two.locator("[data-conflict] .warning")
    expect(panel).to_contain_text("This note was added already")
    two.reload()  # asked until somebody says
    expect(panel.locator("[data-other]")).to_have_text("He wrote twice.")
    panel.get_by_role("button", name="Make a new note of it").press("Enter")
    saved(two)
    two.locator("#note-text").press("Control+Enter")
    expect(two.locator(".note-card")).to_have_count(2)
    assert [each.text for each in Note.objects.all()] == ["He wrote.", "He wrote twice."]
    assert not NoteDraft.objects.exists()


def test_a_note_whose_receipt_was_lost_is_not_added_again(sign_in: SignIn, row: Conversation) -> None:
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    begun(page, "n", "He called.")
    intercept(page, "**/notes", lose_the_answer)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("This note was added already.")
    expect(page.locator(".note-card")).to_contain_text("He called.")  # by a live update
    expect(page.locator("#note-form")).to_have_count(0)
    assert (Note.objects.count(), NoteDraft.objects.count()) == (1, 0)


def test_a_note_is_added_once_and_saved_no_more(alice: Agent, row: Conversation) -> None:
    token, user = uuid4(), alice.user
    draft = note_drafts.save_note_draft(user, row, "He called.", ALL, token, Window("one", 0, saves=1))
    with pytest.raises(DraftConflict):
        note_drafts.save_note_draft(user, row, "He wrote.", ALL, token, Window("two", 0))
    with pytest.raises(DraftConflict):
        note_drafts.add_note(user, row, "He wrote.", ALL, token, Window("two", 0))
    with pytest.raises(DraftConflict):
        note_drafts.discard_note_draft(user, row, ALL, token, Window("two", 0))
    late = note_drafts.save_note_draft(user, row, "He", ALL, token, Window("one", 0, saves=0))
    assert (late.pk, late.text, late.version) == (draft.pk, "He called.", draft.version)
    added = note_drafts.add_note(user, row, "He called. ", ALL, token, Window("two", draft.version))
    assert note_drafts.add_note(user, row, "He called.", ALL, token, None) == added
    with pytest.raises(SentOtherwise):
        note_drafts.add_note(user, row, "He wrote.", ALL, token, None)
    for text, is_all in (("He called", True), ("He called twice", False)):
        with pytest.raises(NoteAdded) as told:
            note_drafts.save_note_draft(user, row, text, ALL, token, None)
        assert told.value.has_all is is_all
    assert (Note.objects.count(), NoteDraft.objects.count()) == (1, 0)


def test_what_is_refused(alice: Agent, row: Conversation) -> None:
    with pytest.raises(ActionRefused, match="Only a supervisor can whisper"):
        note_drafts.save_note_draft(alice.user, row, "Hi", HOLDER, uuid4(), None)
    with pytest.raises(ActionRefused, match="too long"):
        note_drafts.save_note_draft(alice.user, row, "x" * 100_001, ALL, uuid4(), None)
    row.queue.pci = "mask"
    row.queue.save()
    note_drafts.save_note_draft(alice.user, row, "4111 1111 1111 1111", ALL, uuid4(), None)
    assert "4111 1111" not in NoteDraft.objects.get().text


def test_it_goes_with_what_it_is_about(alice: Agent, row: Conversation) -> None:
    gone = receive(row.queue).conversation
    note_drafts.save_note_draft(alice.user, gone, "Here.", ALL, uuid4(), None)
    stays = actions.merge(alice.user, gone, row)
    assert stays.note_drafts.get().text == "Here."
    gone = receive(row.queue).conversation
    note_drafts.save_note_draft(alice.user, gone, "There.", ALL, uuid4(), None)
    actions.merge(alice.user, gone, row)
    assert NoteDraft.objects.get().text == "There.\n\nHere."
    stripping._forget_around(row)
    assert not NoteDraft.objects.exists()
