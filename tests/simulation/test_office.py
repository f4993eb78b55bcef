"""An installation as an office: opening hours, wait rules, and what would be otherwise."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues.policy import Knobs
from simulation import example
from simulation.changes import (
    Change,
    ChangeError,
    changed,
    read_agent,
    read_levels,
    read_newcomers,
    read_relief,
    read_target,
    restored,
    sentences,
)
from simulation.clock import Clock
from simulation.compare import compare
from simulation.floor import Mail
from simulation.office import Case, Desk, Office, Relief
from simulation.people import Person, Shift
from simulation.rules import TimeLeft
from simulation.run import Run, Stopped

DAY = 1440.0
NIGHTLY = Clock([(day * DAY + 480, day * DAY + 1080) for day in range(20)])
ALWAYS = (Shift(0.0, 100 * DAY),)


def make_person(number: int = 1, **overrides: object) -> Person:
    """Alice, who can do billing in English at all hours."""
    person = Person(number, {"billing": 5}, {"en": 5}, ALWAYS, {}, "alice", 1, frozenset({"Orders"}))
    return replace(person, **overrides)  # type: ignore[arg-type]


def make_office(people: Sequence[Person], cases: Sequence[Case], **desk: object) -> Office:
    """Queue Orders demands billing 3."""
    orders = replace(Desk("Orders", skills=(("billing", 3),)), **desk)  # type: ignore[arg-type]
    return Office(people, {"Orders": orders}, cases, 15 * DAY)


def make_case(number: int = 1, arrived: float = 0.0, **overrides: object) -> Case:
    """A mail of ten minutes in English."""
    return replace(Case(number, "Orders", "en", arrived, (10.0,)), **overrides)  # type: ignore[arg-type]


def play(office: Office) -> list[Mail]:
    return Run(office.world(), TimeLeft(None)).play().mails


def test_minutes_are_counted_while_it_is_open() -> None:
    assert NIGHTLY.tick(0) == 0
    assert NIGHTLY.tick(500) == 20
    assert NIGHTLY.tick(1200) == NIGHTLY.tick(DAY) == 600
    assert NIGHTLY.at(600) == 1080
    assert NIGHTLY.at(601) == DAY + 481
    assert NIGHTLY.after(1070, 20) == DAY + 490
    assert NIGHTLY.tick(30 * DAY) == 20 * 600 + 30 * DAY - (19 * DAY + 1080), "open after the last"


@given(st.floats(0, 15 * DAY), st.floats(0, 3000))
def test_a_clock_goes_forward_and_back(at: float, minutes: float) -> None:
    later = NIGHTLY.after(at, minutes)
    assert later >= at
    assert NIGHTLY.tick(later) - NIGHTLY.tick(at) == pytest.approx(minutes, abs=1e-6)


def test_what_comes_at_night_is_due_in_the_hours_of_the_queue() -> None:
    office = make_office([make_person()], [make_case(arrived=1100)], clock=NIGHTLY, first=60)
    [mail] = play(office)
    assert mail.due == DAY + 540


def test_only_members_answer_and_all_skills_count() -> None:
    stranger = make_person(2, name="charlie", queues=frozenset())
    weak = make_person(3, name="bob", skills={"billing": 3})
    case = make_case(skills=(("vip", 2),))
    [mail] = play(make_office([stranger, weak], [case], wait_rule="off"))
    assert mail.holder is None
    [mail] = play(make_office([replace(weak, skills={"billing": 3, "vip": 2})], [case]))
    assert mail.answered == pytest.approx(10 * 1.36)


@pytest.mark.parametrize(("rule", "begun"), [("off", None), ("uncovered", 0.0), ("steps", 60.0)])
def test_the_wait_rule(rule: str, begun: float | None) -> None:
    reader = make_person(languages={"cs": 2})
    office = make_office(
        [reader],
        [make_case(language="cs")],
        wait_rule=rule,
        reliefs=(Relief(30, {"billing": 2}), Relief(60, {}, 2)),
    )
    assert [mail.begun for mail in play(office)] == [begun]


def test_steps_lower_what_they_name_and_nothing_else() -> None:
    desk = Desk("Orders", skills=(("billing", 4), ("vip", 2)), wait_rule="steps",
                reliefs=(Relief(90, {"vip": 0}), Relief(30, {"billing": 2}, 1)))  # fmt: skip
    first, second = desk.steps(desk.need(make_case()))
    assert (first.after, first.need.skills, first.need.language_level) == (
        30,
        (("billing", 2), ("vip", 2)),
        1,
    )
    assert (second.after, second.need.skills) == (90, (("billing", 2),))


@pytest.mark.parametrize(("exponent", "first"), [(2.0, "due first"), (12.0, "fits")])
def test_the_knobs_of_a_queue_count(exponent: float, first: str) -> None:
    """Bob, who is not there, is better in billing; nobody is better in vip than Alice."""
    people = [make_person(skills={"billing": 3, "vip": 5}), make_person(2, name="bob", shifts=())]
    cases = [
        make_case(1, 0),
        make_case(2, 1, factor=39 / 240),
        replace(make_case(3, 1, factor=99 / 240, skills=(("vip", 3),)), desk="Vips"),
    ]
    office = make_office(people, cases, knobs=Knobs(exponent=exponent))
    vips = Desk("Vips", wait_rule="off", knobs=Knobs(exponent=exponent))
    people[0] = replace(people[0], queues=frozenset({"Orders", "Vips"}))
    _, due_first, fits = play(replace(office, desks=dict(office.desks) | {"Vips": vips}))
    assert due_first.begun is not None
    assert fits.begun is not None
    assert (due_first.begun < fits.begun) == (first == "due first")


def test_a_follow_up_has_its_own_target_and_remembers_who_answered() -> None:
    alice, bob = make_person(), make_person(2, name="bob")
    case = make_case(works=(10.0, 10.0), delays=(50.0,), opened=False, last=2)
    first, second = play(make_office([alice, bob], [case], first=30, following=100))
    assert (first.target, second.target) == (100, 100)
    opened = play(make_office([alice, bob], [replace(case, opened=True)], first=30, following=100))
    assert [mail.target for mail in opened] == [30, 100]
    assert opened[0].answered == pytest.approx(20 / 3), "bob knew the matter"


def test_a_run_can_be_stopped() -> None:
    cases = [make_case(number, float(number)) for number in range(2000)]
    with pytest.raises(Stopped):
        Run(make_office([make_person()], cases).world(), TimeLeft(None)).play(lambda: False)


CHANGES = [
    (Change(levels={"alice": {"cs": 3, "billing": 0}}), "alice: billing no more, cs 3"),
    (Change(without=("alice",)), "without alice"),
    (Change(newcomers=(read_newcomers("2 billing=4, en=5"),)), "2 more with billing 4, en 5"),
    (Change(targets={"Orders": (60, 90)}), "Orders answers in 60 / 90 min"),
    (Change(wait_rules={"Orders": "off"}), "Orders waits by the rule “off”"),
    (Change(reliefs={"Orders": (read_relief("60 billing=1 language=2"),)}),
     "Orders: after 60 min billing 1, language 2 is enough"),
    (Change(exponent=6, own_share=0, halving=2, capacity=3), "speed ↔ skill 6"),
    (Change(volume=1.5), "150 % of the mail"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_a_change_is_told_and_stored_and_made(change: Change, said: str) -> None:
    assert said in sentences(change)
    assert restored(json.loads(json.dumps(change.stored()))) == change
    office = make_office([make_person()], [make_case(number, number * 20.0) for number in range(100)])
    assert changed(office, change) != office
    assert changed(office, Change()) == office
    assert Change().stored() == {}


def test_newcomers_work_the_shifts_of_colleagues_in_every_queue() -> None:
    office = make_office([make_person(), make_person(2, name="bob", shifts=())], [])
    people = changed(office, Change(newcomers=(read_newcomers("+2 billing=4, cs=3"),))).people
    assert [(one.name, one.shifts) for one in people[2:]] == [("new 1.1", ALWAYS), ("new 1.2", ALWAYS)]
    assert people[2].skills == {"billing": 4}
    assert people[2].languages == {"cs": 3}
    assert people[2].queues == {"Orders"}


@pytest.mark.parametrize(
    "change",
    [Change(without=("dora",)), Change(levels={"dora": {"en": 3}}), Change(targets={"Sales": (1, 1)})],
)
def test_who_is_not_there_is_named(change: Change) -> None:
    with pytest.raises(ChangeError, match=r"There is no .* (dora|Sales)"):
        changed(make_office([make_person()], []), change)


@pytest.mark.parametrize("text", ["", "billing", "billing=6", "billing=4 and", "=3"])
def test_levels_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ChangeError, match="write it like"):
        read_levels(text)


@pytest.mark.parametrize(
    ("read", "text"),
    [(read_newcomers, "two billing=4"), (read_newcomers, "0 billing=4"), (read_agent, "alice billing=4"),
     (read_target, "4h"), (read_target, "1/2/3"), (read_relief, "billing=1")],
)  # fmt: skip
def test_what_else_cannot_be_read(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(ChangeError, match="write"):
        read(text)


def test_now_and_changed_are_compared_beside_others_and_again_the_same() -> None:
    office = example.office(days=3)
    change = Change(without=("alice", "agent-2"), targets={"billing": (120, 120)})
    told: list[tuple[int, int]] = []
    found = compare(office, change, ["round-robin"], told=lambda done, whole: told.append((done, whole)))
    assert told == [(0, 3), (1, 3), (2, 3)]
    now, later, peer = found.outcomes
    assert (now.name, later.name, peer.name) == ("now", "changed", "round-robin")
    assert now.measures.in_time > later.measures.in_time > peer.measures.in_time
    assert later.desks["billing"][1] < now.desks["billing"][1]
    assert 0 < len(found.samples) <= 20
    assert all(sample.now.agent != sample.changed.agent for sample in found.samples)
    assert {"alice", "agent-2"}.isdisjoint(sample.changed.agent for sample in found.samples)
    assert compare(office, change, ["round-robin"]) == found


def test_the_example_is_the_reference_team() -> None:
    [now] = compare(example.office(days=4), Change(), []).outcomes
    assert 98 < now.measures.in_time <= 100
    assert now.measures.mails > 3000
