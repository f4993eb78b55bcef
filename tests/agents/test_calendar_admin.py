"""The calendar's page: the week by mouse and by keys, the preview, holidays."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from agents.calendar_admin import add_holidays
from agents.calendar_preview import Example, preview, read
from agents.models import Calendar
from agents.public_holidays import UnknownPlace, public_holidays
from tests.browser import come, held_back
from tests.make import make_administrator, make_queue

CALENDARS = "/admin/agents/calendar/"


def make_office(**overrides: str) -> Calendar:
    values = {"name": "Office", "time_zone": "Europe/Prague", "hours": "Mo-Fr 08:00-17:00"}
    return Calendar.objects.create(**(values | overrides))


def form(**overrides: str) -> dict[str, str]:
    fields = {"name": "Office", "time_zone": "Europe/Prague", "hours": "Mo-Fr 08:00-17:00"}
    days = {"days-TOTAL_FORMS": "1", "days-INITIAL_FORMS": "0", "days-0-date": "2026-12-24"}
    return fields | days | {"days-0-hours": "08:00-12:00"} | overrides


@pytest.mark.django_db
class TestPages:
    def test_a_day_that_is_saved_gives_a_new_version(self, admin_client: Client) -> None:
        office = make_office()
        before = office.version
        admin_client.post(f"{CALENDARS}{office.pk}/change/", form())
        office.refresh_from_db()
        assert office.version != before
        assert office.days.get().hours == "08:00-12:00"

    def test_the_preview_says_when_a_mail_of_now_is_due(self) -> None:
        now = datetime(2026, 12, 23, 15, 30, tzinfo=UTC)  # 16:30 in Prague
        shown = preview(read(form()), now, [60])
        assert (shown.now, shown.is_open) == ("Wed 23 Dec 16:30", True)
        assert shown.examples == (Example("1 h", "Thu 24 Dec 08:30"),)
        days = {day.label: (day.words, day.is_exception) for day in shown.days}
        assert days["Thu 24 Dec"] == (("08:00-12:00",), True)
        assert days["Sat 26 Dec"] == (("closed",), False)

    def test_the_preview_names_who_uses_it(self, admin_client: Client) -> None:
        office = make_office()
        make_queue(name="Support", calendar=office, first_response=90)
        answer = admin_client.post(f"{CALENDARS}preview/", form() | {"calendar": str(office.pk)})
        text = " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())
        assert "within 1 h 30 min" in text
        assert "Used by Support." in text

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [({"hours": "Mo 9-5"}, "“9-5”"), ({"time_zone": "Nowhere"}, "Give a time zone"),
         ({"days-0-hours": "12:00-08:00"}, "ends before it begins")],
    )  # fmt: skip
    def test_what_cannot_be_read_is_told(
        self, admin_client: Client, wrong: dict[str, str], sentence: str
    ) -> None:
        assert sentence in admin_client.post(f"{CALENDARS}preview/", form(**wrong)).content.decode()

    def test_a_calendar_in_use_stays(self, admin_client: Client) -> None:
        office = make_office()
        make_queue(calendar=office)
        admin_client.post(f"{CALENDARS}{office.pk}/delete/", {"post": "yes"})
        assert Calendar.objects.exists()

    def test_holidays_are_added_once(self, admin_client: Client) -> None:
        office = make_office()
        office.days.create(date=date(2020, 12, 25), yearly=True)
        assert add_holidays(office, "CZ", date(2026, 6, 1)) > 30
        assert not office.days.filter(date=date(2026, 12, 25)).exists()  # it comes each year already
        assert office.days.get(date=date(2026, 9, 28)).name == "Statehood Day"
        assert add_holidays(office, "CZ", date(2026, 6, 1)) == 0

    def test_a_place_that_is_unknown_is_told(self, admin_client: Client) -> None:
        office = make_office()
        answer = admin_client.post(f"{CALENDARS}{office.pk}/holidays/", {"place": "XX"}, follow=True)
        assert "write its two letters" in answer.content.decode()
        with pytest.raises(UnknownPlace, match="DE-BY"):
            public_holidays("DE-ZZ", [2026])
        assert date(2026, 1, 6) in public_holidays("DE-BY", [2026])

    def test_who_may_not_see_it_gets_nothing(self, client: Client) -> None:
        assert client.post(f"{CALENDARS}preview/", form()).status_code == 302


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    make_administrator()
    client = Client()
    assert client.login(username="root", password="root")
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1500, "height": 1000})
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    yield context.new_page()
    context.close()


@pytest.mark.django_db(transaction=True)
class TestInTheBrowser:
    def test_the_week_by_keys_alone(self, page: Page) -> None:
        office = make_office(hours="Mo-We 08:00-17:00")
        page.goto(f"{CALENDARS}{office.pk}/change/")
        hours = page.locator("#id_hours")
        bars = page.get_by_role("slider")
        expect(bars).to_have_count(3)
        bars.nth(0).focus()
        for key in ("ArrowRight", "Shift+ArrowLeft", "Shift+ArrowLeft"):
            page.keyboard.press(key)
        expect(hours).to_have_value("Mo 08:15-16:45; Tu-We 08:00-17:00")
        expect(bars.nth(0)).to_be_focused()
        expect(bars.nth(0)).to_have_attribute("aria-valuetext", "08:15 to 16:45")
        bars.nth(1).focus()
        page.keyboard.press("Delete")
        expect(hours).to_have_value("Mo 08:15-16:45; We 08:00-17:00")
        page.get_by_role("button", name="Add hours on Saturday").press("Enter")
        expect(hours).to_have_value("Mo 08:15-16:45; We 08:00-17:00; Sa 09:00-17:00")
        expect(page.locator("#calendar-preview")).to_contain_text("09:00-17:00")
        page.get_by_role("button", name="Monday's hours").press("Enter")
        expect(hours).to_have_value("Mo-Fr 08:15-16:45; Sa 09:00-17:00")

    def test_the_week_by_mouse_and_the_text_leads_the_bars(self, page: Page) -> None:
        office = make_office(hours="Mo 08:00-12:00")
        page.goto(f"{CALENDARS}{office.pk}/change/")
        hours, tracks = page.locator("#id_hours"), page.locator(".week-track")
        box = tracks.nth(1).bounding_box()
        assert box is not None
        quarter = box["width"] / 24
        page.mouse.move(box["x"] + quarter * 10, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + quarter * 14, box["y"] + 10, steps=4)
        page.mouse.up()
        expect(hours).to_have_value("Mo 08:00-12:00; Tu 10:00-14:00")
        hours.fill("Sa-Su 10:00-11:00")
        expect(page.get_by_role("slider")).to_have_count(2)
        hours.fill("Sa-Su 10:0")
        expect(page.get_by_role("slider")).to_have_count(2)  # waits until it can be read
        expect(page.locator("#calendar-preview")).to_contain_text("is not a time")

    def test_a_preview_that_comes_late_takes_no_place(self, page: Page) -> None:
        office = make_office()
        page.goto(f"{CALENDARS}{office.pk}/change/")
        held = held_back(page, "**/preview/")
        hours, shown = page.locator("#id_hours"), page.locator("#calendar-preview")
        hours.fill("Sa-Su 10:00-11:00")
        first = come(page, held)
        hours.fill("Sa-Su 10:0")
        come(page, held).continue_()
        expect(shown).to_contain_text("is not a time")
        with page.expect_response("**/preview/"):
            first.continue_()
        page.evaluate("fetch('/admin/jsi18n/').then((answer) => answer.text())")
        expect(shown).to_contain_text("is not a time")
