"""Idempotency-Key: one thing is made, however often it is asked for."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from api import held, repeats, tasks
from api.models import KeptAnswer
from api.urls import api
from crm.models import Contact
from queues.models import Conversation, Note
from tests.api.test_api import Program
from tests.make import make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db


def test_the_same_request_again_makes_nothing_more() -> None:
    queue = make_queue(name="Support")
    row, program = make_conversation(queue), Program(make_agent("alice", queues=[queue]).user_id)
    path, key = f"conversations/{row.pk}/notes", {"Idempotency-Key": "n-1"}
    first, again = (program.post(path, {"text": "hippopotamus"}, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (first.has_header(repeats.REPLAYED), again[repeats.REPLAYED]) == (False, "true")
    assert Note.objects.count() == 1
    other = program.post(path, {"text": "another"}, **key)
    assert (other.status_code, "another request" in other.json()["detail"]) == (422, True)
    theirs = Program(make_agent("dora", queues=[queue]).user_id).post(path, {"text": "mine"}, **key)
    assert theirs.status_code == 201, "each user has keys of their own"
    for bad in ("a b", "x" * 256, "\u00e9"):
        assert program.post(path, {"text": "x"}, **{"Idempotency-Key": bad}).status_code == 400
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM api_keptanswer")
        assert not any("hippopotamus" in body for (body,) in cursor.fetchall()), "kept encrypted"


def test_what_was_refused_may_be_tried_again() -> None:
    program, key = Program(make_supervisor().user_id), {"Idempotency-Key": "c-1"}
    assert program.post("contacts", {"name": "Dana"}, **key).status_code == 422
    made = program.post("contacts", {"name": "Dana", "emails": ["dana@customer.example"]}, **key)
    assert made.status_code == 201, made.content
    assert Contact.objects.count() == 1


def test_at_the_same_time_and_after_a_death_and_after_a_day() -> None:
    queue = make_queue(name="Support")
    row, program = make_conversation(queue), Program(make_agent("alice", queues=[queue]).user_id)
    path, key = f"conversations/{row.pk}/notes", {"Idempotency-Key": "n-2"}
    assert program.post(path, {"text": "one"}, **key).status_code == 201
    KeptAnswer.objects.update(status=None)
    busy = program.post(path, {"text": "one"}, **key)
    assert (busy.status_code, busy["Retry-After"]) == (409, "1")
    KeptAnswer.objects.update(claimed_at=timezone.now() - 2 * repeats.LEASE)
    assert program.post(path, {"text": "one"}, **key).status_code == 201, "who made it is gone"
    KeptAnswer.objects.update(created_at=timezone.now() - repeats.KEPT - timedelta(seconds=1))
    fresh = program.post(path, {"text": "three"}, **key)
    assert (fresh.status_code, Note.objects.count()) == (201, 3)
    assert KeptAnswer.objects.get().status == 201
    KeptAnswer.objects.update(created_at=timezone.now() - repeats.KEPT - timedelta(seconds=1))
    tasks.tidy()
    assert not KeptAnswer.objects.exists()


def test_what_dies_before_its_answer_is_kept_was_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = make_queue(name="Support")
    row, program = make_conversation(queue), Program(make_agent("alice", queues=[queue]).user_id)
    path, key = f"conversations/{row.pk}/notes", {"Idempotency-Key": "n-3"}

    def die(*args: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(held, "of", die)
        with pytest.raises(SystemExit):
            program.post(path, {"text": "one"}, **key)
    assert not Note.objects.exists()
    assert program.post(path, {"text": "one"}, **key).status_code == 201
    begin = KeptAnswer.objects.get_or_create

    def begin_long_ago(**values: Any) -> Any:
        row, is_new = begin(**values)
        row.claimed_at -= repeats.LEASE  # another has claimed it since: this one's time is over
        return row, is_new

    monkeypatch.setattr(KeptAnswer.objects, "get_or_create", begin_long_ago)
    late = program.post(path, {"text": "one"}, **{"Idempotency-Key": "n-4"})
    assert (late.status_code, Note.objects.count()) == (409, 1)
    assert KeptAnswer.objects.get(token="n-4").status is None, "it is the other's"


def test_what_asks_others_or_gives_way_is_put_into_no_transaction() -> None:
    paths = {each.strip("/") for each, view in api.get_openapi_schema()["paths"].items() if "post" in view}
    alone = {path for each in paths if repeats.BY_THEMSELVES.search(path := each.removeprefix("api/v1.0/"))}
    assert alone == {
        *("providers", "senders", "sources", "webhooks", "sources/{source_id}/activate"),
        *("webhooks/{webhook_id}/test", "contacts/{contact_id}/merge", "contact-merges/{merge_id}/undo"),
    }


def test_an_answer_of_rights_that_nobody_noted_is_not_given() -> None:
    queue = make_queue(name="Support")
    row, program = make_conversation(queue), Program(make_agent("alice", queues=[queue]).user_id)
    path, key = f"conversations/{row.pk}/notes", {"Idempotency-Key": "n-5"}
    assert program.post(path, {"text": "one"}, **key).status_code == 201
    KeptAnswer.objects.update(held=[])
    again = program.post(path, {"text": "one"}, **key)
    assert (again.status_code, "before an update" in again.json()["detail"]) == (403, True)
    queue.members.clear()
    nobody = Program(make_agent("dora").user_id)
    body = {"name": "Mine", "view": "all"}
    first, second = (nobody.post("views", body, **{"Idempotency-Key": "v"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201), "who has no rights at all had none to lose"


def test_who_lost_the_right_gets_no_kept_answer() -> None:
    queue, other = make_queue(name="Support"), make_queue(name="Other")
    row, alice = make_conversation(queue), make_agent("alice", queues=[queue, other])
    program = Program(alice.user_id)

    def note(key: str) -> Any:
        return program.post(f"conversations/{row.pk}/notes", {"text": "one"}, **{"Idempotency-Key": key})

    def begin() -> Any:
        body = {"queue": "Support", "to": ["dana@customer.example"], "subject": "S", "text": "T"}
        return program.post("conversations", body, **{"Idempotency-Key": "b"})

    assert (note("a").status_code, begin().status_code) == (201, 201)
    assert note("a")[repeats.REPLAYED] == "true"
    Conversation.objects.update(queue=make_queue(name="Elsewhere"))
    gone = [note("a"), begin()]
    assert [each.status_code for each in gone] == [404, 404]
    Conversation.objects.update(queue=other)
    assert note("a").status_code == 201
    queue.members.remove(alice)
    lost = note("a")
    assert (lost.status_code, "rights" in lost.json()["detail"]) == (403, True)
    assert Note.objects.count() == 1
    for each in (queue, make_queue(name="More")):
        each.members.add(alice)
    assert note("a").status_code == 201, "more rights than before are no less"
