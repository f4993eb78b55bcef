"""What a key is for: scopes, its end, taking it away; and clients that get keys by themselves."""

import base64
import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from api import client_login, limits, tasks
from api.models import APIClient, APIKey, digest
from api.scopes import AREAS, SCOPES, allows, scope_of
from api.urls import api
from mailstore import hints
from sso import tokens
from sso.models import TokenUse
from tests.api.test_api import Program
from tests.make import (
    make_administrator,
    make_agent,
    make_conversation,
    make_provider,
    make_queue,
)

pytestmark = pytest.mark.django_db


class Limited(Program):
    """A program whose key has scopes."""

    def __init__(self, user_id: int, scope: str, **values: Any) -> None:
        self.headers = {"Authorization": f"Bearer {APIKey.make(user_id, scope=scope, **values)}"}
        self.client = Client()


def test_every_operation_has_a_scope_and_a_named_area() -> None:
    settings = {
        *("queues", "sources", "senders", "providers", "agents", "skills", "languages", "tags"),
        *("calendars", "snippets", "macros", "webhooks", "rules"),
    }
    for path, methods in api.get_openapi_schema()["paths"].items():
        below = path.removeprefix("/api/v1.0/")
        for method in methods:
            assert scope_of(method.upper(), below) in SCOPES
        first = below.partition("/")[0]
        assert first in AREAS or first in settings, f"name the area of /{first} in api/scopes.py"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "conversations/{int:conversation_id}", "conversations:read"),
        ("POST", "conversations/{int:conversation_id}/tags", "conversations:write"),
        ("PUT", "conversations/{int:conversation_id}/contact-priority", "conversations:write"),
        ("GET", "messages/{int:message_id}/raw", "conversations:read"),
        ("POST", "contact-merges/{int:merge_id}/undo", "contacts:write"),
        ("PUT", "agents/{username}/shifts", "planning:write"),
        ("DELETE", "agents/{username}/absences/{int:absence_id}", "planning:write"),
        ("GET", "agents", "settings:read"),
        ("PUT", "queues/{int:queue_id}/escalation", "settings:write"),
        ("GET", "status", "status:read"),
    ],
)
def test_the_scope_of_an_operation(method: str, path: str, scope: str) -> None:
    assert scope_of(method, path) == scope
    assert allows("*", scope)
    assert not allows("*", "tokens:read")
    assert not allows("", scope)


def test_a_key_opens_what_it_is_for_and_no_more_than_its_user_may() -> None:
    queue = make_queue(name="Support")
    row = make_conversation(queue)
    reader = Limited(make_agent("alice", queues=[queue]).user_id, "conversations:read")
    assert len(reader.get("conversations")["results"]) == 1
    refused = reader.post(f"conversations/{row.pk}/take")
    assert (refused.status_code, refused.json()["scope"]) == (403, "conversations:write")
    assert refused["Content-Type"] == "application/problem+json"
    assert "insufficient_scope" in refused["WWW-Authenticate"]
    assert reader.try_get("contacts").status_code == 403
    writer = Limited(row.queue.members.get().user_id, "conversations:write settings:read status:read")
    assert writer.post(f"conversations/{row.pk}/take").status_code == 200
    assert len(writer.get("conversations")["results"]) == 1, "who may write may read"
    assert writer.try_get("status").status_code == 403, "a scope gives no right"
    stranger = Limited(make_agent("charlie").user_id, "*")
    assert stranger.try_get(f"conversations/{row.pk}").status_code == 404


def test_a_key_ends_and_is_revoked() -> None:
    user_id = make_agent("alice").user_id
    over = Limited(user_id, "*", expires_at=timezone.now() - timedelta(seconds=1))
    assert over.try_get("conversations").status_code == 401
    program = Limited(user_id, "*", expires_at=timezone.now() + timedelta(hours=1))
    assert program.try_get("conversations").status_code == 200
    assert APIKey.objects.get(expires_at__gt=timezone.now()).last_used_at is not None
    APIKey.objects.update(revoked_at=timezone.now())
    assert program.try_get("conversations").status_code == 401


