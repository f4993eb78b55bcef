"""Email sources and fetched mail as the administrator sees them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditRow
from mailsenders.models import OutgoingMail
from mailsources import check
from mailsources import tasks as tasks_module
from mailsources.fetch import ingest, poll_now
from mailsources.models import EmailSource, FetchedMail, ForwardingConfirmation, SourceState
from sso.steps import Step
from tests.mailsources.conftest import fill, source_at
from tests.make import make_administrator, make_mail, make_queue, make_source
from tests.servers.dovecot import PASSWORD, Dovecot

pytestmark = pytest.mark.django_db

LIST = reverse("admin:mailsources_emailsource_changelist")
ADD = reverse("admin:mailsources_emailsource_add")
State = FetchedMail.State


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_administrator())
    return client


@pytest.fixture(autouse=True)
def announced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What workers would be told."""
    told: list[tuple[str, Any]] = []
    monkeypatch.setattr(
        tasks_module,
        "announce",
        lambda task, **kwargs: told.extend((task.name, one) for one in kwargs.values()),
    )
    return told


def typed(**overrides: Any) -> dict[str, Any]:
    """The form, filled in as the reference page says."""
    return {
        "server_type": "IMAP",
        "server_address": "imap.gmail.com",
        "service_port": "993",
        "use_ssl": "on",
        "username": "mailbox.email@company.example",
        "password": "http://127.0.0.1:8080/api/v1.0/auth/token/2",
        "queue": make_queue().pk,
        "is_active": "on",
        "folder": "INBOX",
        "after_import": "leave",
    } | overrides


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_the_form_has_the_labels_of_the_reference_page(client: Client) -> None:
    text = page(client, ADD)
    for label in (
        "Server type",
        "Server address",
        "Service port",
        "Use SSL connection",
        "Username",
        "Password",
    ):
        assert f"{label}" in text
    assert "Insert" in text
    assert "Test connection" in text
    assert "POP3 knows neither folders nor flags" in text
    assert "+ add email source" in page(client, LIST).lower()


