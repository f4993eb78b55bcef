"""Two people at the same moment: the database's own key decides, and who comes second is told in words."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from api.models import APIKey
from mailsources import check, twins
from mailsources import tasks as tasks_module
from mailsources.models import EmailSource, MailboxSetup
from queues.models import EmailQueue
from sso.steps import Step
from tests.make import make_administrator, make_queue, make_source
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE = 60
TAKEN = "The mailbox box on 127.0.0.1 (INBOX) is already fetched by the email source “{}”"


class Meeting:
    """A place in the code where two threads wait for each other, once each."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self._seen = threading.local()

    def wait(self) -> None:
        if not getattr(self._seen, "has_met", False):
            self._seen.has_met = True
            self._barrier.wait(DEADLINE)


@pytest.fixture
def both_look_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither writes before both have looked who has the mailbox: what only the key can notice."""
    meeting, look = Meeting(), twins.check

    def look_and_wait(*words: Any) -> None:
        look(*words)
        meeting.wait()

    monkeypatch.setattr(twins, "check", look_and_wait)


@pytest.fixture(autouse=True)
def unannounced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks_module, "announce", lambda task, **kwargs: None)
    monkeypatch.setattr(check, "test_connection", lambda source: [Step("Folder", True, "INBOX", 0.1)])


def at_once(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """What two threads come to."""

    def one(work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        return [each.result(DEADLINE) for each in [pool.submit(one, first), pool.submit(one, second)]]


def two_clients() -> list[Client]:
    found = [Client(), Client()]
    for client, name in zip(found, ("root", "bob"), strict=True):
        client.force_login(make_administrator(name))
    return found


def winner_and_loser(sources: list[EmailSource]) -> tuple[EmailSource, EmailSource]:
    """Who has the mailbox now, and who has not."""
    for each in sources:
        each.refresh_from_db()
    won = [each for each in sources if each.username == "box" and each.stage == "active"]
    assert len(won) == 1, "one of the two, and one alone"
    return won[0], next(each for each in sources if each != won[0])


def form_of(source: EmailSource) -> dict[str, Any]:
    return {
        "server_type": "IMAP", "server_address": "127.0.0.1", "service_port": 9, "use_ssl": "on",
        "username": "box", "password": "", "queue": source.queue_id, "name": source.name,
        "is_active": "on", "folder": "INBOX", "after_import": "leave",
    }  # fmt: skip


@pytest.mark.usefixtures("both_look_first")
def test_two_change_their_sources_to_one_mailbox() -> None:
    sources = [make_source(), make_source()]

    def change(client: Client, source: EmailSource) -> Callable[[], Any]:
        url = reverse("admin:mailsources_emailsource_change", args=[source.pk])
        return lambda: client.post(url, form_of(source))

    answers = at_once(*(change(*pair) for pair in zip(two_clients(), sources, strict=True)))
    won, lost = winner_and_loser(sources)
    by_source = dict(zip([source.pk for source in sources], answers, strict=True))
    assert by_source[won.pk].status_code == 302
    refused = by_source[lost.pk]
    assert refused.status_code == 200
    (said,) = refused.context["adminform"].form.errors["folder"]
    assert TAKEN.format(won.name) in said


@pytest.mark.usefixtures("both_look_first")
def test_two_switch_drafts_of_one_mailbox_on() -> None:
    sources = [make_source(stage="draft", is_active=False, username="box") for _ in range(2)]

    def activate(client: Client, source: EmailSource) -> Callable[[], Any]:
        url = reverse("admin:mailsources_emailsource_activate", args=[source.pk])
        return lambda: client.post(url, {"anyway": "1"}, follow=True)

    answers = at_once(*(activate(*pair) for pair in zip(two_clients(), sources, strict=True)))
    pages = [each.content.decode() for each in answers]
    won, lost = winner_and_loser(sources)
    by_source = dict(zip([source.pk for source in sources], pages, strict=True))
    assert f"{won} is active in queue" in by_source[won.pk]
    assert TAKEN.format(won.name) in by_source[lost.pk]
    assert (lost.stage, lost.is_active) == ("draft", False)


def test_one_switches_on_right_behind_the_look_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (make_source(stage="draft", is_active=False, username="box") for _ in range(2))
    look, clients = twins.check, two_clients()
    pages = [reverse("admin:mailsources_emailsource_activate", args=[each.pk]) for each in (first, second)]

    def look_and_be_late(*words: Any) -> None:
        look(*words)
        monkeypatch.setattr(twins, "check", look)
        at_once(lambda: clients[0].post(pages[0], {"anyway": "1"}), lambda: None)

    monkeypatch.setattr(twins, "check", look_and_be_late)
    page = clients[1].post(pages[1], {"anyway": "1"}, follow=True).content.decode()
    won, _ = winner_and_loser([first, second])
    assert won == first
    assert TAKEN.format(first.name) in page


@pytest.mark.usefixtures("both_look_first")
def test_two_programs_change_their_sources_to_one_mailbox() -> None:
    sources, key = [make_source(), make_source()], APIKey.make(make_administrator().pk)

    def change(source: EmailSource) -> Callable[[], Any]:
        return lambda: Client(headers={"Authorization": f"Bearer {key}"}).patch(
            f"/api/v1.0/sources/{source.pk}", {"username": "box"}, content_type="application/json"
        )

    answers = at_once(change(sources[0]), change(sources[1]))
    won, lost = winner_and_loser(sources)
    by_source = dict(zip([source.pk for source in sources], answers, strict=True))
    assert by_source[won.pk].status_code == 200, by_source[won.pk].content
    assert by_source[lost.pk].status_code == 422
    assert TAKEN.format(won.name) in by_source[lost.pk].json()["detail"]


@pytest.mark.usefixtures("both_look_first")
def test_two_settings_files_with_one_mailbox(tmp_path: Path) -> None:
    make_queue(name="Support")

    def apply(name: str) -> Callable[[], str]:
        path = tmp_path / f"{name}.yml"
        box = "server_type: IMAP, server_address: 127.0.0.1, username: box, queue: Support"
        path.write_text(f"sources:\n  - {{name: {name}, {box}}}\n")

        def work() -> str:
            try:
                apply_file(path)
            except BadFile as error:
                return str(error)
            return ""

        return work

    said = sorted(at_once(apply("first"), apply("second")))
    assert said[0] == ""
    assert "somebody else made or changed something of it at this moment" in said[1]
    won = EmailSource.objects.get()
    second = tmp_path / f"{'second' if won.name == 'first' else 'first'}.yml"
    with pytest.raises(BadFile, match=f"already fetched by the email source “{won.name}”"):
        apply_file(second)


def test_two_mailboxes_are_set_up_with_a_new_queue_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting, clients = Meeting(), two_clients()
    rows = [MailboxSetup.objects.create(address=f"{name}@example.com") for name in ("info", "sales")]
    create = EmailQueue.objects.create

    def meet_and_create(**values: Any) -> EmailQueue:
        meeting.wait()
        return create(**values)

    monkeypatch.setattr(EmailQueue.objects, "create", meet_and_create)

    def choose(client: Client, row: MailboxSetup) -> Callable[[], Any]:
        url = reverse("admin:mailsources_emailsource_setup", args=[row.pk])
        sent = {"step": "queue", "version": row.version, "name": "Support"}
        return lambda: client.post(url, sent, follow=True)

    answers = at_once(*(choose(*pair) for pair in zip(clients, rows, strict=True)))
    pages = [each.content.decode() for each in answers]
    told = [page for page in pages if "Somebody else made something of" in page]
    assert len(told) == 1
    assert EmailQueue.objects.count() == 1
    assert MailboxSetup.objects.filter(queue__name="Support").count() == 1
