"""What batches of a series share, and for how long."""

import pytest

from mailstore import batch as batches
from mailstore.batch import batch, series, standing


class Setting:
    """A setting, and how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.asked


@pytest.mark.django_db
def test_a_series_asks_once_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting()
    with series():
        for _ in range(3):
            with batch():
                assert [standing("it", setting), standing("it", setting)] == [1, 1]
        with batch():
            assert standing("something else", setting) == 2
        monkeypatch.setattr(batches, "MOMENT", -1.0)
        with batch():
            assert [standing("it", setting), standing("it", setting)] == [3, 3]


@pytest.mark.django_db
def test_without_a_series_each_batch_asks_and_without_a_batch_each_question() -> None:
    setting = Setting()
    for number in (1, 2):
        with batch():
            assert [standing("it", setting), standing("it", setting)] == [number, number]
    with series():
        assert [standing("it", setting), standing("it", setting)] == [3, 4]
