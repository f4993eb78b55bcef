"""What if: the question, its answer, and who may see it."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import DjangoCaptureOnCommitCallbacks

from queues.models import EmailQueue
from reports import tasks, whatif
from reports.models import LEASE, LIMIT, ODD, WhatIf
from reports.whatif import Question, ask, ask_again, cancel, play, visible
from simulation import example
from simulation.changes import Change
from tests.accessible import violations
from tests.desk.conftest import SignIn
from tests.make import make_administrator, make_agent, make_queue, make_supervisor
from tests.reports.past import remember

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 2, tzinfo=UTC)
UNTIL = START + timedelta(days=2)
WITHOUT_ALICE = Change(without=("alice",))


def signed_in() -> Client:
    client = Client()
    assert client.login(username="bob", password="bob")
    return client


@pytest.fixture
def bob() -> Client:
    """Supervises billing and delivery, where nothing came yet."""
    alice, supervisor = make_agent("alice"), make_supervisor("bob")
    for name in ("billing", "delivery"):
        make_queue([alice, supervisor], name=name)
    return signed_in()


@pytest.fixture
def worked() -> Client:
    """Supervises billing and delivery, which have worked for two days."""
    office = example.office(days=2)
    queues = remember(replace(office, cases=office.cases[::5]), START)
    supervisor = make_supervisor("bob")
    for queue in queues[:2]:
        queue.members.add(supervisor)
    with connection.cursor() as cursor:  # else the plans are for what earlier tests have left behind
        cursor.execute("ANALYZE auth_user, agents_agent, queues_emailqueue, queues_emailqueue_members")
    return signed_in()


def question(**overrides: object) -> Question:
    values = {"queues": list(EmailQueue.objects.filter(members__user__username="bob")), "days": 2,
              "change": WITHOUT_ALICE, "until": UNTIL}  # fmt: skip
    return Question(**(values | overrides))  # type: ignore[arg-type]


def asked(client: Client, **values: object) -> WhatIf:
    """Ask as the form does, without a worker."""
    form = {
        "queues": [q.pk for q in question().queues],
        "days": 7,
        "without": "alice",
        "peers": "on",
    } | values
    answer = client.post("/board/what-if/", form)
    assert answer.status_code == 302, answer.content.decode()
    row = WhatIf.objects.latest("pk")
    assert answer["Location"] == f"/board/what-if/{row.pk}/"
    return row


def test_a_question_is_asked_played_and_answered(worked: Client) -> None:
    row = asked(worked, newcomers="2 billing=4, en=5", target="60/120")
    assert row.sentences == [
        "2 more with billing 4, en 5", "without alice",
        "billing answers in 60 / 120 min", "delivery answers in 60 / 120 min",
    ]  # fmt: skip
    WhatIf.objects.filter(pk=row.pk).update(until=UNTIL, days=2)
    assert "Waits for a worker" in worked.get(f"/board/what-if/{row.pk}/").content.decode()
    tasks.play(row.pk)
    page = worked.get(f"/board/what-if/{row.pk}/").content.decode()
    row.refresh_from_db()
    assert row.state == WhatIf.State.DONE, row.error
    for words in ("are answered in time", "Round robin", "Who would have got what", "Really ", "2 more with"):
        assert words in page
    assert "hx-trigger" not in page.partition('id="answer"')[2][:300]
    assert [each["name"] for each in row.figures()["outcomes"]][:2] == ["now", "changed"]


def test_the_same_question_has_the_same_answer(worked: Client) -> None:
    user = make_administrator()
    first = ask(user, question(peers=False))
    second = ask_again(user, first)
    assert play(first.pk)
    assert play(second.pk)
    assert not play(first.pk), "played already"
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.result == second.result
    assert first.until == second.until


def test_how_many_queries_a_page_needs_does_not_grow(worked: Client) -> None:
    row = asked(worked)
    WhatIf.objects.filter(pk=row.pk).update(until=UNTIL, days=2)
    play(row.pk)

    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert worked.get(path).status_code == 200
        return len(found)

    counts = [count("/board/what-if/"), count(f"/board/what-if/{row.pk}/")]
    for number in range(5):
        asked(worked)
        row.queues.add(make_queue([make_agent(f"dora-{number}"), row.user.agent]))
    assert [count("/board/what-if/"), count(f"/board/what-if/{row.pk}/")] == counts
    assert max(counts) <= 14


def test_it_can_be_cancelled_while_it_plays(worked: Client) -> None:
    row = ask(make_administrator(), question())
    with patch.object(whatif, "ASKS_EVERY", 0), patch.object(whatif, "_telling") as telling:
        telling.return_value = lambda done, whole: cancel(row)
        play(row.pk)
    row.refresh_from_db()
    assert (row.state, row.result, row.error) == (WhatIf.State.CANCELLED, None, "")
    assert not cancel(row)


def test_what_takes_too_long_ends_itself_and_says_so(worked: Client) -> None:
    row = ask(make_administrator(), question())
    with patch.object(whatif, "LIMIT", timedelta(0)):
        play(row.pk)
    row.refresh_from_db()
    assert row.state == WhatIf.State.FAILED
    assert "choose fewer days" in row.error


@pytest.mark.parametrize("has_lease", [True, False])
def test_a_worker_that_died_is_told_and_it_can_be_played_again(worked: Client, has_lease: bool) -> None:
    row = asked(worked)
    before = timezone.now() - (LEASE if has_lease else 2 * LIMIT) - timedelta(seconds=1)
    lease = {"lease_until": timezone.now() if has_lease else None}
    WhatIf.objects.filter(pk=row.pk).update(state="running", started_at=before, **lease)
    tasks.sweep()
    page = worked.get(f"/board/what-if/{row.pk}/").content.decode()
    assert "the worker that played it went away" in page
    assert "hx-trigger" not in page.partition('id="answer"')[2][:300]  # nobody waits for it
    worked.post(f"/board/what-if/{row.pk}/again")
    anew = WhatIf.objects.latest("pk")
    assert (anew.pk != row.pk, anew.state, anew.until) == (True, WhatIf.State.WAITING, row.until)
    whatif._end(row.pk, WhatIf.State.DONE, result={})  # the worker was only slow
    row.refresh_from_db()
    assert row.state == WhatIf.State.STOPPED


def test_a_silent_worker_is_told_of_though_nobody_sweeps(worked: Client) -> None:
    row = asked(worked)
    address = f"/board/what-if/{row.pk}/"
    late = timezone.now() - ODD - timedelta(seconds=1)
    assert "No worker has taken it" not in worked.get(address).content.decode()
    WhatIf.objects.update(created_at=late)
    assert re.search(r"No worker has taken it for 1[6-9] s", worked.get(address).content.decode())
    WhatIf.objects.update(state="running", started_at=late, lease_until=late + LEASE)
    assert re.search(r"No word of its worker for 1[6-9] s", worked.get(address).content.decode())
    WhatIf.objects.update(lease_until=timezone.now())
    fragment = worked.get(address, headers={"hx-request": "true"}).content.decode()
    assert "the worker that played it went away" in fragment
    assert "Played in" not in fragment
    assert f"{address}again" in fragment, "it can be played again without loading the page anew"
    assert "Stopped: worker went away" in worked.get("/board/what-if/").content.decode()


def test_who_plays_says_so_and_is_left_alone(worked: Client) -> None:
    row = ask(make_administrator(), question(peers=False))
    said: list[object] = []

    def tell(done: int, whole: int) -> None:
        WhatIf.objects.filter(pk=row.pk).update(lease_until=timezone.now() + timedelta(seconds=1))
        assert whatif.stop_lost() == 0
        said.append(whole)

    with patch.object(whatif, "ASKS_EVERY", 0), patch.object(whatif, "_telling", return_value=tell):
        assert play(row.pk)
    row.refresh_from_db()
    assert row.state == WhatIf.State.DONE
    assert said
    assert row.lease_until is not None
    assert row.lease_until > timezone.now() + LEASE / 2  # renewed after what was told above


def test_what_no_worker_was_told_of_is_told_again(
    bob: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    row, late = asked(bob), asked(bob)
    WhatIf.objects.filter(pk=late.pk).update(created_at=timezone.now() - LEASE - timedelta(seconds=1))
    with patch("mailstore.announce.publish") as publish, django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert [call.args[1] for call in publish.call_args_list] == [{"what_if_id": late.pk}]
    assert row.state == WhatIf.State.WAITING


def test_too_little_history_offers_the_example(bob: Client) -> None:
    row = asked(bob)
    assert play(row.pk)
    page = bob.get(f"/board/what-if/{row.pk}/").content.decode()
    assert "In the last 7 days 0 mails came to billing, delivery" in page
    assert "Look at the example" in page
    bob.post("/board/what-if/example")
    assert WhatIf.objects.latest("pk").is_example


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("newcomers", "two", "write it like"), ("levels", "alice", "write it like"),
     ("target", "soon", "no target"), ("reliefs", "x", "write it like"),
     ("volume", "1000", "less than or equal to 500"), ("queues", [], "Choose at least one queue")],
)  # fmt: skip
def test_what_cannot_be_read_is_told_beside_the_field(
    bob: Client, field: str, value: object, words: str
) -> None:
    form = {"queues": [q.pk for q in question().queues], "days": 28} | {field: value}
    answer = bob.post("/board/what-if/", form)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not WhatIf.objects.exists()


def test_somebody_who_is_not_there_is_named_in_the_answer(worked: Client) -> None:
    row = asked(worked, without="dora")
    WhatIf.objects.filter(pk=row.pk).update(until=UNTIL, days=2)
    play(row.pk)
    assert "There is no agent dora" in worked.get(f"/board/what-if/{row.pk}/").content.decode()


def test_answers_are_seen_by_who_asked_and_while_they_direct_the_queues(bob: Client) -> None:
    row = asked(bob)
    other = make_supervisor("charlie")
    mine = row.user
    assert list(visible(mine)) == [row]
    assert not visible(other.user).exists()
    assert list(visible(make_administrator())) == [row]
    row.queues.first().members.clear()  # type: ignore[union-attr]
    assert not visible(mine).exists()
    assert bob.get(f"/board/what-if/{row.pk}/").status_code == 404
    elsewhere = make_queue([other], name="Elsewhere")
    answer = bob.post("/board/what-if/", {"queues": [elsewhere.pk], "days": 7})
    assert answer.status_code == 400


def test_only_the_last_ones_are_kept(bob: Client) -> None:
    user = make_administrator()
    with patch.object(whatif, "KEPT", 3):
        rows = [ask(user, question()) for _ in range(5)]
    assert set(WhatIf.objects.all()) == set(rows[2:])


@pytest.mark.django_db(transaction=True)
def test_by_keyboard_alone(sign_in: SignIn) -> None:
    """Bob opens the page, asks for the example's sake, and reads the answer that comes by itself."""
    make_queue([make_supervisor("bob"), make_agent("alice")], name="Orders")
    page: Page = sign_in("bob", "/board/")
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page).to_have_url(re.compile("/board/what-if/$"))
    assert violations(page) == []
    page.get_by_role("button", name="Play the example").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Waits for a worker.")).to_be_visible()
    assert play(WhatIf.objects.get().pk)
    expect(page.get_by_role("heading", name="Who would have got what")).to_be_visible()
    expect(page.get_by_role("row", name="Round robin")).to_contain_text("·")
    assert violations(page) == []
    page.get_by_role("link", name="Ask something else").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Without").focus()
    page.keyboard.type("alice")
    page.keyboard.press("Enter")
    expect(page.get_by_text("without alice").first).to_be_visible()
    cancel = page.locator("#cancel")
    cancel.focus()
    cancel.evaluate("each => each.dataset.seen = 'yes'")
    expect(page.locator("#cancel[data-seen]")).to_have_count(0)  # the page has looked again
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#answer").get_by_text("You cancelled it.")).to_be_visible()
