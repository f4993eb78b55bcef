"""An invitation on the desk, in a real browser: its own time, and the reader's where that is another."""

import pytest
from playwright.sync_api import expect

from tests.desk.conftest import SignIn
from tests.mailcore.test_calendar import calendar
from tests.make import make_agent, make_queue, receive
from tests.queues.test_enclosures import with_calendar

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_readers_time_is_told_where_it_is_another(sign_in: SignIn) -> None:
    queue = make_queue()
    make_agent(queues=[queue])
    here = receive(queue, with_calendar(calendar()))
    there = receive(
        queue,
        with_calendar(
            calendar(
                "SUMMARY:Far away\nLOCATION:https://meet.example/room\nUID:2\n"
                "DTSTART;TZID=Asia/Tokyo:20260305T180000\nDTEND;TZID=Asia/Tokyo:20260305T190000\n"
            )
        ),
    )

    page = sign_in("alice", f"/conversations/{here.conversation_id}/")
    expect(page.locator(".appointment")).to_contain_text("Thursday 5 March 2026, 10:00–11:30")
    expect(page.locator(".own-time")).to_be_hidden()

    page.goto(f"/conversations/{there.conversation_id}/")
    expect(page.locator(".appointment")).to_contain_text("Thursday 5 March 2026, 18:00–19:00 Asia/Tokyo")
    expect(page.locator(".own-time")).to_contain_text("10:00")
    expect(page.locator(".own-time")).to_contain_text("in your time")
    expect(page.locator(".appointment a")).to_have_attribute("rel", "noopener noreferrer nofollow")
