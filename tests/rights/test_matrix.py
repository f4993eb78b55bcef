"""Every page and every operation of the API, asked by everybody: the table says what each gets.

A new address needs a line in `table.txt`; `python -m tests.rights.document` writes docs/rights.md from it.
"""

import pytest
from django.urls import reverse

from tests.rights import document, walk
from tests.rights.table import read

pytestmark = pytest.mark.django_db


def test_the_table_is_what_happens() -> None:
    world, table = walk.make_world(), read()
    asked = [(method, route) for route in walk.pages() for method in walk.methods_of(route, world)]
    asked = list(dict.fromkeys([*asked, *walk.operations()]))
    unknown = [f"{method} {route}" for method, route in asked if (method, route) not in table]
    assert not unknown, "give these a line in tests/rights/table.txt"
    assert not table.keys() - set(asked), "these are no more: take their lines away"
    wrong = []
    for (method, route), wanted in table.items():
        found = tuple(walk.ask(world, role, method, route) for role in walk.ROLES)
        if found != wanted:
            wrong.append(f"{method} {route} | {' '.join(map(str, found))}  not  {' '.join(map(str, wanted))}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_only_staff_enters_the_administration() -> None:
    world = walk.make_world()
    open_to_all = {"admin/login/", "admin/logout/", "admin/password_change/"}
    for route in walk.administration():
        if "<" in route or route in open_to_all or "(?P" in route:
            continue
        for role in walk.ROLES[:-1]:
            answer = world.clients[role].get(f"/{route}")
            assert answer.status_code in (302, 403, 404, 405), f"{role} {route}: {answer.status_code}"
    assert world.clients["administrator"].get(reverse("admin:index")).status_code == 200


def test_the_document_is_written_from_the_table() -> None:
    assert document.PLACE.read_text() == document.written(), "run `python -m tests.rights.document`"
