"""The steps of a wait rule in the form of a queue: rows by keys, words for their course and for faults."""

import re

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from agents.models import Skill
from queues.models import EmailQueue
from queues.steps_form import Row, StepsField, rows_of, steps_of, typed
from tests.make import make_administrator, make_queue

STORED = [
    {"after_minutes": 10, "language_level": 2},
    {"after_minutes": 120, "language_level": 1, "skills": {"billing": 0, "refunds": 1}},
]


def sent(*rows: tuple[str, str, str]) -> dict[str, str]:
    keys = ("after", "what", "level")
    return {f"steps-{n}-{key}": row[i] for n, row in enumerate(rows) for i, key in enumerate(keys)}


def words(response: object) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())  # type: ignore[attr-defined]


def test_rows_and_steps_are_the_same_thing() -> None:
    assert steps_of(rows_of(STORED)) == STORED
    assert not StepsField().has_changed(STORED, rows_of(STORED)[::-1])
    assert StepsField().has_changed(STORED, rows_of(STORED)[1:])


def test_rows_come_in_any_order_and_blank_ones_are_none() -> None:
    data = {"steps-12-after": "5", "steps-12-what": "language", "steps-12-level": "0", "steps-x-after": "9"}
    data |= {"steps-2-after": " ", "steps-2-what": "", "steps-2-level": "3"}
    assert typed(data, "steps") == [Row("5", "language", "0")]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("", "language", "2"), "Row 2: give the minutes"),
        (("0", "language", "2"), "Row 2: give the minutes"),
        (("²", "language", "2"), "Row 2: give the minutes"),
        (("5", "", "2"), "Row 2: choose a skill, or the language"),
        (("5", "skill:billing", ""), "Row 2: choose the level of billing"),
        (("5", "language", "9"), "Row 2: choose the level of the language"),
        (("010", "skill:billing", "2"), "Row 2: billing is lowered twice after 10 minutes"),
    ],
)
@pytest.mark.django_db
def test_what_is_wrong_is_told_beside_its_row(
    admin_client: Client, row: tuple[str, str, str], told: str
) -> None:
    queue = make_queue(name="Orders")
    data = sent(("10", "skill:billing", "1"), row)
    assert told in words(admin_client.post("/admin/queues/emailqueue/steps/", data))
    page = admin_client.post(f"/admin/queues/emailqueue/{queue.pk}/change/", data).content.decode()
    assert "steps-1-wrong" in page
    assert 'value="10"' in page  # the other row stays as it was typed in
    assert told.removeprefix("Row 2: ")[1:] in page


def test_at_most_ten_steps() -> None:
    rows = [Row(str(n), "language", "1") for n in range(1, 12)]
    with pytest.raises(Exception, match="Row 11: it is step 11, and there are at most 10"):
        StepsField().clean(rows)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "course"),
    [
        (
            {},
            [
                "At first: billing ≥ 3, language ≥ 4.",
                "After 1 h 30 min: billing ≥ 3, language ≥ 2 is enough.",
            ],
        ),
        (
            {"language_level": "2"},
            ["After 1 h 30 min: nothing changes, unless a mail demands more."],
        ),
        ({"skill_demands-0-DELETE": "on"}, ["At first: language ≥ 4."]),
    ],
)
def test_the_course_is_told_for_the_form_as_it_stands(
    admin_client: Client, changed: dict[str, str], course: list[str]
) -> None:
    billing = Skill.objects.create(name="billing")
    data = {"skill_demands-0-skill": str(billing.pk), "skill_demands-0-level": "3", "language_level": "4"}
    told = words(
        admin_client.post("/admin/queues/emailqueue/steps/", sent(("90", "language", "2")) | data | changed)
    )
    for each in course:
        assert each in told.replace("&gt;", ">")


@pytest.mark.django_db
def test_a_stranger_is_told_nothing(client: Client) -> None:
    assert client.post("/admin/queues/emailqueue/steps/", sent(("9", "language", "2"))).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_rows_are_written_without_a_mouse(live_server: LiveServer, chromium: Browser) -> None:
    make_administrator("root")
    queue = make_queue(
        name="Orders", skills={"billing": 3}, steps=[{"after_minutes": 10, "language_level": 2}]
    )
    page = chromium.new_page(base_url=live_server.url)
    address = f"/admin/queues/emailqueue/{queue.pk}/change/"
    page.goto(f"/admin/login/?next={address}")
    page.locator("[name=username]").fill("root")
    page.locator("[name=password]").fill("root")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)  # with its scripts
    course, rows = page.locator(".steps-course"), page.locator(".steps-row")
    expect(rows).to_have_count(1)
    expect(course).to_contain_text("After 10 min: billing ≥ 3, language ≥ 2 is enough.")
    page.locator("[data-add]").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("60")
    page.keyboard.press("Tab")
    page.keyboard.type("bill")
    expect(course).to_contain_text("Row 2: choose the level of billing")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(course).to_contain_text("After 1 h: billing ≥ 1, language ≥ 2 is enough.")
    rows.first.locator("[data-remove]").focus()
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(rows.locator("input")).to_be_focused()
    page.keyboard.press("Enter")  # in a field: saves the form
    expect(page.locator("body")).to_contain_text("Orders was saved")
    queue.refresh_from_db()
    assert queue.steps == [{"after_minutes": 60, "skills": {"billing": 1}}]
    assert EmailQueue.objects.count() == 1
    page.close()
