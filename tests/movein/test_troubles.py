"""What goes wrong while files are moved in, and what a second run finds: nothing is lost in silence."""

import gzip
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from movein import job, moving, places, scan
from movein.models import Move
from queues import past
from queues.models import Conversation, Message
from tests.make import make_mail, make_queue
from tests.movein.conftest import Mover, brought, finished
from tests.movein.test_files import ANSWER, OTHER, QUESTION, write_mbox

pytestmark = pytest.mark.django_db(transaction=True)


class Deadlock(Exception):
    pgcode = "40P01"


def test_a_deadlock_costs_seconds_and_no_mail(
    imports: Path, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mbox(imports / "box", [QUESTION, OTHER])
    move = mover("mbox", "box")
    moving.start(move, None)

    def refuse(queue: Any, mail: Any) -> Any:
        raise OperationalError("deadlock detected") from Deadlock()

    with monkeypatch.context() as others:
        others.setattr(past, "file", refuse)
        moving.work(move.pk)
    move.refresh_from_db()
    assert (move.state, move.failures, move.tries) == ("running", 0, 1)
    assert "tried again" in move.error
    assert move.lease_until is not None
    assert move.lease_until < timezone.now() + timedelta(seconds=60)
    Move.objects.update(lease_until=timezone.now())
    assert (finished(move).messages, Message.objects.count()) == (2, 2)


def test_what_is_paused_while_it_is_claimed_stays_so(
    imports: Path, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mbox(imports / "box", [QUESTION])
    move = mover("mbox", "box")
    moving.start(move, None)
    rows = Move.objects.select_related

    def paused(*names: str) -> Any:
        moving.pause(Move.objects.get(pk=move.pk), None)
        return rows(*names)

    monkeypatch.setattr(Move.objects, "select_related", paused)
    assert job.claim(move.pk) is None


def test_what_can_not_be_seen_is_told(imports: Path, mover: Mover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "TOGETHER", 1)
    write_mbox(imports / "box", [QUESTION])
    (imports / "marked").write_bytes(b"\xef\xbb\xbf" + (imports / "box").read_bytes().replace(b"<q@", b"<p@"))
    (imports / "odd").write_bytes(b"From alice@example.com\nSubject: x\n\nNo date, so no beginning.\n")
    (imports / "closed").mkdir()
    write_mbox(imports / "closed-not", [OTHER])
    look = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", closed)  # for root no folder is closed
    move = Move.objects.create(kind="mbox", place="", queue=make_queue())
    moving.begin_scan(move, None)
    while move.state == "scanning":
        moving.work(move.pk, 0)
        move.refresh_from_db()
    assert (move.state, move.found, move.skipped) == ("scanned", 5, 2), "each once, turn by turn"
    why = dict(move.items.filter(state="skipped").values_list("file", "why"))
    assert "can't be opened" in why["closed/"]
    assert "No mail was found" in why["odd"]
    assert brought(move).messages == 3


def test_files_come_in_the_order_of_their_names_and_no_folder_before_is_read_again(
    imports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/b", "a/z/1", "a-b", "a.b", "a0", "b/1", "b b/ö", "c"):
        (imports / name).parent.mkdir(parents=True, exist_ok=True)
        (imports / name).write_bytes(b"x")
    (imports / "link").symlink_to(imports / "a")
    names = [each.name for each in places.walk(imports)]
    assert names == ["a-b", "a.b", "a/b", "a/z/1", "a0", "b%20b/%C3%B6", "b/1", "c"] == sorted(names)
    looked: list[str] = []
    scandir = os.scandir

    def look(path: Any) -> Any:
        looked.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", look)
    for place, name in enumerate(names):
        assert [each.name for each in places.walk(imports, name)] == names[place:]
    looked.clear()
    list(places.walk(imports, "b/1"))
    assert looked == [imports.name, "b"]


def test_an_unpacking_that_takes_long_keeps_its_lease(
    imports: Path, mover: Mover, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mbox(imports / "plain", [QUESTION])
    (imports / "box.gz").write_bytes(gzip.compress((imports / "plain").read_bytes()))
    (imports / "plain").unlink()
    held: list[int] = []
    hold = job.Job.hold

    def counted(one: job.Job) -> None:
        one.held -= settings.LEASE  # as long as that took the last piece
        Move.objects.update(lease_until=timezone.now())
        hold(one)
        held.append(1)
        assert job.claim(one.move.pk) is None, "it is in this worker's hands"

    monkeypatch.setattr(job.Job, "hold", counted)
    move = mover("mbox", "box.gz")
    assert (move.state, move.found, len(held)) == ("scanned", 1, 1)

    def lost(one: job.Job) -> None:
        raise job.Stopped

    monkeypatch.setattr(job.Job, "hold", lost)
    places.tidy(move)
    moving.begin_scan(move, None)
    moving.work(move.pk)
    assert list((imports / places.UNPACKED).rglob("*.*")) == [], "of what was not finished nothing stays"


def test_a_folder_whose_files_are_closed_stops_it(
    imports: Path, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mbox(imports / "box", [QUESTION])
    look = Path.lstat

    def closed(path: Path) -> Any:
        if path.name == "box":
            raise PermissionError(13, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(Path, "lstat", closed)
    move = mover("mbox", "")
    assert (move.state, "“box” can't be looked at" in move.error) == ("failed", True)


def test_what_came_into_an_old_conversation_later_waits_too(imports: Path, mover: Mover) -> None:
    queue = make_queue()
    write_mbox(imports / "box", [QUESTION, ANSWER])
    assert brought(mover("mbox", "box", queue=queue, open_days=30)).opened == 0
    lately = (timezone.now() - timedelta(days=2)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    again = make_mail(
        "Still nothing!", Message_ID="<s@customer.example>", In_Reply_To="<a@example.com>", Date=lately
    )
    write_mbox(imports / "later", [QUESTION, ANSWER, again])
    move = brought(mover("mbox", "later", queue=queue, open_days=30))
    assert (move.known, move.taken, move.opened) == (2, 1, 1)
    assert Conversation.objects.get().state == "waiting"
