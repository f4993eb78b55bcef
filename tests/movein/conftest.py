"""Old mail to move in, and a folder where it lies."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from movein import moving
from movein.models import Move
from tests.make import make_queue

Mover = Callable[..., Move]


@pytest.fixture
def imports(settings: Any, tmp_path: Path) -> Path:
    """The folder below which files to be moved in lie."""
    folder = tmp_path / "imports"
    settings.IMPORTS_DIR = folder
    folder.mkdir()
    return folder


@pytest.fixture
def mover(imports: Path) -> Mover:
    """Makes a move and scans it."""

    def make(kind: str, place: str, **values: Any) -> Move:
        values.setdefault("queue", None)
        values["queue"] = values["queue"] or make_queue()
        move = Move.objects.create(kind=kind, place=place, **values)
        moving.begin_scan(move, None)
        return finished(move)

    return make


def finished(move: Move) -> Move:
    """Let the worker do all that it is asked for."""
    for _ in range(200):
        moving.work(move.pk)
        move.refresh_from_db()
        if not move.is_at_work:
            return move
    raise AssertionError(f"{move} is still {move.state}")


def brought(move: Move) -> Move:
    """Bring in what the scan has found."""
    moving.start(move, None)
    return finished(move)
