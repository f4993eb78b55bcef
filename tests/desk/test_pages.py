"""The desk's answers without a browser: who gets what, and with which headers."""

import re
from unittest.mock import patch

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone

from mailsenders.models import OutgoingMail
from queues import actions, urls
from queues.letters import Reply
from queues.models import BulkAct, Conversation, DraftFile, EmailQueue, Message, SavedView
from queues.pictures import want
from queues.views import writing
from tests.desk.world import rich, take_in
from tests.make import make_administrator, make_agent, make_conversation, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def signed_in(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


@pytest.fixture
def orders() -> EmailQueue:
    """Alice's queue; Charlie is an agent elsewhere."""
    make_agent("charlie", queues=[make_queue(name="Elsewhere")])
    return make_queue([make_agent("alice")], name="Orders")


def test_every_address_of_a_conversation_is_closed_to_strangers(orders: EmailQueue) -> None:
    alice, now = signed_in("alice"), timezone.now()
    message = take_in(orders, rich("Margaret Doyle", "Incomplete", now), now)
    pks = {"conversations": message.conversation_id, "messages": message.pk}
    pks["attachments"] = message.attachments.get(name="label.png").pk
    want(message)
    message.pictures.update(state="here", type="image/png")
    pks["pictures"] = message.pictures.get().pk
    user = message.conversation.queue.members.get().user
    pks["bulk"] = BulkAct.objects.create(user=user, token="t", verb="close").pk
    pks["views"] = SavedView.objects.create(owner=user, name="Mine").pk
    stranger = signed_in("charlie")
    tried = 0
    for pattern in urls.urlpatterns:
        route = str(pattern.pattern)
        kind = route.partition("/")[0]
        if "<int:pk>" not in route or kind == "snippets":  # no part of a conversation
            continue
        path = "/" + route.replace("<int:pk>", str(pks[kind])).replace("<int:file>", "1")
        path = path.replace("<int:draft>", "1").replace("<int:macro>", "1")
        assert [stranger.get(path).status_code, stranger.post(path).status_code] in (
            [404, 404],
            [404, 405],
            [405, 404],
            [405, 405],
        ), path
        assert stranger.delete(path).status_code in (404, 405), path
        assert Client().get(path).status_code in (302, 405), path
        tried += 1
    assert tried > 20
    assert alice.get(f"/messages/{message.pk}/body").status_code == 200


def test_a_stranger_sees_neither_rows_nor_numbers(orders: EmailQueue) -> None:
    receive(orders)
    page = signed_in("charlie").get("/?view=all").content.decode()
    assert "Charlie Stone" not in page
    assert "Orders" not in page
    assert "Charlie Stone" in signed_in("alice").get("/?view=all").content.decode()


def test_a_part_of_a_page_tells_that_the_session_is_over(orders: EmailQueue) -> None:
    answer = Client().get("/rows", headers=HTMX)
    assert answer.status_code == 401
    assert Client().get("/rows").status_code == 302


def test_signing_in_again_in_place(orders: EmailQueue) -> None:
    client = Client()
    assert 'hx-post="/login/"' in client.get("/login/", headers=HTMX).content.decode()
    wrong = client.post("/login/", {"username": "alice", "password": "no"}, headers=HTMX)
    assert "don’t match" in wrong.content.decode()
    right = client.post("/login/", {"username": "alice", "password": "alice"}, headers=HTMX)
    assert right.status_code == 204
    assert "desk:signed-in" in right["HX-Trigger"]


@override_settings(AXES_ENABLED=True)
def test_too_many_wrong_passwords_are_answered_by_a_page(orders: EmailQueue) -> None:
    client = Client()
    for _ in range(20):
        answer = client.post("/login/", {"username": "alice", "password": "no"})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()


def test_the_body_of_a_mail_brings_its_own_policy(orders: EmailQueue) -> None:
    alice, now = signed_in("alice"), timezone.now()
    message = take_in(orders, rich("Margaret Doyle", "Incomplete", now), now)
    answer = alice.get(f"/messages/{message.pk}/body")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "https:" not in policy
    body = answer.content.decode()
    assert "tracker.example" not in re.sub(r'data-remote-src="[^"]*"', "", body)
    policy = alice.get(f"/messages/{message.pk}/body?pictures=1")["Content-Security-Policy"]
    assert "img-src 'self' data:;" in policy


def test_files_are_downloads_unless_they_are_to_be_looked_at(orders: EmailQueue) -> None:
    alice, now = signed_in("alice"), timezone.now()
    message = take_in(orders, rich("Margaret Doyle", "Incomplete", now), now)
    files = {each.name: each.pk for each in message.attachments.all()}
    document = alice.get(f"/attachments/{files['Receipt März 2026.pdf']}")
    assert document["Content-Type"] == "application/octet-stream"
    assert document["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''Receipt%20M%C3%A4rz%202026.pdf" in document["Content-Disposition"]
    assert document["X-Content-Type-Options"] == "nosniff"
    picture = alice.get(f"/attachments/{files['label.png']}?inline=1")
    assert picture["Content-Type"] == "image/png"
    assert picture["Content-Disposition"].startswith("inline;")
    assert alice.get(f"/attachments/{files['label.png']}")["Content-Disposition"].startswith("attachment;")


def test_the_source_is_the_mail_as_it_came(orders: EmailQueue) -> None:
    message = receive(orders)
    answer = signed_in("alice").get(f"/messages/{message.pk}/raw")
    assert message.raw is not None
    assert answer.content == message.raw.as_bytes()
    assert answer["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize("state", ["failed", "uncertain"])
def test_what_was_not_sent_is_said_and_can_be_decided(orders: EmailQueue, state: str) -> None:
    alice = make_agent("anna", queues=[orders])
    row = receive(orders).conversation
    message = actions.reply(alice.user, row, Reply(text="Hello", undo_seconds=0))
    OutgoingMail.objects.filter(message=message).update(state=state, last_error="550 No such <user>.")
    client = signed_in("anna")
    page = client.get(f"/conversations/{row.pk}/").content.decode()
    assert "550 No such &lt;user&gt;." in page
    answer = client.post(f"/messages/{message.pk}/resend", headers=HTMX)
    assert answer.status_code == 200
    assert OutgoingMail.objects.get(message=message).state == OutgoingMail.State.QUEUED


def test_sending_twice_gives_one_mail(orders: EmailQueue) -> None:
    row = receive(orders).conversation
    client = signed_in("alice")
    token = "6b5a4d0e-6f9c-4c1f-9b0e-0c1f2a3b4c5d"
    data = {"text": "Hello", "to": "charlie@customer.example", "token": token}
    for _ in range(2):
        assert client.post(f"/conversations/{row.pk}/reply", data, headers=HTMX).status_code == 200
    assert Message.objects.filter(direction="out").count() == 1
    other = client.post(f"/conversations/{row.pk}/reply", data | {"text": "Quite another"}, headers=HTMX)
    assert other.status_code == 409, "a second window's text must not seem to be sent"
    assert "desk:unsettled" in other.headers["HX-Trigger"]  # the editor asks what becomes of the words
    assert Message.objects.filter(direction="out").count() == 1


def test_an_answer_without_a_recipient_is_refused(orders: EmailQueue) -> None:
    row = receive(orders).conversation
    data = {"text": "Hello", "to": "  ", "token": "6b5a4d0e-6f9c-4c1f-9b0e-0c1f2a3b4c5d"}
    answer = signed_in("alice").post(f"/conversations/{row.pk}/reply", data, headers=HTMX)
    assert answer.status_code == 409
    assert "type an address" in answer.content.decode()
    assert not Message.objects.filter(direction="out").exists()


def test_a_file_too_large_for_any_mailbox_is_refused(orders: EmailQueue) -> None:
    row = receive(orders).conversation
    client = signed_in("alice")
    path, large_file = f"/conversations/{row.pk}/draft/files", ContentFile(b"x" * 11, "large.bin")
    with patch.object(writing, "MOST_BYTES", 10):
        large = client.post(path, {"file": large_file})
        small = client.post(path, {"file": ContentFile(b"x", "../../etc/small")})
    assert large.status_code == 409
    assert "large.bin" in large.content.decode()
    assert small.status_code == 200
    assert "/" not in DraftFile.objects.get().name


def test_writing_first(orders: EmailQueue) -> None:
    client = signed_in("alice")
    assert "New conversation" in client.get("/compose", headers=HTMX).content.decode()
    data = {
        "queue": orders.pk,
        "to": '"Stone, Charlie" <charlie@customer.example>',
        "subject": "Your order",
        "text": "It is here.",
        "token": "6b5a4d0e-6f9c-4c1f-9b0e-0c1f2a3b4c5d",
    }
    answer = client.post("/compose", data, headers=HTMX)
    row = Conversation.objects.get()
    assert answer["HX-Push-Url"].startswith(f"/conversations/{row.pk}/")
    assert row.messages.get().to == [{"name": "Stone, Charlie", "email": "charlie@customer.example"}]


def test_the_desk_asks_the_same_number_of_queries_for_more_rows(orders: EmailQueue) -> None:
    client = signed_in("alice")
    make_conversation(orders)
    client.get("/?view=unassigned")
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/?view=unassigned")
    for _ in range(12):
        make_conversation(orders)
    with CaptureQueriesContext(connection) as many:
        client.get("/?view=unassigned")
    assert len(many) == len(few)
    assert len(many) < 24


def test_a_long_conversation_asks_the_same_number_of_queries(orders: EmailQueue) -> None:
    client = signed_in("alice")
    first = receive(orders)
    page = f"/conversations/{first.conversation_id}/"

    def queries(count: int) -> int:
        for _ in range(count - first.conversation.messages.count()):
            receive(orders, make_mail("More.", References=f"<{first.message_id}>"))
        client.get(page)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(page).status_code == 200
        return len(asked)

    assert queries(3) == queries(30)


def test_a_live_refresh_reads_as_many_rows_as_are_shown(orders: EmailQueue) -> None:
    for _ in range(3):
        make_conversation(orders)
    answer = signed_in("alice").get(
        "/rows?view=unassigned&rows=150", headers=HTMX | {"HX-Trigger": "refresh"}
    )
    text = answer.content.decode()
    assert text.count('class="row ') == 3
    assert 'id="nav-views" hx-swap-oob="patch"' in text


def test_nobody_without_a_queue_is_left_without_a_word() -> None:
    make_agent("alice")
    make_administrator("root")
    assert "Ask your administrator" in signed_in("alice").get("/").content.decode()
    page = signed_in("root").get("/").content.decode()
    assert "+ add email queue" in page


def test_presence_is_set_and_kept_alive(orders: EmailQueue) -> None:
    client = signed_in("alice")
    answer = client.post("/presence", {"presence": "away"}, headers=HTMX)
    assert '"presence": "away"' in answer["HX-Trigger"]
    assert client.post("/presence/seen").content == b"away|Away"
    assert client.post("/presence", {"presence": "asleep"}, headers=HTMX).status_code == 409


def test_pages_are_not_kept_by_caches(orders: EmailQueue) -> None:
    row = receive(orders).conversation
    for path in ("/", f"/conversations/{row.pk}/", "/rows"):
        assert "no-store" in signed_in("alice").get(path)["Cache-Control"]
