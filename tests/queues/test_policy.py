"""The rule *time left*, against worked examples and what must hold for all numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.policy import (
    Free,
    Head,
    Knobs,
    choose,
    choose_agent,
    is_reserved,
    minutes,
    ratio,
    scarcity,
    stretch,
    usual_number,
    work,
)

SKILLED = Knobs(exponent=6)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

ratios = st.floats(0.5, 1.6)
scarcities = st.floats(0.5, 2)
targets = st.integers(15, 3000)
lefts = st.integers(-20_000, 5000)
heads = st.builds(Head, st.integers(1, 10**6), lefts, targets, ratios, scarcities)


def test_levels_make_work() -> None:
    assert [round(work([level]), 2) for level in (5, 4, 3, 2, 1)] == [1.0, 1.12, 1.24, 1.36, 1.48]
    assert work([5, 3, 4]) == work([3])
    assert work([]) == 1.0, "nothing is demanded, so nobody is slower"


def test_the_one_able_agent_of_a_team_has_the_ratio_one() -> None:
    assert ratio(work([2]), work([2])) == 1.0
    assert stretch(1.0, 0.7) == pytest.approx(0.7)


@pytest.mark.parametrize(("left", "goes_first"), [(20, 2), (15, 1)])
def test_a_worse_fit_waits_unless_it_presses(left: int, goes_first: int) -> None:
    found = choose([Head(1, left, 240, ratio=1.12, knobs=SKILLED), Head(2, 35, 240, knobs=SKILLED)])
    assert found[0].conversation_id == goes_first
    assert minutes(20, 240) * stretch(1.12, 1, SKILLED.exponent) == pytest.approx(39.5, abs=0.05)
    assert minutes(15, 240) * stretch(1.12, 1, SKILLED.exponent) == pytest.approx(29.6, abs=0.05)


@pytest.mark.parametrize(("left", "goes_first"), [(26, 2), (24, 1)])
def test_as_it_is_set_it_waits_less(left: int, goes_first: int) -> None:
    found = choose([Head(1, left, 240, ratio=1.12), Head(2, 35, 240)])
    assert found[0].conversation_id == goes_first
    assert stretch(1.25, 1) == pytest.approx(1.95, abs=0.005)


@pytest.mark.parametrize(("late", "counted"), [(0, 600), (60, 300), (540, 1.171875)])
def test_late_mail_counts_half_with_each_target(late: int, counted: float) -> None:
    assert minutes(-late, 60) == pytest.approx(counted)


def test_what_can_be_saved_goes_before_what_is_lost() -> None:
    assert [head.conversation_id for head in choose([Head(1, 4, 60), Head(2, 300, 60)])] == [2, 1]


def test_nearly_equal_agents_take_turns() -> None:
    def free(pk: int, ratio: float, idle: int) -> Free:
        return Free(pk, ratio, NOON - timedelta(minutes=idle))

    found = choose_agent([free(1, 1.0, 1), free(2, 1.08, 30), free(3, 1.12, 60)])
    assert [agent.agent_id for agent in found] == [2, 1, 3]
    assert choose_agent([]) == []


def test_the_own_agent_goes_before_a_better_one() -> None:
    own = ratio(1.24, 1.0, is_own=True)
    assert own == pytest.approx(0.83, abs=0.005)
    found = choose_agent([Free(1, 1.0, NOON - timedelta(hours=1)), Free(2, own, NOON)])
    assert found[0].agent_id == 2


def test_a_follow_up_is_kept_for_the_agent_for_a_while() -> None:
    assert is_reserved(30, 240, on_duty=True)
    assert not is_reserved(97, 240, on_duty=True)
    assert not is_reserved(0, 240, on_duty=False)


def test_the_worked_example() -> None:
    """Two mails and two agents: each gets the one that fits, though one of them is due first."""
    rare, common = scarcity(6, 12), scarcity(24, 12)
    assert [round(rare, 2), round(common, 2)] == [0.71, 1.41]
    ana = [Head(1, 90, 240, work([5, 5]), rare), Head(2, 70, 240, work([4, 4]), common)]
    ben = [Head(1, 90, 240, work([3, 4]), rare), Head(2, 70, 240, work([5, 5]), common)]
    assert [round(head.effective, 1) for head in ana] == [63.6, 139.1]
    assert [round(head.effective, 1) for head in ben] == [121.3, 99.0]
    assert (choose(ana)[0].conversation_id, choose(ben)[0].conversation_id) == (1, 2)
    skilled = [[replace(head, knobs=SKILLED) for head in heads] for heads in (ana, ben)]
    assert [round(head.effective, 1) for heads in skilled for head in heads] == [63.6, 195.4, 231.3, 99.0]
    assert [choose(heads)[0].conversation_id for heads in skilled] == [1, 2]


def test_few_able_people_bring_mail_forward_within_bounds() -> None:
    assert scarcity(1, 100) == 0.5
    assert scarcity(100, 1) == 2.0
    assert usual_number([6, 12, 24, 0]) == 12
    assert usual_number([]) == 1.0


@given(heads, st.integers(1, 5000))
def test_nothing_is_starved(head: Head, more: int) -> None:
    """Late mail presses more the later it is, and more than anything in time at last."""
    late = minutes(-more, head.target)
    assert minutes(-more - head.target, head.target) == pytest.approx(late / 2)
    assert minutes(-11 * head.target, head.target) < head.target / 100


@given(st.lists(heads, max_size=20, unique_by=lambda head: head.conversation_id))
def test_the_order_is_one(some: list[Head]) -> None:
    found = choose(some)
    assert sorted(map(id, found)) == sorted(map(id, some))
    assert choose(reversed(found)) == choose(some)
    assert [head.effective for head in found] == sorted(head.effective for head in some)


@given(lefts, targets, scarcities, ratios, ratios)
def test_a_better_fit_never_waits_longer(
    left: int, target: int, scarce: float, one: float, other: float
) -> None:
    better, worse = sorted((one, other))
    first, second = (Head(1, left, target, each, scarce) for each in (better, worse))
    assert first.effective <= second.effective


@given(st.integers(5, 5000), st.integers(5, 5000), targets)
def test_of_equal_ones_the_first_due_goes_first(one: int, other: int, target: int) -> None:
    found = choose([Head(1, one, target), Head(2, other, target)])
    assert found[0].minutes_left == min(one, other)


def test_the_knob_turns_skill_against_time() -> None:
    def first(exponent: float) -> int:
        knobs = Knobs(exponent=exponent)
        return choose([Head(1, 30, 240, 1.24, knobs=knobs), Head(2, 60, 240, knobs=knobs)])[0].conversation_id

    assert (first(2), first(12)) == (1, 2)
