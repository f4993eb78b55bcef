"""Every address and every operation of the API, found by walking, and what each role gets for it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from agents.models import Absence, Agent, Calendar, Language, Skill
from api.models import APIKey
from api.urls import api
from crm.models import ContactImport, ContactMerge, Organisation
from queues.actions import take
from queues.models import BulkAct, Draft, DraftFile, Macro, Picture, SavedView, Snippet, Tag
from reports.models import WhatIf
from tests.make import (
    make_agent,
    make_contact,
    make_provider,
    make_queue,
    make_rule,
    make_source,
    make_supervisor,
    make_webhook,
    receive,
)

API = "api/v1.0/"
ROLES = ("stranger", "agent", "other agent", "supervisor", "other supervisor", "administrator")
"""“Other” are those of another queue than the one that everything belongs to."""

MAIL = (
    b"From: Charlie Stone <charlie@customer.example>\r\nTo: support@example.com\r\nSubject: Order\r\n"
    b"Message-ID: <order@customer.example>\r\nDate: Sun, 01 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello.\r\n'
    b'--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nfile'
    b"\r\n--b--\r\n"
)
MOVED: dict[str, Any] = {
    **{name: [] for name in ("addresses", "communications", "notes", "conversations")},
    "primary": "",
    "external_id": "",
    "before": {},
    "taken": {},
}
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\{(?:\w+:)?(\w+)\}")


@dataclass
class World:
    """One thing of each kind, all in the queue of alice and bob."""

    values: dict[str, Any]
    clients: dict[str, Client]
    keys: dict[str, str]


def make_world() -> World:
    """Alice and Bob work in one queue, Dave and Erin in another."""
    alice, bob, dave, erin = (
        make_agent("alice"),
        make_supervisor("bob"),
        make_agent("dave"),
        make_supervisor("erin"),
    )
    root = User.objects.create_superuser("root")
    queue, other = make_queue([alice, bob]), make_queue([dave, erin])
    receive(other, MAIL.replace(b"charlie", b"somebody").replace(b"order@", b"other@"))
    message = receive(queue, MAIL)
    row = message.conversation
    take(alice.user, row)
    return World(_values(alice, bob, root, message, queue), _clients(alice, dave, bob, erin, root), _keys(
        alice, dave, bob, erin, root
    ))  # fmt: skip


def _values(alice: Agent, bob: Agent, root: User, message: Any, queue: Any) -> dict[str, Any]:
    row = message.conversation
    draft = Draft.objects.create(conversation=row, agent=alice, token=uuid4(), text="Hello")
    file = DraftFile.objects.create(
        draft=draft, name="a.txt", type="text/plain", size=1, data=b"a", content_id="pic"
    )
    picture = Picture.objects.create(message=message, url="https://example.com/a.png", mark="a" * 10)
    gone = make_contact("gone@customer.example")
    merge = ContactMerge.objects.create(
        gone=gone, stays=row.contact, user=bob.user, at=timezone.now(), moved=MOVED
    )
    firm = Organisation.objects.create(name="Firm")
    row.contact.organisation = firm
    row.contact.save()
    today = timezone.localdate()
    absence = Absence.objects.create(agent=alice, first_date=today, last_date=today, kind="holiday")
    table = ContactImport.objects.create(name="a.csv", content=b"email\n", encoding="utf-8", delimiter=",")
    whatif = WhatIf.objects.create(user=bob.user, until=timezone.now())
    bulk = BulkAct.objects.create(user=alice.user, token="t", verb="close")
    view = SavedView.objects.create(owner=alice.user, name="Mine", view="all")
    snippet = Snippet.objects.create(name="own", html="<p>a</p>", owner=alice)
    macro = Macro.objects.create(name="Close", html="<p>a</p>")
    event = row.events.filter(kind__in=["taken", "offered"]).latest("pk")
    return {
        "conversations/": row.pk,
        "board/conversations/": row.pk,
        "messages/": message.pk,
        "attachments/": message.attachments.get().pk,
        "pictures/": picture.pk,
        "queues/": queue.pk,
        "contacts/": row.contact.pk,
        "contacts/imports/": table.pk,
        "organisations/": firm.pk,
        "contacts/merges/": merge.pk,
        "contact-merges/": merge.pk,
        "bulk/": bulk.pk,
        "views/": view.pk,
        "rules/": make_rule().pk,
        "board/agents/": alice.pk,
        "board/shifts/": alice.pk,
        "board/decisions/": event.pk,
        "board/what-if/": whatif.pk,
        "snippets/": snippet.pk,
        "webhooks/": make_webhook("http://127.0.0.1:9/").pk,
        "sources/": make_source(queue=queue).pk,
        "senders/": queue.sender.pk if queue.sender else 0,
        "providers/": make_provider().pk,
        "agents/pk": alice.pk,
        "skills/": Skill.objects.create(name="billing").pk,
        "languages/": Language.objects.get_or_create(tag="cs")[0].pk,
        "tags/": Tag.objects.create(name="urgent").pk,
        "calendars/": Calendar.objects.create(name="Office").pk,
        "macros/": macro.pk,
        "draft": draft.pk,
        "timed_id": draft.pk,
        "file": file.pk,
        "macro": macro.pk,
        "content_id": "pic",
        "username": "alice",
        "absence_id": absence.pk,
        "provider_id": 0,
        "kind": "google",
        "provider": "1",
        "code": "en",
        "digest": "0",
        "pk": 0,
    }


def _clients(*people: Any) -> dict[str, Client]:
    found = {"stranger": Client()}
    for role, person in zip(ROLES[1:], people, strict=True):
        found[role] = Client()
        found[role].force_login(getattr(person, "user", person))
    return found


def _keys(*people: Any) -> dict[str, str]:
    users = [getattr(person, "user", person) for person in people]
    return {role: APIKey.make(user.pk) for role, user in zip(ROLES[1:], users, strict=True)}


def pages() -> Iterator[str]:
    """The routes of all pages and of what pages ask for; those of the API and the administration apart."""
    for route in _routes(get_resolver().url_patterns):
        if not route.startswith((API, "admin/")) or route.startswith(f"{API}auth/"):
            yield route


def administration() -> Iterator[str]:
    """The routes of the administration."""
    return (route for route in _routes(get_resolver().url_patterns) if route.startswith("admin/"))


def _routes(patterns: Any, before: str = "") -> Iterator[str]:
    for each in patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _routes(each.url_patterns, route)
        elif isinstance(each, URLPattern):
            yield route


def operations() -> Iterator[tuple[str, str]]:
    """Method and path of each operation of the API."""
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method in methods:
            yield method.upper(), path.lstrip("/")


def filled(route: str, values: dict[str, Any]) -> str:
    """An address with the things of the world in it."""

    def value(found: re.Match[str]) -> str:
        name, before = found[1] or found[2], route[: found.start()].removeprefix(API)
        known = (values[key] for key in (before + name, before, name) if key in values)
        return str(next(known, 1))

    return "/" + PARAMETER.sub(value, route)


def methods_of(route: str, world: World) -> list[str]:
    """What a page is asked with: as its own refusal of another method says."""
    answer = world.clients["administrator"].generic("BREW", filled(route, world.values))
    told = answer.headers.get("Allow", "GET") if answer.status_code == 405 else "GET"
    return [each for each in told.replace(" ", "").split(",") if each not in ("HEAD", "OPTIONS", "TRACE")]


def ask(world: World, role: str, method: str, route: str) -> int:
    """The status that somebody gets; whatever it did is undone."""
    client = world.clients[role]
    path, headers = filled(route, world.values), {}
    if route.startswith(API) and not route.startswith(f"{API}auth/"):
        client = Client()
        headers = {"authorization": f"Bearer {world.keys[role]}"} if role in world.keys else {}
    with transaction.atomic():
        body, kind = (_body(method, route), "application/json") if route.startswith(API) else (b"", FORM)
        cookies = client.cookies.output(header="", sep=";")
        answer = client.generic(method, path, body, kind, headers=headers)
        status = _status(answer)
        client.cookies.clear()  # whoever was signed out by it is in again
        client.cookies.load(cookies)
        transaction.set_rollback(True)
    return status


FORM = "application/x-www-form-urlencoded"
TEXT = {"text": "Hello"}
BODIES: dict[str, dict[str, Any]] = {
    "POST replies": TEXT,
    "POST notes": TEXT,
    "POST assign": {"agent": "alice"},
    "POST transfer": {"queue": "nowhere"},
    "POST demand": {"skills": {}},
    "POST snooze": {"until": "2099-01-01T10:00:00Z"},
    "POST split": {"messages": [0]},
    "POST move": {"into": 0},
    "POST merge": {"into": 0},
    "PUT presence": {"presence": "available"},
    "PUT shifts": {"shifts": ""},
    "POST absences": {"first_date": "2031-01-01", "last_date": "2031-01-02", "kind": "holiday"},
    "PUT escalation": {"steps": []},
    "PUT contact-priority": {"priority": "high"},
    "PUT {view_id}": {"name": "Other"},
    "POST views": {"name": "New"},
    "POST rules": {"name": "New", "actions": [{"do": "hold"}]},
    "PUT order": {"rules": []},
    "PUT {rule_id}": {"name": "Other", "actions": [{"do": "hold"}]},
    "POST replay": {"number": 1},
}
"""So much that the question makes sense: rights are looked at only then. By method and end of the path."""


def _body(method: str, route: str) -> bytes:
    return json.dumps(BODIES.get(f"{method} {route.rpartition('/')[2]}", {})).encode()


def _status(answer: Any) -> int:
    """401 also for who is led to the sign-in page."""
    is_sent_away = answer.status_code == 302 and "/login/" in answer.headers.get("Location", "")
    return 401 if is_sent_away else answer.status_code
