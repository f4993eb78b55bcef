"""A few rounds of what `bench.faults timed` does in great numbers."""

import pytest

from bench.timed_trials import timed_trial

pytestmark = pytest.mark.django_db(transaction=True)


def test_many_hands_at_a_timed_answer(clean_redis: None) -> None:
    verdict = timed_trial(12, seed=4)
    assert verdict.ends.total() == 12
    assert verdict.faults == []
