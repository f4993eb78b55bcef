"""Why: told from what was stored, replayed from what was stored, and small."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queues.policy import Free, Head, Knobs, choose, choose_agent, ratio
from queues.reasons import FREE_KEPT, Line, Rank, Reason, explain, in_short, replay

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def line(pk: int, left: float, fit: float = 1.0, **more: object) -> Line:
    is_own = bool(more.get("is_own"))
    scarcity = float(str(more.pop("scarcity", 1.0)))
    head = Head(pk, left, 240, ratio(fit, 1.0, is_own=is_own), scarcity, NOON)
    values: dict[str, object] = {"kind_id": pk, "words": f"kind {pk}", "queue_id": 1}
    return Line(head=head, **(values | more))  # type: ignore[arg-type]


def reason(first: Line, *others: Line, **more: object) -> Reason:
    values: dict[str, object] = {"agent_id": 5, "name": "Alice", "tick": 77, "considered": 1 + len(others)}
    return Reason(line=first, others=others, **(values | more))  # type: ignore[arg-type]


def test_the_worked_example() -> None:
    first = line(1, 90, scarcity=0.71, words="billing in Polish")
    second = line(2, 70, 1.12, scarcity=1.41, words="general in English")
    data = reason(first, second, rank=Rank(people=6, free=1), fit_better=11).data()
    assert data["effective"] == 63.9  # 90 × 0.71; the table in docs/routing.md has √½
    assert explain(data) == (
        "Alice got it: due in 1 h 30 min. Alice is the best for billing in Polish (5 of 5). "
        "6 people can do it, 1 was free. Next in line was “general in English”, "
        "due in 1 h 10 min: 11 others fit it better."
    )
    assert explain(data, to_agent=True).startswith("You got it: due in 1 h 30 min. You are the best for")
    with translation.override("de"):  # the full stop of an abbreviation is the sentence's, too
        assert "fällig in 1 Std. 30 Min. Alice" in explain(data)
    assert in_short(data) == "You are the best for billing in Polish (5 of 5)."
    assert in_short({}) == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"is_own": True}, "Alice answered it last, and can do it for kind 1 (5 of 5)."),
        ({"is_reserved": True}, "It was kept for Alice, who answered last, for kind 1 (5 of 5)."),
        ({"is_eased": True, "lacks": ("cs ≥ 3",)}, "or comes on duty in time; Alice lacks cs ≥ 3."),
        ({"is_eased": True, "after": 30, "lacks": ("cs ≥ 3",)}, "It had waited 30 min, so less is demanded"),
        ({"fit": 1.08, "level": 4}, "Alice is among the best for kind 1 (4 of 5)."),
        ({"fit": 1.24, "level": 3}, "has what it takes for kind 1 (3 of 5); the best would be 24 % quicker."),
    ],
)
def test_why_this_agent(given: dict[str, object], words: str) -> None:
    assert words in explain(reason(line(1, -35, **given)).data())  # type: ignore[arg-type]


def test_late_and_who_was_busy() -> None:
    told = explain(reason(line(1, -35), rank=Rank(people=9, free=2, better_full=1, better_away=3)).data())
    assert "Alice got it: 35 min late." in told
    assert "9 people can do it, 2 were free; of those who fit better, 1 full and 3 away." in told


def test_nobody_was_free_and_languages_are_written_as_each_one_does() -> None:
    data = reason(line(1, 35, words="billing in Czech"), rank=Rank(people=2)).data()
    assert "2 people can do it, nobody was free." in explain(data)
    with translation.override("es"):
        assert "billing en checo" in explain(data)
    with translation.override("de"):
        assert "billing auf Tschechisch" in explain(data)


def test_another_rule_is_neither_told_nor_replayed() -> None:
    assert explain({"rule": "due-first-1"}) == ""
    with pytest.raises(ValueError, match="due-first-1"):
        replay({"rule": "due-first-1"})


ratios = st.integers(10000, 16000).map(lambda n: n / 10000)
heads = st.builds(
    lambda pk, left, fit, own, scarcity, since, exponent: Line(
        head=Head(
            pk,
            left,
            240,
            ratio(fit, 1.0, is_own=own),
            scarcity,
            NOON + timedelta(seconds=since),
            Knobs(exponent),
        ),
        kind_id=10**9,
        words="x" * 300,
        queue_id=10**9,
        is_own=own,
        level=3,
    ),
    st.integers(1, 10**12),
    st.integers(-10_000, 10_000),
    ratios,
    st.booleans(),
    st.integers(5000, 20000).map(lambda n: n / 10000),
    st.integers(0, 10_000),
    st.sampled_from([2.0, 6.0, 12.0]),
)
idle = st.builds(
    Free, st.integers(1, 10**9), ratios, st.integers(0, 10_000).map(lambda n: NOON - timedelta(seconds=n))
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(heads, min_size=1, max_size=12, unique_by=lambda each: each.head.conversation_id),
    st.lists(idle, max_size=12, unique_by=lambda each: each.agent_id),
)
def test_the_same_stored_inputs_give_the_same_choice(lines: list[Line], free: list[Free]) -> None:
    by_id = {each.head.conversation_id: each for each in lines}
    order = [by_id[head.conversation_id] for head in choose(each.head for each in lines)]
    agents = choose_agent(free)
    made = reason(order[0], *order[1:], free=agents, rank=Rank(1000, 1000, 1000, 1000, 1000))
    stored = json.dumps(made.data())
    assert len(stored) <= 1250  # with names and numbers as long as they may be; usual ones are half of it
    again = replay(json.loads(stored))
    assert again.conversation_id == order[0].head.conversation_id
    assert again.agent_id == (agents[0].agent_id if agents else None)
    assert len(made.data().get("free", [])) <= FREE_KEPT