@pytest.mark.usefixtures("clean_redis")
def test_who_asks_too_often_is_told_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 60_010.0)
    user_id = make_agent("alice").user_id
    program, other = Limited(user_id, "*", per_minute=2), Limited(user_id, "*")
    answers = [program.try_get("conversations") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert [each["RateLimit-Remaining"] for each in answers] == ["1", "0", "0"]
    assert (answers[2]["Retry-After"], answers[2]["RateLimit-Reset"]) == ("50", "50")
    assert answers[2]["Content-Type"] == "application/problem+json"
    assert other.try_get("conversations")["RateLimit-Limit"] == "600"


def test_without_redis_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(hints, "client", gone)
    monkeypatch.setattr(limits._Pause, "until", 0.0)
    program = Limited(make_agent("alice").user_id, "*", per_minute=1)
    answers = [program.try_get("conversations") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 200]
    assert "RateLimit-Limit" not in answers[0]


def test_a_token_is_given_to_who_has_that_scope_by_name(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "access_token", lambda provider_id, firm: "canary-token")
    provider, chief = make_provider(), make_administrator()
    alice = make_agent("alice")

    def ask_with(user_id: int, scope: str) -> Any:
        bearer = {"Authorization": f"Bearer {APIKey.make(user_id, scope=scope)}"}
        return client.get(f"/api/v1.0/auth/token/{provider.pk}", headers=bearer)

    given = ask_with(chief.pk, "tokens:read")
    assert (given.status_code, given.content) == (200, b"canary-token")
    assert TokenUse.objects.get().caller.startswith("API key ucs_")
    assert ask_with(chief.pk, "*").status_code == 403, "older keys never opened it"
    assert ask_with(chief.pk, "* tokens:read").status_code == 200
    assert ask_with(alice.user_id, "tokens:read").status_code == 403
    wrong = {"Authorization": "Bearer ucs_wrong"}
    assert client.get(f"/api/v1.0/auth/token/{provider.pk}", headers=wrong).status_code == 401


def make_client(user_id: int, **values: Any) -> tuple[APIClient, str]:
    row = APIClient(user_id=user_id, **values)
    secret = row.cut()
    row.save()
    return row, secret


def ask(body: dict[str, str], **more: Any) -> Any:
    return Client().post("/login/oauth2/token", body, **more)


@pytest.mark.usefixtures("clean_redis")
def test_a_client_gets_a_key_for_an_hour() -> None:
    row, secret = make_client(make_administrator().pk, scope="status:read conversations:read")
    assert secret not in APIClient.objects.get().hash
    body = {"grant_type": "client_credentials", "client_id": row.client_id, "client_secret": secret}
    told = ask(body, content_type="application/json")
    assert told.status_code == 200, told.content
    assert told["Cache-Control"] == "no-store"
    answer = told.json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert answer["scope"] == row.scope
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    assert Client().get("/api/v1.0/status", headers=bearer).status_code == 200
    assert Client().get("/api/v1.0/contacts", headers=bearer).status_code == 403
    narrow = ask(body | {"scope": "status:read"}).json()
    assert narrow["scope"] == "status:read"
    basic = base64.b64encode(f"{row.client_id}:{secret}".encode()).decode()
    by_basic = ask({"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"})
    assert by_basic.status_code == 200
    APIClient.objects.update(revoked_at=timezone.now())
    assert Client().get("/api/v1.0/status", headers=bearer).status_code == 401
    assert ask(body).json()["error"] == "invalid_client"
    APIKey.objects.update(expires_at=timezone.now() - timedelta(days=2))
    tasks.tidy()
    assert not APIKey.objects.exists()


@pytest.mark.usefixtures("clean_redis")
def test_what_a_client_does_wrong_is_told_in_the_words_of_the_standard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000)  # what is wrong is counted by the minute
    row, secret = make_client(make_administrator().pk, scope="status:read")
    good = {"grant_type": "client_credentials", "client_id": row.client_id, "client_secret": secret}
    cases = [
        (good | {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (good | {"scope": "conversations:read"}, 400, "invalid_scope"),
        (good | {"scope": "everything"}, 400, "invalid_scope"),
        (good | {"client_secret": "x"}, 401, "invalid_client"),
        (good | {"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
    ]
    for body, status, error in cases:
        refused = ask(body)
        assert (refused.status_code, refused.json()["error"]) == (status, error)
        assert refused["Cache-Control"] == "no-store"
    unreadable = ask({"grant_type": "client_credentials"}, headers={"Authorization": "Basic é"})
    assert (unreadable.status_code, unreadable.json()["error"]) == (401, "invalid_client")
    assert ask(good | {"client_id": "a\0"}).json()["error"] == "invalid_request"
    assert ask(good, headers={"Authorization": "Basic eDp5"}).json()["error"] == "invalid_request"
    for text in ("[]", "{", '{"client_id": 1}', '{"client_id": "\\u0000"}', '{"client_id": "\\ud800"}'):
        broken = Client().post("/login/oauth2/token", text, content_type="application/json")
        assert (broken.status_code, broken.json()["error"]) == (400, "invalid_request")
    assert Client().get("/login/oauth2/token").status_code == 405
    for _ in range(client_login.WRONG_PER_MINUTE):
        ask(good | {"client_secret": "x"})
    assert ask(good).status_code == 429, "even with the right one, from where so many were wrong"


def test_the_command_makes_keys_and_clients() -> None:
    make_administrator()
    user = User.objects.get(is_superuser=True).get_username()

    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("apikey", user, *arguments, stdout=out)
        return out.getvalue().strip()

    key = run("--scope", "status:read", "--scope", "events:read", "--name", "watch", "--expires", "90d")
    row = APIKey.objects.get(hash=digest(key))
    assert (row.scope, row.name) == ("status:read events:read", "watch")
    assert row.expires_at is not None
    assert APIKey.objects.get(hash=digest(run())).scope == "*"
    client_id, secret = run("--client", "--scope", "status:read").split()
    assert APIClient.objects.get(client_id=client_id).hash == digest(secret)
    for wrong in (["--scope", "all"], ["--expires", "2020-01-01"], ["--expires", "soon"]):
        with pytest.raises(CommandError):
            run(*wrong)


def test_the_administration_makes_and_revokes(client: Client) -> None:
    chief = make_administrator()
    client.force_login(chief)
    form = {"user": chief.pk, "name": "crm", "scopes": ["contacts:read", "contacts:write"], "per_minute": ""}
    assert client.post("/admin/api/apikey/add/", form).status_code == 302
    key = APIKey.objects.get()
    assert (key.scope, key.per_minute) == ("contacts:read contacts:write", 600)
    assert client.post("/admin/api/apiclient/add/", form | {"scopes": []}).status_code == 302
    listed = client.get("/admin/api/apiclient/").content.decode()
    made = APIClient.objects.get()
    assert made.scope == "*"
    assert made.client_id in listed
    assert "secret" in listed, "it is told once"
    assert made.hash not in listed
    assert client.get(f"/admin/api/apikey/{key.pk}/change/").status_code == 200
    act = {"action": "revoke", "_selected_action": [key.pk]}
    assert client.post("/admin/api/apikey/", act, follow=True).status_code == 200
    key.refresh_from_db()
    assert key.revoked_at is not None


@pytest.mark.usefixtures("clean_redis")
def test_a_client_gets_so_many_keys_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_login, "GIVEN_PER_MINUTE", 3)
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000)
    user = make_administrator().pk
    bodies = []
    for _ in range(2):
        row, secret = make_client(user, scope="status:read")
        bodies.append(
            {"grant_type": "client_credentials", "client_id": row.client_id, "client_secret": secret}
        )
    assert [ask(bodies[0]).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = ask(bodies[0])
    assert (refused.json()["error"], APIKey.objects.count()) == ("slow_down", 3)
    assert "keep it" in refused.json()["error_description"]
    assert refused["Retry-After"]
    assert ask(bodies[1]).status_code == 200, "each has its own"
