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
