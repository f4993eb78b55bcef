"""The rota: by keyboard, safe beside others, and only for one's own people."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import expect

from agents import rota
from agents.models import Agent
from agents.rota import RotaError
from audit.models import AuditRow
from tests.browser import come, held_back
from tests.make import make_agent, make_queue, make_supervisor
from tests.reports.conftest import SignIn


def client_of(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


@pytest.mark.django_db
class TestRota:
    def test_a_cell_changes_one_day_and_is_in_the_audit_log(self) -> None:
        alice, bob = make_agent(shifts="Mo-Fr 08:00-16:00"), make_supervisor()
        rota.set_day(bob.user, alice.pk, "We", "10:00-12:00, 13:00-18:00", "08:00-16:00")
        alice.refresh_from_db()
        assert alice.shifts == "Mo-Tu 08:00-16:00; We 10:00-12:00,13:00-18:00; Th-Fr 08:00-16:00"
        assert "Shift on We: 08:00-16:00 → " in AuditRow.objects.get(act="did").note
        for day in ("Mo", "Tu", "We", "Th", "Fr"):
            row = Agent.objects.get(pk=alice.pk)
            was = {cell.day: cell.hours for cell in rota.cells(row)}[day]
            rota.set_day(bob.user, alice.pk, day, "", was)
        assert Agent.objects.get(pk=alice.pk).shifts == ""

    def test_what_somebody_else_changed_is_not_overwritten(self) -> None:
        alice, bob = make_agent(shifts="Mo 08:00-16:00"), make_supervisor()
        rota.set_day(bob.user, alice.pk, "Mo", "09:00-16:00", "08:00-16:00")
        with pytest.raises(RotaError, match="changed by somebody else meanwhile: 09:00-16:00"):
            rota.set_day(bob.user, alice.pk, "Mo", "10:00-16:00", "08:00-16:00")
        with pytest.raises(RotaError, match="“morning”"):
            rota.set_day(bob.user, alice.pk, "Mo", "morning", "09:00-16:00")

    def test_only_ones_own_people(self) -> None:
        queue, other = make_queue(), make_queue()
        make_supervisor(queues=[queue])
        own, stranger = make_agent("alice", queues=[queue]), make_agent("charlie", queues=[other])
        client = client_of("bob")
        page = client.get("/board/shifts/").content.decode()
        assert "Alice" in page
        assert "Charlie" not in page
        cell = {"day": "Mo", "hours": "08:00-12:00", "was": ""}
        assert client.post(f"/board/shifts/{own.pk}/cell", cell).status_code == 200
        assert client.post(f"/board/shifts/{stranger.pk}/cell", cell).status_code == 404
        assert client.post(f"/board/shifts/{stranger.pk}/absences", {}).status_code == 404
        assert client_of("alice").get("/board/shifts/").status_code == 404
        assert client.post(f"/board/shifts/{own.pk}/cell", cell | {"hours": "x"}).status_code == 409

    def test_the_number_of_queries_does_not_grow(self) -> None:
        queue = make_queue()
        make_supervisor(queues=[queue])
        client = client_of("bob")

        def asked() -> int:
            with CaptureQueriesContext(connection) as found:
                client.get("/board/shifts/")
            return len(found)

        make_agent("a0", queues=[queue])
        before = asked()
        for number in range(1, 9):
            make_agent(f"a{number}", queues=[queue], shifts="Mo 08:00-12:00")
        assert asked() == before


@pytest.mark.django_db(transaction=True)
def test_the_rota_by_keyboard_alone(sign_in: SignIn) -> None:
    queue = make_queue()
    make_supervisor(queues=[queue])
    alice = make_agent("alice", queues=[queue], shifts="Mo 08:00-16:00")
    page = sign_in("bob", "/board/shifts/")
    tuesday = page.get_by_label("Alice, Tu")
    tuesday.focus()
    page.keyboard.type("09:00-13:00")
    page.keyboard.press("Tab")
    expect(tuesday).to_have_attribute("data-was", "09:00-13:00")
    wednesday = page.get_by_label("Alice, We")
    expect(wednesday).to_be_focused()
    page.keyboard.type("9-13")
    page.keyboard.press("Enter")
    expect(wednesday).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#toasts")).to_contain_text("“9-13”")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Absences of Alice").press("Enter")
    tomorrow = timezone.localdate() + timedelta(days=1)
    page.get_by_label("From").fill(f"{tomorrow}")
    page.keyboard.press("Enter")
    expect(page.locator("#act .absences")).to_contain_text("Holiday")
    page.get_by_role("button", name="Done").press("Enter")
    expect(page.get_by_role("button", name="Absences of Alice")).to_contain_text("Holiday")
    alice.refresh_from_db()
    assert alice.shifts == "Mo 08:00-16:00; Tu 09:00-13:00"

    held = held_back(page, "**/cell")
    tuesday.fill("10:00-13:00")
    wednesday.focus()
    save = come(page, held)
    tuesday.fill("10:00-14:00")  # while the first is on its way
    wednesday.focus()
    save.continue_()
    again = come(page, held)
    expect(tuesday).to_have_value("10:00-14:00")
    again.continue_()
    expect(tuesday).to_have_attribute("data-was", "10:00-14:00")
    alice.refresh_from_db()
    assert alice.shifts == "Mo 08:00-16:00; Tu 10:00-14:00"
