"""Each act of the administration's pages is told: what was done, to which object, and what comes next."""

import ast
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import Settings

from mailsenders import check as sender_check
from mailsources import check as source_check
from mailsources import tasks as tasks_module
from sso import check as provider_check
from tests.make import make_administrator
from tests.ucs.told import outside, people, settings, sources
from tests.ucs.told.acts import ACTS, Act, World
from webhooks import trial

ROOT = Path(__file__).parents[2]
MODULES = (outside, people, settings, sources)
LEVELS = ("success", "warning", "error", "info")
PROGRAMS = ("tests", "bench", "rehearsal")
ELSEWHERE = {
    "staff/views/account.py", "staff/views/login.py", "staff/views/provider.py",  # people's own pages
}  # fmt: skip
UNMEANT = {
    ("sso/adminbase.py::changeform_view", "error"),  # a key that opens no secret: tests/sso/test_rotation.py
    ("sso/adminbase.py::_checked_again", "error"),  # the database refuses what our checks allow
    ("mailsources/rule_admin.py::shift_view", "error"),  # rules that somebody moved at the same moment
}


@pytest.fixture
def world(client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> World:
    """An administrator, a network that says what is wanted, and a file of old mail."""
    (tmp_path / "box").write_text("From charlie@customer.example Mon Mar  2 09:30:00 2026\n\nHello\n")
    settings.IMPORTS_DIR, settings.INBOUND_DOMAIN = tmp_path, "inbound.example.test"
    client.force_login(make_administrator())
    found = World(client)
    for ladder in (source_check, sender_check, provider_check):
        monkeypatch.setattr(ladder, "test_connection", lambda row: [found.step])
    monkeypatch.setattr(trial, "send_test", lambda webhook: found.outcome)
    monkeypatch.setattr(tasks_module, "announce", lambda task, **kwargs: None)
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("one", ACTS, ids=lambda one: one.do.__name__)
def test_what_was_done_and_what_comes_next(one: Act, world: World) -> None:
    told = one.do(world)
    said = [each.message for each in get_messages(told.answer.wsgi_request) if each.level_tag == one.level]
    if one.level == "page":
        said = [told.answer.content.decode()]
    assert any(
        told.name in unescape(str(each)) and told.comes_next in unescape(str(each)) for each in said
    ), (told.name, told.comes_next, said if one.level != "page" else "the page")


def test_each_place_that_tells_something_has_an_act() -> None:
    """Nothing is told that the acts above don't look at."""
    told = {(one.told_by, one.level) for one in ACTS}
    there = {place for path in _files() for place in _telling(path)}
    assert len(there) > 50
    assert there - told == UNMEANT


def _files() -> Iterator[Path]:
    for folder in ROOT.iterdir():
        if folder.name in PROGRAMS or not (folder / "__init__.py").exists():
            continue
        yield from (path for path in folder.rglob("*.py") if f"{path.relative_to(ROOT)}" not in ELSEWHERE)


def _telling(path: Path) -> Iterator[tuple[str, str]]:
    """Each function of a file that gives a person a message, with the message's level."""
    name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    if "import admin, messages" not in text and "import messages" not in text:
        return
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="messages"), attr=level)):
                    if level in LEVELS:
                        yield f"{name}::{function.name}", level