def works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every connection test be good."""
    monkeypatch.setattr(check, "test_connection", lambda source: [Step("Login", True, "signed in", 0.1)])


def test_a_source_is_inserted_with_what_the_reference_page_names(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    works(monkeypatch)
    response = client.post(ADD, typed(), follow=True)
    source = EmailSource.objects.get()
    assert (source.stage, source.is_active, source.activated_by) == ("active", True, "root")
    assert (source.name, source.service_port) == ("mailbox.email@company.example", 993)
    text = response.content.decode()
    assert "was inserted" in text
    assert "each mail becomes a conversation there; first fetch within 60 s" in text


def test_the_queue_that_has_no_mailbox_yet_is_proposed(client: Client) -> None:
    make_source()
    free = make_queue(name="Google mailbox")
    assert f'<option value="{free.pk}" selected' in page(client, ADD)


def test_wrong_input_is_answered_in_words(client: Client) -> None:
    make_source(name="the first", server_address="imap.gmail.com", username="mailbox.email@company.example")
    assert "“the first”" in client.post(ADD, typed()).content.decode()
    foreign = client.post(ADD, typed(username="b@company.example", password="https://evil.example/token"))
    assert "not a token URL" in foreign.content.decode()
    own = {"username": "b@company.example", "server_address": "imap.company.example"}
    for wrong in ("sales", "sales@", "@company.example", "sales@company..example", "a@b@company.example"):
        said = client.post(ADD, typed(**own, aliases=f"fine@company.example\n{wrong}")).content.decode()
        assert f"“{wrong}” is no e-mail address: write each as sales@example.com" in said
    said = client.post(ADD, typed(**own, public_address="support@company")).content.decode()
    assert "“support@company” is no e-mail address: write it as support@example.com." in said
    assert EmailSource.objects.count() == 1


def test_a_stored_password_is_kept_and_never_shown(client: Client) -> None:
    source = make_source(password="the stored secret", server_address="imap.gmail.com", service_port=993)
    url = reverse("admin:mailsources_emailsource_change", args=[source.pk])
    assert "the stored secret" not in page(client, url)
    values = typed(username=source.username, queue=source.queue.pk, name="renamed", password="")
    assert client.post(url, values).status_code == 302
    source.refresh_from_db()
    assert (source.name, source.password) == ("renamed", "the stored secret")


def test_the_test_button_tries_what_is_typed_in(client: Client, dovecot: Dovecot, settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True
    server = {"server_address": dovecot.host, "service_port": dovecot.ports.imaps}
    typed_in = typed(username=dovecot.new_user(), password=PASSWORD, **server)
    answer = client.post(reverse("admin:mailsources_emailsource_test"), typed_in).content.decode()
    assert "The connection works." in answer
    assert "INBOX holds 0 mails" in answer
    assert EmailSource.objects.count() == 0


def test_the_stored_password_is_not_sent_to_another_server(client: Client, dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    url = reverse("admin:mailsources_emailsource_test", args=[source.pk])
    values = typed(username=source.username, password="", server_address="evil.example")
    assert "type it in again, if" in client.post(url, values).content.decode()


def test_the_list_shows_health_and_backlog(client: Client) -> None:
    source = make_source(use_ssl=False, allow_clear_text=True)
    SourceState.objects.update(failures=1, last_error="The folder is gone.", last_error_at=timezone.now())
    ingest(source, make_mail())
    failed = ingest(source, make_mail())
    FetchedMail.objects.filter(pk=failed.pk).update(state=State.FAILED)
    text = page(client, LIST)
    for part in (
        "failing",
        "The folder is gone.",
        'ucs-badge-bad">clear text allowed',
        "state__exact=failed",
        str(source.queue),
    ):
        assert part in text


def test_the_list_shows_last_success_next_run_and_lag(client: Client) -> None:
    source, now = make_source(), timezone.now()

    def shown() -> str:
        """The row, without its tooltips."""
        return re.sub(r"<[^>]*>", " ", page(client, LIST).partition("<tbody")[2])

    def looked(**values: Any) -> None:
        SourceState.objects.filter(source=source).update(**values)

    looked(last_success_at=now - timedelta(minutes=3), next_attempt_at=now + timedelta(minutes=7, seconds=30))
    row = shown()
    assert "3 min ago" in row
    assert "next in 7 min" in row
    assert "the oldest waits" not in row
    old, new = ingest(source, make_mail()), ingest(source, make_mail())
    FetchedMail.objects.filter(pk=old.pk).update(received_at=now - timedelta(minutes=47))
    FetchedMail.objects.filter(pk=new.pk).update(received_at=now - timedelta(minutes=5))
    assert re.search(r"47 min\s+the oldest waits", shown())
    # What was there before us is as old as its import.
    FetchedMail.objects.filter(pk=old.pk).update(is_history=True, fetched_at=now - timedelta(minutes=9))
    assert re.search(r"9 min\s+the oldest waits", shown())
    standing = page(client, reverse("admin:mailsources_emailsource_change", args=[source.pk]))
    assert "Lag: 9 min, the oldest waits." in standing
    looked(failures=1, last_error="Closed.", last_success_at=now - timedelta(hours=3, minutes=1))
    assert re.search(r"up to 3 h\s+nobody could look since", shown())
    looked(failures=0)
    FetchedMail.objects.update(state=State.DELIVERED)
    assert "the oldest waits" not in shown()


def test_the_list_asks_the_database_as_often_for_one_as_for_many(client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            page(client, LIST)
        return len(caught)

    make_source()
    first = queries()
    for _ in range(5):
        make_source()
    assert queries() == first


def test_poll_now_makes_the_source_due(client: Client, announced: list[tuple[str, Any]]) -> None:
    source = make_source()
    SourceState.objects.update(next_attempt_at=timezone.now())
    client.post(reverse("admin:mailsources_emailsource_poll", args=[source.pk]))
    assert SourceState.objects.get().next_attempt_at is None
    assert announced == [("mailsources.tasks.poll", [source.pk])]
    assert client.get(reverse("admin:mailsources_emailsource_poll", args=[source.pk])).status_code == 405


def test_a_source_that_has_fetched_mail_is_not_deleted(client: Client) -> None:
    source = make_source()
    ingest(source, make_mail())
    url = reverse("admin:mailsources_emailsource_delete", args=[source.pk])
    assert "has brought 1 mail: retire it" in client.post(url, {"post": "yes"}).content.decode()
    assert EmailSource.objects.exists()
    unused = make_source()
    client.post(reverse("admin:mailsources_emailsource_delete", args=[unused.pk]), {"post": "yes"})
    assert list(EmailSource.objects.all()) == [source]


def test_a_mail_in_quarantine_is_shown_downloaded_and_tried_again(
    client: Client, announced: list[tuple[str, Any]]
) -> None:
    raw = make_mail()
    fetched = ingest(make_source(), raw)
    FetchedMail.objects.update(state=State.FAILED, attempts=3, reason="Attempt 3 of 3 failed: Poison")
    url = reverse("admin:mailsources_fetchedmail_change", args=[fetched.pk])
    assert "Poison" in page(client, url)
    url_of_raw = reverse("admin:mailsources_fetchedmail_raw", args=[fetched.pk])
    assert raw not in client.get(url_of_raw).content  # asks why first
    download = client.post(url_of_raw, {"reason": "complaint, case 4711"})
    assert AuditRow.objects.get(act="opened").reason == "complaint, case 4711"
    assert download.content == raw
    assert download["Content-Disposition"].startswith("attachment")
    client.post(reverse("admin:mailsources_fetchedmail_retry", args=[fetched.pk]))
    fetched.refresh_from_db()
    assert (fetched.state, fetched.attempts) == (State.WAITING, 0)
    assert announced == [("mailsources.tasks.deliver_waiting", [fetched.pk])]


def test_only_who_may_change_tries_again(client: Client) -> None:
    fetched = ingest(make_source(), make_mail())
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_fetchedmail"))
    client.force_login(reader)
    assert client.get(reverse("admin:mailsources_fetchedmail_changelist")).status_code == 200
    retry = reverse("admin:mailsources_fetchedmail_retry", args=[fetched.pk])
    assert client.post(retry).status_code == 403
    stranger = User.objects.create_user("charlie", is_staff=True)
    client.force_login(stranger)
    raw = reverse("admin:mailsources_fetchedmail_raw", args=[fetched.pk])
    assert client.get(raw).status_code == 403


def test_the_page_of_a_source_shows_the_proof_and_compares(
    client: Client, dovecot: Dovecot, announced: list[tuple[str, Any]]
) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 3)
    poll_now(source)
    url = reverse("admin:mailsources_emailsource_change", args=[source.pk])
    assert "server 3 = ours 3" in page(client, url)
    assert "server 3 = ours 3" in page(client, LIST)
    before = SourceState.objects.get(source=source).proof_due_at
    assert before is not None
    answer = client.post(reverse("admin:mailsources_emailsource_compare", args=[source.pk]), follow=True)
    assert "is being compared with the ledger" in answer.content.decode()
    assert SourceState.objects.get(source=source).proof_due_at is None
    assert announced == [("mailsources.tasks.poll", [source.pk])]


def test_a_difference_is_red_and_says_what_to_do(client: Client) -> None:
    source = make_source(silence_hours=1)
    proof = {"server": 12_418, "ours": 12_416, "missing": 2, "unnamed": 0, "examples": ["UID 7", "UID 9"]}
    now = timezone.now()
    SourceState.objects.update(proof=proof, proved_at=now, last_success_at=now, began_at=now)
    for url in (reverse("admin:mailsources_emailsource_change", args=[source.pk]), LIST):
        text = page(client, url)
        assert "server 12,418 ≠ ours 12,416" in text
        assert "ucs-bad" in text
        assert "UID 7, UID 9" in text


def test_progress_of_the_first_import_is_shown(client: Client) -> None:
    source = make_source()
    SourceState.objects.update(began_at=timezone.now(), on_server=100_000, in_ledger=12_300)
    text = page(client, reverse("admin:mailsources_emailsource_change", args=[source.pk]))
    assert "12,300 of 100,000 imported" in text
    assert 'max="100000" value="12300"' in text


def test_mails_too_big_are_named_on_the_page(client: Client, dovecot: Dovecot, settings: Settings) -> None:
    settings.LARGEST_MAIL = 2000
    source = source_at(dovecot)
    dovecot.drop(source.username, make_mail("x" * 3000))
    poll_now(source)
    text = page(client, reverse("admin:mailsources_emailsource_change", args=[source.pk]))
    assert "1 too big" in text


def make_forwarding(settings: Settings, **overrides: Any) -> EmailSource:
    settings.INBOUND_DOMAIN = "inbound.example.test"
    values = {"server_type": "FORWARDING", "public_address": "info@example.com", "queue": make_queue()}
    return make_source(**(values | {"username": "", "server_address": ""} | overrides))


def test_a_forwarding_source_is_added_and_leads_to_its_address(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    works(monkeypatch)
    settings.INBOUND_DOMAIN = "inbound.example.test"
    queue = make_queue()
    values = {"server_type": "FORWARDING", "public_address": "info@example.com", "queue": queue.pk}
    values |= {"service_port": "993", "after_import": "leave", "is_active": "on", "password": "left over"}
    response = client.post(reverse("admin:mailsources_emailsource_add"), values)
    source = EmailSource.objects.get()
    assert response["Location"] == reverse("admin:mailsources_emailsource_change", args=[source.pk])
    assert (source.name, source.password, source.username) == ("info@example.com", "", "")
    shown = page(client, response["Location"])
    assert f'data-copy="{source.address}"' in shown
    assert "waiting for first mail" in shown
    assert "Poll now" not in shown
    listed = page(client, reverse("admin:mailsources_emailsource_changelist"))
    assert "waiting for first mail" in listed
    assert "Poll now: info@example.com" not in listed


def test_forwarding_without_a_domain_is_refused_with_the_remedy(client: Client) -> None:
    values = {"server_type": "FORWARDING", "public_address": "info@example.com", "queue": make_queue().pk}
    values |= {"service_port": "993", "after_import": "leave"}
    response = client.post(reverse("admin:mailsources_emailsource_add"), values)
    assert "set UCS_INBOUND_DOMAIN" in response.content.decode()
    assert not EmailSource.objects.exists()


def test_confirmations_and_tests_are_on_the_page(client: Client, settings: Settings) -> None:
    source = make_forwarding(settings)
    fetched = ingest(source, make_mail())
    link = "https://mail-settings.google.com/mail/vf-1"
    ForwardingConfirmation.objects.create(
        source=source, fetched=fetched, provider="Gmail", account="boss@example.com", code="512345678",
        link=link, received_at=timezone.now(),
    )  # fmt: skip
    state = reverse("admin:mailsources_emailsource_forwarding", args=[source.pk])
    shown = page(client, state)
    assert 'data-copy="512345678">Copy code</button>' in shown
    assert f'href="{link}" target="_blank" rel="noopener noreferrer"' in shown
    test = reverse("admin:mailsources_emailsource_test_forwarding", args=[source.pk])
    assert client.get(test).status_code == 405
    assert "being sent" in client.post(test).content.decode()
    assert OutgoingMail.objects.get().is_automatic
    assert "being sent" in page(client, state)
    source.queue.sender = None
    source.queue.save()
    assert "no active email sender" in client.post(test).content.decode()


def test_forwarding_pages_are_for_who_may(client: Client, settings: Settings) -> None:
    source, mailbox = make_forwarding(settings), make_source()
    for name in ("forwarding", "test_forwarding"):
        method = client.get if name == "forwarding" else client.post
        assert method(reverse(f"admin:mailsources_emailsource_{name}", args=[mailbox.pk])).status_code == 404
    client.force_login(User.objects.create_user("charlie", is_staff=True))
    for name in ("forwarding", "test_forwarding"):
        method = client.get if name == "forwarding" else client.post
        assert method(reverse(f"admin:mailsources_emailsource_{name}", args=[source.pk])).status_code == 404
    assert not OutgoingMail.objects.exists()
