"""Some seconds of what `bench.desk_trial` does for half an hour."""

import pytest

from bench.desk_trial import office as offices
from bench.desk_trial.ledger import words_of
from bench.desk_trial.trial import Plan, run


@pytest.mark.timeout(400)
def test_agents_misuse_the_desk_and_nothing_is_lost() -> None:
    with offices.opened(3, undo=2) as office:
        ledger = run(office, Plan(agents=3, browsers=1, seconds=10, seed=3, mischief=8))
    assert ledger.faults == []
    assert ledger.deeds["sent"] + ledger.deeds["sent (browser)"] > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("answer-a-1 w1 w2 w3", 3),
        ("answer-a-1 w1 w3", 1),
        ("answer-a-1", 0),
        ("answer-a-11 w1", -1),
        ("", -1),
    ],
)
def test_the_words_of_an_answer_are_counted(text: str, words: int) -> None:
    assert words_of("answer-a-1", text) == words
