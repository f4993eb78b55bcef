"""The rule engine beside an oracle of another make, and hostile patterns and texts."""

import fnmatch
import re
import time
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore.parse import parse
from mailcore.rule_engine import decide, is_met, judge
from mailcore.rule_facts import Facts, Sender
from mailcore.rule_patterns import contains, folded, has_words, matches
from mailcore.rule_terms import (
    Action,
    BadTerm,
    Condition,
    Do,
    How,
    Joined,
    Mode,
    Rule,
    RuleList,
    What,
    check,
    octets,
)

NOTHING: Mapping[str, str] = {}
PLAIN = st.text("ab .?*", max_size=8)


def facts(subject: str = "hello", *, is_answer: bool = False, more: Mapping[str, str] = NOTHING) -> Facts:
    lines = [
        f"Subject: {subject}",
        "From: Dora <dora@a.example>",
        *(f"{name}: {value}" for name, value in more.items()),
    ]
    raw = "\r\n".join([*lines, "", "Some text."]).encode()
    found = Facts(parse(raw), lambda: raw, size=len(raw), sender=Sender, language=lambda: "cs")
    found.is_answer = is_answer
    return found


@settings(deadline=None)
@given(pattern=PLAIN, text=PLAIN)
def test_patterns_cover_what_globs_cover(pattern: str, text: str) -> None:
    folded_pattern, folded_text = folded(pattern), folded(text)
    expected = bool(folded_pattern) and fnmatch.fnmatchcase(folded_text, folded_pattern)
    assert matches(folded_text, pattern) == expected


@settings(deadline=None)
@given(text=st.text(max_size=60), value=st.text(max_size=20))
def test_any_text_can_be_compared_with_any_value(text: str, value: str) -> None:
    for compare in (contains, has_words, matches):
        assert compare(folded(text), value) in (True, False)
    if value.strip() and "|" not in value and folded(value):
        assert contains(folded(f"{text} {value}"), value)


@pytest.mark.parametrize(
    "value",
    ["*a" * 240 + "b", "(a+)+$" * 80, "?" * 499 + "b", "a*" * 240 + "?b", "|".join(["a*a*a*b"] * 50)],
)
def test_no_pattern_hangs(value: str) -> None:
    text = folded("a" * 1_000_000)
    began = time.process_time()
    assert not matches(text, value)
    assert not has_words(text, value.replace("*", " "))
    assert time.process_time() - began < 5, "seconds of CPU; what goes back takes hours"


def test_words_are_whole() -> None:
    assert has_words(folded("Your INVOICE, overdue!"), "overdue invoice")
    assert not has_words(folded("invoices overdue"), "invoice")
    assert has_words(folded("Große Straße"), "STRASSE")


CONDITIONS = st.builds(
    Condition,
    st.just(What.SUBJECT),
    st.sampled_from([How.IS, How.CONTAINS]),
    st.sampled_from(["a", "ab", "a | b"]),
    is_negated=st.booleans(),
)
ACTIONS = st.one_of(
    st.builds(Action, st.just(Do.QUEUE), st.integers(1, 3)),
    st.builds(Action, st.just(Do.PRIORITY), number=st.integers(1, 4)),
    st.builds(Action, st.just(Do.TAG), st.integers(1, 3)),
    st.builds(Action, st.sampled_from([Do.DISCARD, Do.STOP, Do.HOLD])),
)
RULES = st.builds(
    Rule,
    st.integers(1, 99),
    st.just("rule"),
    st.lists(CONDITIONS, max_size=3).map(tuple),
    st.lists(ACTIONS, min_size=1, max_size=3).map(tuple),
    st.sampled_from(Joined),
    st.booleans(),
)
LISTS = st.builds(RuleList, st.lists(RULES, max_size=4).map(tuple), st.sampled_from(Mode))


