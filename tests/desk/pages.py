"""Every address that the product answers, with an object in each place that wants one.

A page cannot be forgotten here: an address whose places nothing fills is an error, not a gap.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from agents.models import Absence, AwayReason, Calendar, Language
from alarms.models import Alarm
from api.models import APIKey
from crm.import_models import ContactImport
from crm.models import Organisation
from mailsenders.models import OutgoingMail
from mailsources.models import FetchedMail
from mailstore.models import RawMail
from movein.models import Move
from queues import actions, tagging
from queues.actions import Reply
from queues.models import Draft, EmailQueue, Event, Macro, Message
from reports.models import WhatIf
from sso.connection_models import TokenServer
from sso.models import TokenUse
from staff.models import SignInRules
from tests.desk.world import rich, take_in
from tests.make import make_agent, make_provider, make_queue, make_snippet, make_source, make_supervisor

PLACE = re.compile(r"<(?:\w+:)?(\w+)>")
# Addresses for programs, and for those that Django's own regular expressions catch.
ELSEWHERE = ("api/v1.0/", "words/", "admin/^", "admin/(", "admin/r/")


@dataclass(frozen=True)
class Answer:
    """What a GET brings: a page, a part of one, or what no person looks at."""

    route: str
    url: str
    status: int
    kind: str
    text: str
    is_locked: bool = False  # in a sandbox where no script runs: a stranger's mail, which axe can't look at

    @property
    def is_page(self) -> bool:
        """A whole document."""
        is_whole = self.kind == "text/html" and self.text.lstrip().lower().startswith("<!doctype html")
        return is_whole and not self.is_locked

    @property
    def is_part(self) -> bool:
        """What a page loads into itself."""
        return (
            self.kind == "text/html"
            and self.status == 200
            and bool(self.text.strip())
            and not (self.is_page or self.is_locked)
        )


def routes() -> Iterator[str]:
    """All that there are."""
    yield from sorted(set(_below(get_resolver().url_patterns)))


def _below(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _below(one.url_patterns, route)
        elif not route.startswith(ELSEWHERE):
            yield route


class Everything:
    """One of everything that an address can name."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self.alice = make_agent(
            "alice", skills={"billing": 4}, languages={"en": 4}, shifts="Mo-Fr 08:00-17:00"
        )
        self.bob = make_supervisor("bob", languages={"en": 5}, capacity=9)
        User.objects.filter(pk=self.bob.user.pk).update(is_staff=True, is_superuser=True)
        self.provider = make_provider()
        self.queue = self._queue()
        self.conversation, self.letter = self._work()
        self._settings()

    def _queue(self) -> EmailQueue:
        office = Calendar.objects.create(name="Office", time_zone="Europe/Prague", hours="Mo-Fr 08:00-17:00")
        office.days.create(date=date.today() + timedelta(days=3), hours="08:00-12:00")
        AwayReason.objects.get_or_create(name="Lunch")
        Absence.objects.create(agent=self.alice, first_date=date.today(), last_date=date.today())
        queue = make_queue([self.alice, self.bob], skills={"billing": 2}, name="Orders", calendar=office)
        queue.languages.set(Language.objects.all())
        return queue

    def _work(self) -> tuple[Any, Message]:
        mail = rich("Margaret Doyle", "Order 11834", self.now)
        letter = take_in(self.queue, mail, self.now)
        row, user = letter.conversation, self.bob.user
        actions.take(user, row)
        actions.note(user, row, "An old customer.")
        tagging.tag(user, row, add=["urgent"])
        actions.save_draft(user, row, "Good morning.")
        actions.add_draft_file(user, row, actions.NewFile(name="a.pdf", type="application/pdf", data=b"%PDF"))
        other = take_in(self.queue, rich("Samuel Okafor", "Order 11835", self.now), self.now).conversation
        self.answer = actions.reply(user, other, Reply(text="It is on its way."))
        return row, letter

    def _settings(self) -> None:
        self.source = make_source(queue=self.queue)
        raw = RawMail.objects.keep(b"Subject: kept\r\n\r\nkept")
        self.fetched = FetchedMail.objects.create(source=self.source, raw=raw)
        self.snippet = make_snippet(owner=self.bob)
        self.macro = Macro.objects.create(name="Close it", then=Macro.Then.CLOSE)
        self.what_if = WhatIf.objects.create(user=self.bob.user, until=self.now)
        Organisation.objects.create(name="Doyle & Sons Ltd")
        ContactImport.objects.create(
            name="people.csv", user=self.bob.user, content=b"name\n", encoding="utf-8", delimiter=","
        )
        Group.objects.create(name="Night shift")
        Move.objects.create(kind="mbox", place="archive.mbox", queue=self.queue)
        APIKey.make(self.bob.user.pk, "crm")
        Alarm.objects.create(key="x", title="Sender out", sentence="Nothing leaves.", began_at=self.now)
        TokenServer.objects.create(name="Other", url="https://ucs.example.com/api/v1.0/auth/token/")
        TokenUse.objects.create(provider=self.provider, caller="127.0.0.1")
        SignInRules.objects.get_or_create(pk=1)

    def fill(self, route: str) -> str | None:
        """The address with its places filled; None if there is nothing of that kind."""
        before, url = "", route
        while place := PLACE.search(url):
            before = url[: place.start()].rstrip("/").rpartition("/")[2]
            value = self._value(route, before, place.group(1))
            if value is None:
                return None
            url = f"{url[: place.start()]}{value}{url[place.end() :]}"
        return f"/{url}"

    def _value(self, route: str, before: str, name: str) -> object | None:
        fixed: dict[str, object] = {
            "conversations": self.conversation.pk,
            "messages": self.answer.pk if "delivery" in route or "undo" in route else self.letter.pk,
            "attachments": self.letter.attachments.filter(inline=False).latest("pk").pk,
            "macros": self.macro.pk,
            "contacts": self.conversation.contact_id,
            "imports": ContactImport.objects.get().pk,
            "drafts": Draft.objects.get().pk,
            **dict.fromkeys(("merges", "views", "bulk"), 1),
            "organisations": Organisation.objects.get().pk,
            "snippets": self.snippet.pk,
            "files": Draft.objects.get().files.get().pk,
            "pictures": "none@picture",
            "timed": Draft.objects.get().pk,
            "agents": self.alice.pk,
            "shifts": self.alice.pk,
            "decisions": Event.objects.filter(conversation=self.conversation).latest("pk").pk,
            "what-if": self.what_if.pk,
            "in": self.fetched.pk,
            "out": OutgoingMail.objects.latest("pk").pk,
            "checklists": "google-app",
            "checklist": "google-app" if "ssoprovider" in route else "source",
            "with": self.provider.pk,
            "start": self.provider.pk,
            "paste": self.provider.pk,
            "oauth2": "google",
        }
        if name in ("trip", "test", "way"):
            return 1
        if (before in fixed and not route.startswith("admin/")) or before.startswith("checklist"):
            return fixed[before]
        found = re.match(r"admin/(\w+)/(\w+)/", route)
        assert found, f"nothing fills <{name}> of {route}: say in tests/desk/pages.py what does"
        row: Model | None = apps.get_model(found.group(1), found.group(2))._default_manager.first()
        return str(row.pk) if row else None


def answers(everything: Everything, client: Client, chosen: list[str]) -> Iterator[Answer]:
    """What each of these addresses answers to a GET."""
    for route in chosen:
        url = everything.fill(route)
        if url is None:
            yield Answer(route, "", 0, "", "")
            continue
        response = client.get(url)
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        text = (
            response.content.decode(errors="replace")
            if kind == "text/html" and not response.streaming
            else ""
        )
        policy = response.headers.get("Content-Security-Policy", "")
        is_locked = "sandbox" in policy and "allow-scripts" not in policy
        yield Answer(route, url, response.status_code, kind, text, is_locked)
