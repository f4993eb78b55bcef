"""The lists tell what “Test connection” found last, apart from what the connection did by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from sso import lasttests, retests
from sso.connection_models import LastTest, Retest
from sso.steps import Step
from tests.make import make_queue, make_sender, make_source
from ucs.management.commands.doctor import examine

pytestmark = pytest.mark.django_db
SENDERS = "/admin/mailsenders/emailsender/"
SOURCES = "/admin/mailsources/emailsource/"
BAD, GOOD = Step("Login", False, "It refused the password.", 0.1), Step("Policy", True, "fine", 0.1)
FORM = {
    "server_type": "STARTTLS", "server_address": "smtp.example.com", "service_port": "587", "username": "box",
    "password": "first", "email_address": "box@example.com", "sent_copy": "none", "is_active": "on",
}  # fmt: skip


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What a test of a sender or source says."""
    said = [BAD]
    monkeypatch.setattr("mailsenders.check.test_connection", lambda row: list(said))
    monkeypatch.setattr("mailsources.check.test_connection", lambda row: list(said))
    return said


def listed(client: Client, page: str = SENDERS) -> str:
    return client.get(page).content.decode()


def test_what_was_tested_before_it_was_inserted_is_shown(admin_client: Client, steps: list[Step]) -> None:
    admin_client.post(f"{SENDERS}test/", FORM)
    assert not LastTest.objects.exists()
    assert "first" not in str(dict(admin_client.session))
    admin_client.post(f"{SENDERS}add/", FORM)
    shown = listed(admin_client)
    assert "test failed" in shown
    assert "it stops at “Login”: It refused the password." in shown
    assert "not tried yet" in shown, "sending is another thing"


def test_another_password_than_the_tested_one_was_not_tested(admin_client: Client, steps: list[Step]) -> None:
    admin_client.post(f"{SENDERS}test/", FORM)
    admin_client.post(f"{SENDERS}add/", FORM | {"password": "second"})
    assert "test failed" not in listed(admin_client)


def test_a_saved_row_keeps_its_test_until_something_tested_changes(
    admin_client: Client, steps: list[Step]
) -> None:
    admin_client.post(f"{SENDERS}add/", FORM)
    sender = EmailSender.objects.get()
    page = f"{SENDERS}{sender.pk}"
    kept = FORM | {"password": "", "name": sender.name}
    steps[:] = [GOOD]
    admin_client.post(f"{page}/test/", kept)
    assert "test worked" in listed(admin_client)
    admin_client.post(f"{page}/change/", kept | {"display_name": "Support"})
    assert "test worked" in listed(admin_client)
    admin_client.post(f"{page}/change/", kept | {"username": "other"})
    assert "test worked" not in listed(admin_client)


def test_what_it_did_by_itself_since_then_counts_more(admin_client: Client, steps: list[Step]) -> None:
    source = make_source()
    lasttests.note(source, BAD, timezone.now() - timedelta(minutes=3))
    assert "tested 3 min ago, it stops at “Login”" in listed(admin_client, SOURCES)
    source.state.succeeded()
    assert "tested 3 min ago" not in listed(admin_client, SOURCES)


def test_tests_that_repeat_themselves_are_tests_as_well(steps: list[Step]) -> None:
    source = make_source()
    retest = retests.start(source, BAD, None)
    Retest.objects.update(next_test_at=timezone.now())
    retests.run(retest.pk)
    assert LastTest.objects.get().rung == "Login"
    source.delete()
    assert not LastTest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_so_are_those_of_doctor(steps: list[Step]) -> None:
    examine(make_sender())
    assert LastTest.objects.get().rung == "Login"


@pytest.mark.parametrize(("make", "page"), [(make_source, SOURCES), (make_sender, SENDERS)])
def test_the_list_asks_no_query_for_each_row(admin_client: Client, make: Any, page: str) -> None:
    def queries(number: int) -> int:
        for _ in range(number):
            lasttests.note(make(), BAD)
        with CaptureQueriesContext(connection) as asked:
            admin_client.get(page)
        # The rules for signing in are looked up anew after some seconds.
        return sum("staff_signinrules" not in each["sql"] for each in asked.captured_queries)

    queries(2)
    assert queries(1) == queries(6)


def test_other_settings_make_nobody_wait_for_the_failures_of_the_former(
    admin_client: Client, steps: list[Step]
) -> None:
    source = make_source(server_address="imap.example.com", service_port=995, password="typed", name="in")
    later = timezone.now() + timedelta(hours=1)
    for _ in range(5):
        source.state.failed("It refuses connections.", later, "port_refused")
    form = {
        "server_type": "IMAP", "server_address": "imap.example.com", "service_port": "993", "use_ssl": "on",
        "username": source.username, "password": "typed", "queue": str(source.queue_id), "folder": "INBOX",
        "name": "in", "after_import": "leave", "is_active": "on",
    }  # fmt: skip
    assert admin_client.post(f"{SOURCES}{source.pk}/change/", form).status_code == 302
    source.state.refresh_from_db()
    assert (source.state.failures, source.state.last_error) == (0, "")
    assert source.state.next_attempt_at is None or source.state.next_attempt_at <= timezone.now()


def test_a_test_refuses_what_saving_would_refuse(admin_client: Client, steps: list[Step]) -> None:
    queue = make_queue()
    one = make_source(server_address="imap.example.com", username="box", name="first", queue=queue)
    form = {
        "server_type": "IMAP", "server_address": "imap.example.com", "service_port": "993", "use_ssl": "on",
        "username": "box", "password": "x", "queue": str(queue.pk), "folder": "INBOX", "is_active": "on",
        "after_import": "leave",
    }  # fmt: skip
    said = admin_client.post(reverse("admin:mailsources_emailsource_test"), form).content.decode()
    assert "is already fetched by the email source “first”: change that one" in said
    assert 'href="#id_folder"' in said
    EmailSource.objects.filter(pk=one.pk).update(is_active=False)
    said = admin_client.post(reverse("admin:mailsources_emailsource_test"), form).content.decode()
    assert "“first”, which is switched off: switch it on and change it" in said
    assert one.folders_of_others() == set()
    assert EmailSource(server_address="IMAP.example.com", username="BOX").folders_of_others() == {"INBOX"}
