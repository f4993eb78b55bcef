"""The documents hold the checklists as they are, and their pictures are there and small."""

import re
from pathlib import Path

import pytest

from sso.checklists.lists import checklists
from tests.documents import DOCS, documents, written

LARGEST_PICTURE = 120_000
WIDEST_PICTURE = 1200


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_the_checklists_are_up_to_date(path: Path) -> None:
    text = path.read_text()
    assert text == written(text), "run: python -m tests.documents"


def test_every_checklist_is_in_a_document() -> None:
    text = "".join(path.read_text() for path in documents())
    assert set(re.findall(r"<!-- checklist (\S+) -->", text)) == set(checklists())


def test_the_pictures_are_there_and_small() -> None:
    shown = {
        path.parent / name
        for path in DOCS.glob("*.md")
        for name in re.findall(r"\]\((pictures/[^)]+)\)", path.read_text())
    }
    assert shown == set((DOCS / "pictures").glob("*.png"))
    for picture in shown:
        data = picture.read_bytes()
        assert len(data) < LARGEST_PICTURE, picture.name
        width = int.from_bytes(data[16:20], "big")  # of the header chunk, PNG 11.2.2
        assert width <= WIDEST_PICTURE, picture.name


def test_the_tests_that_routing_promises_exist() -> None:
    """Each promise and oracle of docs/routing.md names a file of tests, and mostly the tests in it."""
    text = Path("docs/routing.md").read_text(encoding="utf-8").partition("### What is promised")[2]
    table = text.partition("### Speed")[0]
    named = re.findall(r"`([\w/]*test_\w+\.py)(?:: ([^`]+))?`|`(test_\w+)`", table)
    assert len(named) > 20
    source = ""
    for path, names, alone in named:
        if path:
            (file,) = Path("tests").glob(path if "/" in path else f"queues/{path}")
            source = file.read_text(encoding="utf-8")
        for name in (names or alone).split(", ") if names or alone else ():
            assert re.search(rf"^ *(def|class) {name}\b", source, re.MULTILINE), (path, name)


def test_each_requirement_names_tests_that_exist() -> None:
    """docs/requirements.md: 81 rows, each with a test; what is open and what is limited stand apart."""
    lines = (DOCS / "requirements.md").read_text(encoding="utf-8").splitlines()
    rows = [re.split(r" \|(?= |$)", line) for line in lines if re.match(r"\| \d+ \|", line)]
    assert [int(row[0].strip("| ")) for row in rows] == list(range(1, 82))
    for row in rows:
        number, _, proved, _, limits, end = row
        named = re.findall(r"`([^`:]+\.py)::(?:(\w+)::)?(\w+)`", proved)
        assert (bool(named), end) == (True, ""), number
        named += re.findall(r"`([^`:]+\.py)::(?:(\w+)::)?(\w+)`", limits)
        for path, *names in named:
            source = Path(path).read_text(encoding="utf-8")
            for name in filter(None, names):
                assert re.search(rf"^ *(def|class) {name}\b", source, re.MULTILINE), (path, name)