def expected(
    lists: Sequence[RuleList], queues: dict[int, RuleList], subject: str, *, answer: bool
) -> list[Action]:
    """The same written as one loop over plain values, told from docs/rules.md."""
    done: list[Action] = []

    def holds(condition: Condition) -> bool:
        parts = [part.strip() for part in condition.value.split("|")]
        found = subject in parts if condition.how == "is" else bool(re.search("|".join(parts), subject))
        return found is not condition.is_negated

    def names(kind: Do) -> list[Action]:
        return [each for each in done if each.do == kind]

    todo, asked_queue = list(lists), False
    while True:
        if not todo:
            if asked_queue or names(Do.DISCARD) or names(Do.STOP):
                return done
            asked_queue = True
            target = names(Do.QUEUE)[0].target if names(Do.QUEUE) else 1
            todo = [queues[target]] if target in queues else []
            continue
        current = todo.pop(0)
        for rule in current.rules:
            results = [holds(each) for each in rule.conditions] or [True]
            if not (all(results) if rule.joined == "all" else any(results)):
                continue
            for action in rule.actions:
                moves = action.do in (Do.QUEUE, Do.DISCARD)
                if answer and ((moves and not rule.is_for_answers) or action.do == Do.HOLD):
                    continue
                same = names(action.do)
                if action.do == Do.TAG:
                    same = [each for each in same if each.target == action.target]
                if not same:
                    done.append(action)
            if names(Do.DISCARD) or names(Do.STOP):
                return done
            if current.mode == "first":
                break


@settings(max_examples=60, deadline=None)
@given(
    lists=st.lists(LISTS, max_size=2),
    queues=st.dictionaries(st.integers(1, 3), LISTS, max_size=3),
    subject=st.sampled_from(["a", "b", "ab", "x"]),
    answer=st.booleans(),
)
def test_the_engine_decides_as_the_oracle(
    lists: list[RuleList], queues: dict[int, RuleList], subject: str, answer: bool
) -> None:
    seen = facts(subject, is_answer=answer)
    decision = decide(lists, seen, queues.get, 1)
    assert [each.action for each in decision.effects] == expected(lists, queues, subject, answer=answer)
    explained = decide(lists, seen, queues.get, 1, explain=True)
    assert (explained.matched, explained.effects) == (decision.matched, decision.effects)
    for verdict in explained.verdicts:
        if verdict.was_asked:
            assert verdict.holds == is_met(verdict.rule, seen)


def test_a_reason_for_each_condition() -> None:
    conditions = (
        Condition(What.HEADER, How.IS, "prague", "X-Shop"),
        Condition(What.SIZE, How.AT_LEAST, "1 KB", is_negated=True),
    )
    verdict = judge(Rule(1, "x", conditions), facts(more={"X-Shop": "=?utf-8?q?Prague?="}))
    assert verdict.holds
    assert next((each.holds, each.saw) for each in verdict.findings) == (True, ("Prague",))


def test_the_bytes_are_read_only_for_a_header() -> None:
    def never() -> bytes:
        raise AssertionError

    seen = Facts(parse(b"Subject: a\r\n\r\nb"), never)
    rule = Rule(1, "x", (Condition(What.SUBJECT, How.IS, "a"),))
    assert decide([RuleList((rule,))], seen, lambda queue: None, 1).matched == [rule]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (Condition(What.SIZE, How.CONTAINS, "a"), "can't be compared"),
        (Condition(What.HEADER, How.EXISTS), "Name the header"),
        (Condition(What.SUBJECT, How.IS, "  "), "Give what subject"),
        (Condition(What.SUBJECT, How.EXISTS, "a"), "needs no value"),
        (Condition(What.SUBJECT, How.IS, "a", "key"), "has no name of its own"),
        (Condition(What.SIZE, How.AT_LEAST, "many"), "is no size"),
        (Condition(What.FILE_COUNT, How.AT_LEAST, "1.5"), "is no number"),
        (Condition(What.KIND, How.IS, "spam"), "is no value of kind"),
        (Condition(What.SUBJECT, How.IS, "x" * 501), "at most 500"),
    ],
)
def test_what_means_nothing_is_refused(condition: Condition, told: str) -> None:
    with pytest.raises(BadTerm, match=told):
        check(condition)


def test_sizes() -> None:
    assert [octets(each) for each in ("200", "300 KB", "1.5 mb", "2GB")] == [
        200,
        300_000,
        1_500_000,
        2_000_000_000,
    ]
