"""The numbers behind a decision as people read them."""

from datetime import UTC, datetime

from queues.grounds import agents_in, conversations_in, grounds
from queues.policy import Free, Head
from queues.reasons import Line, Rank, Reason

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def decided() -> dict[str, object]:
    given = Line(head=Head(11, 90, 240, 1.0, 0.71, NOW), kind_id=1, words="billing in Polish", queue_id=1)
    other = Line(head=Head(12, 70, 240, 1.12, 1.41, NOW), kind_id=2, words="general in English", queue_id=1)
    free = (Free(7, 1.0, NOW), Free(8, 1.24, None))
    rank = Rank(people=6, free=2, better_full=1)
    return Reason(
        agent_id=7,
        name="Alice",
        tick=1,
        line=given,
        others=[other],
        considered=2,
        rank=rank,
        fit_better=11,
        free=free,
    ).data()


def test_everything_that_was_stored_is_laid_out() -> None:
    data = decided()
    assert (conversations_in(data), agents_in(data)) == ([11, 12], [7, 8])
    told = grounds(data, {11: 1011, 12: 1012}, {7: "Alice", 8: "Bob"})
    assert told is not None
    facts = {fact.label: fact.value for fact in told.facts}
    assert facts["Demanded"] == "billing in Polish"
    assert facts["Can do it"] == "6, of whom 2 free"
    assert facts["Fit better"] == "1 full, 0 away"
    assert [each.name for each in told.line] == ["#1011", "#1012, general in English"]
    counted = [each.cells[-1] for each in told.line]
    assert counted == ["1 h 4 min", "2 h 19 min"]  # the example of docs/routing.md
    assert [each.chosen for each in told.line] == [True, False]
    assert [each.url for each in told.line] == ["", "/conversations/12/"]
    assert [each.name for each in told.people] == ["Alice", "Bob"]
    assert told.sentence.startswith("Alice got it")


def test_what_the_reader_may_not_see_has_no_name() -> None:
    told = grounds(decided(), {11: 1011}, {}, to_agent=True)
    assert told is not None
    assert told.line[1].name.startswith("in another queue")
    assert told.line[1].url == ""
    assert told.people[1].name == "an agent"
    assert told.sentence.startswith("You got it")


def test_where_a_person_chose_nothing_was_computed() -> None:
    assert grounds({"lacks": []}, {}, {}) is None
    assert grounds({}, {}, {}) is None
