"""The hint by which a worker hears of a mail: at once, or when its undo time is over."""

from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.make import make_outgoing

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("hold", "hints"), [(0, [None]), (10, [10]), (120, [120]), (3600, [])])
def test_a_held_mail_is_told_of_for_the_end_of_its_time(
    hold: int,
    hints: list[int | None],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr("mailstore.announce.publish", lambda task, kwargs: told.append(task))
    with django_capture_on_commit_callbacks(execute=True):
        make_outgoing(hold=hold)
    assert [task.task for task in told] == ["mailsenders.tasks.send"] * len(hints)
    assert [task.options.get("countdown") for task in told] == hints
