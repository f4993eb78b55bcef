"""The part `routing` of a queue in a settings file: applied, exported, applied again, refused in words."""

from pathlib import Path

import pytest

from queues.models import EmailQueue, Kind
from tests.make import make_agent, make_conversation
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db

WHOLE = """
skills: [billing]
queues:
  - name: Support
    mode: notify
    wait_rule: steps
    routing: {picking: false, accept: 30, own_share: 0.25, exponent: 8, late_halving: 2, weight: 3,
              steps: [{after_minutes: 90, skills: {billing: 1}}]}
"""


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    path.write_text(WHOLE)
    apply_file(path)
    queue = EmailQueue.objects.get()
    assert (queue.mode, queue.wait_rule, queue.allow_picking, queue.accept_seconds) == (
        "notify", "steps", False, 30,
    )  # fmt: skip
    assert (queue.own_share, queue.exponent, queue.late_halving, queue.weight) == (0.25, 8, 2, 3)
    assert queue.steps == [{"after_minutes": 90, "skills": {"billing": 1}}]
    path.write_text(export())
    assert apply_file(path).lines == []
    path.write_text("queues:\n  - {name: Support}\n")
    apply_file(path)
    queue.refresh_from_db()
    assert (queue.allow_picking, queue.accept_seconds, queue.steps) == (True, 120, [])
    assert "routing" not in export()


def test_who_can_do_what_is_worked_out_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    path.write_text("skills: [billing]\nqueues:\n  - {name: Support, members: [alice], wait_rule: off}\n")
    make_agent("alice")
    apply_file(path)
    make_conversation(EmailQueue.objects.get())
    apply_file(path)
    assert Kind.objects.get().able == 1
    path.write_text(path.read_text().replace("wait_rule: off", "skills: {billing: 1}, wait_rule: off"))
    apply_file(path)
    assert [kind.able for kind in Kind.objects.filter(is_live=True)] == [0]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("{speed: 3}", "speed"),
        ("{exponent: 13}", "less than or equal to 12"),
        ("{exponent: fast}", "'fast' is not a number"),
        ("{own_share: true}", "True is not a number"),
        ("{steps: 5}", "give a list of steps"),
        ("{steps: [{after_minutes: 5, skills: {knitting: 1}}]}", "there is no skill “knitting”"),
        ("{steps: [{after_minutes: 0}]}", "Step 1 needs"),
    ],
)
def test_refused(tmp_path: Path, part: str, words: str) -> None:
    path = tmp_path / "settings.yml"
    path.write_text(f"queues:\n  - {{name: Support, routing: {part}}}\n")
    with pytest.raises(BadFile, match=words):
        apply_file(path)
