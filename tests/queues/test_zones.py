"""Times as people far from each other read them: each in the zone of their own clock, nobody in another's."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone, translation
from pytest_django.fixtures import Settings

from agents.models import Agent, Calendar
from mailcore.moments import written
from mailsenders import filing
from mailsenders.models import OutgoingMail
from queues import actions, bulk, hours, later, outside, saved, today
from queues.bulk import Chosen
from queues.history import Kind
from queues.inbox import Listing, View
from queues.models import BulkAct, Conversation, EmailQueue, Event, Message
from queues.saved import Kept
from queues.saved_counts import saved_counts
from queues.sayings import told
from queues.sayings_unsent import UNSENT
from staff.zone import COOKIE, ZoneMiddleware, named
from tests.make import make_agent, make_conversation, make_outgoing, make_queue, receive

pytestmark = pytest.mark.django_db

WINTER = datetime(2046, 11, 23, 16, tzinfo=UTC)
TOKYO, PRAGUE = "24 Nov 2046, 01:00", "23 Nov 2046, 17:00"
RUBBISH = [
    "Mars/Olympus",
    "../../etc/passwd",
    "/etc/passwd",
    "Europe",
    "tzdata.zi",
    "\0",
    "é" * 90,
    "a" * 5000,
]


@pytest.fixture
def alice() -> Agent:
    cache.clear()
    return make_agent("alice")


@pytest.fixture
def queue(alice: Agent) -> EmailQueue:
    return make_queue([alice], quoted="thread")


def reader(agent: Agent, zone: str | None = None) -> Client:
    """Her browser, whose clock is in that zone."""
    client = Client()
    client.force_login(agent.user)
    if zone is not None:
        client.cookies[COOKIE] = zone
    return client


def page_of(row: Conversation, client: Client) -> str:
    answer = client.get(f"/conversations/{row.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_stored_time_is_told_in_the_zone_of_whoever_reads(alice: Agent, queue: EmailQueue) -> None:
    row = receive(queue).conversation
    with timezone.override("Asia/Tokyo"):  # hers when she snoozed it
        actions.snooze(alice.user, row, WINTER)
    assert row.events.latest("pk").sentence == "Alice snoozed it until 23 Nov 2046 16:00 UTC."
    for zone, when in (("Asia/Tokyo", TOKYO), ("Europe/Prague", PRAGUE), (None, "23 Nov 2046, 16:00")):
        page = page_of(row, reader(alice, zone))
        assert f"Alice snoozed it until {when}." in page
        assert f">{when}</time>" in page  # the pill, before its script has run
    client = reader(alice, "Asia/Tokyo")
    client.post("/language", {"language": "de"})
    page = page_of(row, client)
    assert "24. Nov. 2046, 01:00" in page.replace("Nov ", "Nov. ")
    assert "UTC" not in page


def test_what_was_stored_without_a_zone_stays_as_it_is(alice: Agent, queue: EmailQueue) -> None:
    row = receive(queue).conversation
    for sentence in ("Bob snoozed it until 12 Jan 2027 08:00.", "Bob merged #1 “At 23 Nov 2046 16:00 UTC”."):
        Event.objects.filter(conversation=row).update(kind=Kind.SNOOZED, sentence=sentence)
        assert sentence in page_of(row, reader(alice, "Asia/Tokyo"))


@pytest.mark.parametrize(
    ("sentence", "told_there"),
    [
        ("It woke, as snoozed; it is kept for Ann until {at}.", "it is kept for Ann until {there}."),
        ("It is late: our answer was due at {at}.", "It is late: our answer was due at {there}."),
        (
            "The opening hours of Orders changed: it is due at {at} instead of {at}.",
            "it is due at {there} instead of {there}.",
        ),
        ("Ann wrote an answer that leaves on {at}.", "Ann wrote an answer that leaves on {there}."),
        ("Ann snoozed it until 31 Feb 2046 16:00 UTC.", "Ann snoozed it until 31 Feb 2046 16:00 UTC."),
    ],
)
def test_each_sentence_that_holds_a_time(sentence: str, told_there: str) -> None:
    sentence = sentence.format(at=written(WINTER))
    for zone, there in (("Asia/Tokyo", TOKYO), ("Europe/Prague", PRAGUE)):  # one process serves them all
        with timezone.override(zone):
            assert told(sentence).endswith(told_there.format(there=there))
            with translation.override("de"):
                assert "UTC" not in told(sentence) or "31 Feb" in sentence


def test_when_the_sent_folder_is_looked_through_again(queue: EmailQueue) -> None:
    mail = make_outgoing(queue.sender)
    mail.state, mail.folder_tries, mail.folder_next_at = OutgoingMail.State.UNCERTAIN, 2, WINTER
    mail.save()
    filing.not_found(mail, "Sent")
    note = OutgoingMail.objects.get().folder_note
    assert note.endswith("looked for again at 23 Nov 2046 16:00 UTC.")
    with timezone.override("Asia/Tokyo"):
        assert UNSENT.told_within(f"It broke off. {note}").endswith(f"looked for again at {TOKYO}.")


@pytest.mark.parametrize("rubbish", [*RUBBISH, ""])
def test_a_cookie_that_names_no_zone_is_as_if_it_were_not_there(
    alice: Agent, queue: EmailQueue, settings: Settings, rubbish: str
) -> None:
    assert named(rubbish) is None
    row = make_conversation(queue)
    actions.snooze(alice.user, row, WINTER)
    client = reader(alice)
    kept = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    client.cookies.clear()
    answer = client.get(f"/conversations/{row.pk}/", headers={"cookie": f"{kept}; {COOKIE}={rubbish}"})
    assert "until 23 Nov 2046, 16:00." in answer.content.decode()


@pytest.mark.parametrize("name", ["Asia/Calcutta", "Europe/Kiev", "America/Buenos_Aires", "Etc/GMT+3", "UTC"])
def test_browsers_say_old_names_too(name: str) -> None:
    assert named(name) == ZoneInfo(name)


@pytest.mark.parametrize(
    ("path", "zone"),
    [("/", "Asia/Tokyo"), ("/board/trace/", "Asia/Tokyo"), ("/admin/", "UTC"), ("/api/v1.0/me", "UTC")],
)
def test_the_administration_and_programs_have_ours(path: str, zone: str) -> None:
    seen: list[str] = []

    def page(request: HttpRequest) -> HttpResponse:
        seen.append(timezone.get_current_timezone_name())
        return HttpResponse()

    request = RequestFactory().get(path)
    request.COOKIES[COOKIE] = "Asia/Tokyo"
    ZoneMiddleware(page)(request)
    assert seen == [zone]
    assert timezone.get_current_timezone() == timezone.get_default_timezone()  # nothing is left behind


def mails_at(queue: EmailQueue, *times: str) -> list[Message]:
    found = []
    for each in times:
        at = datetime.fromisoformat(each)
        found.append(receive(queue, at=at))
        Conversation.objects.filter(pk=found[-1].conversation_id).update(last_message_at=at)
    return found


def test_days_that_are_searched_for_are_the_readers(alice: Agent, queue: EmailQueue) -> None:
    """16:00 in London is the next day in Tokyo, in the list and in what is counted and carried on later."""
    early, late = mails_at(queue, "2026-03-02T14:00:00Z", "2026-03-02T16:00:00Z")
    for zone, is_here in (("Asia/Tokyo", False), ("Europe/London", True)):
        page = reader(alice, zone).get("/?view=all&q=before:2026-03-03").content.decode()
        assert f'id="row-{early.conversation_id}"' in page
        assert (f'id="row-{late.conversation_id}"' in page) is is_here

    asked = Chosen(listing=Listing(view=View.ALL, text="before:2026-03-03"))
    with timezone.override("Asia/Tokyo"):
        act = bulk._written(alice.user, BulkAct.Verb.CLOSE, {}, asked, "t")
    assert bulk.carry_on(act.pk, 5)  # by a worker
    assert list(act.items.values_list("conversation", flat=True)) == [early.conversation_id]


def test_the_numbers_of_saved_views_are_kept_for_each_zone(alice: Agent, queue: EmailQueue) -> None:
    mails_at(queue, "2026-03-02T14:00:00Z", "2026-03-02T16:00:00Z")
    saved.save(alice.user, Kept(name="Old", view="all", text="is:waiting"))
    with timezone.override("Asia/Tokyo"):
        assert [number for _, number in saved_counts(alice.user)] == [2]
    Conversation.objects.filter(pk=Conversation.objects.latest("pk").pk).update(state="closed")
    with timezone.override("Europe/London"):
        assert [number for _, number in saved_counts(alice.user)] == [1]


def test_a_time_that_is_typed_without_a_zone_is_the_readers(alice: Agent, queue: EmailQueue) -> None:
    row = make_conversation(queue)
    reader(alice, "Asia/Tokyo").post(f"/conversations/{row.pk}/snooze", {"until": "2046-11-24T01:00"})
    row.refresh_from_db()
    assert row.snoozed_until == WINTER


def test_the_teams_day_is_its_own_whoever_reads() -> None:
    now = datetime(2026, 3, 2, 16, tzinfo=UTC)
    with timezone.override("Asia/Tokyo"):
        assert today.morning(now) == datetime(2026, 3, 2, tzinfo=UTC)


def test_mornings_to_choose_are_never_over(settings: Settings) -> None:
    """Late at night in Los Angeles it is 8:30 of the next day for a queue in Prague."""
    settings.TIME_ZONE = "Europe/Prague"
    now = datetime(2026, 3, 4, 7, 30, tzinfo=UTC)
    with timezone.override("America/Los_Angeles"):
        found = later.presets(hours.calendar("Mo-Su 00:00-24:00"), now)
        words = [f"{each.label} {timezone.localtime(each.at):%d %H:%M}" for each in found]
    assert words == ["Tomorrow 04 23:00", "Monday 09 00:00"]


class TestWhatLeaves:
    """Neither the agent nor the worker that sends it gives a mail its times: its queue does."""

    @pytest.fixture
    def asked(self, alice: Agent) -> Message:
        office = Calendar.objects.create(name="Office", time_zone="Europe/Prague", hours="Mo-Fr 08:00-17:00")
        return receive(make_queue([alice], quoted="thread", calendar=office))

    @pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC"])
    def test_a_quoted_mail(self, alice: Agent, asked: Message, zone: str) -> None:
        with timezone.override(zone):
            sent = actions.reply(alice.user, asked.conversation, actions.Reply(text="Today."))
        assert "On 02 Mar 2026 at 10:30 +0100, Charlie Stone" in sent.text
        assert sent.text[: sent.quote_at].strip().startswith("Today.")

    def test_a_forwarded_one(self, asked: Message) -> None:
        with timezone.override("Asia/Tokyo"):
            assert "\nDate: 02 Mar 2026 10:30 +0100\n" in outside.forwarded(asked.conversation, asked).text
