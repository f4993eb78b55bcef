"""What happens in the simulated office, mail by mail."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.demand import Issue
from simulation.floor import Mail
from simulation.people import Need, Person, Shift
from simulation.rules import RULES, TimeLeft
from tests.simulation.offices import PLAIN, make_issue, make_person, play

GERMAN = Need("billing", "de", 3, 3)
RARE = Need("technical", "en", 4, 3)


def begun(mails: Sequence[Mail]) -> list[tuple[int | None, float | None]]:
    """Who began each mail, and when, to the thousandth."""
    return [
        (mail.holder.id if mail.holder else None, None if mail.begun is None else round(mail.begun, 3))
        for mail in mails
    ]


def test_a_mail_is_worked_on_as_long_as_the_level_says() -> None:
    [mail] = play([make_person(billing=3)], [make_issue(5, [10])])
    assert mail.begun == 5
    assert mail.answered == pytest.approx(5 + 12.4)


def test_a_pace_that_nobody_knows_counts_too() -> None:
    [mail] = play([replace(make_person(), paces={"billing": 1.5, "technical": 3})], [make_issue(0, [10])])
    assert mail.answered == pytest.approx(15)


def test_who_finishes_takes_the_one_with_the_fewest_minutes_left() -> None:
    issues = [make_issue(0), make_issue(1, target=240), make_issue(2, target=60)]
    assert begun(play([make_person()], issues)) == [(0, 0), (0, 20), (0, 10)]


def test_a_follow_up_goes_to_who_answered_and_takes_them_two_thirds() -> None:
    alice, bob = make_person(0), make_person(1)
    first, follow_up = play([alice, bob], [make_issue(0, [10, 30], delay=60)])
    assert follow_up.holder is first.holder
    assert follow_up.answered == pytest.approx(70 + 20)


def test_a_follow_up_waits_for_the_busy_one_but_not_for_long() -> None:
    people = [make_person(0), make_person(1)]
    long = make_issue(65, [200], need=1)
    needs = [PLAIN, RARE]
    people[0] = make_person(0, billing=5, technical=5)
    mails = play(people, [make_issue(0, [10, 30], delay=60), long], needs)
    assert begun(mails) == [(0, 0), (0, 65), (1, 166)], "0.4 of 240 minutes after it came"


def test_a_follow_up_is_everybodys_when_the_agent_goes_home() -> None:
    people = [
        make_person(0, (Shift(0, 80),), billing=5, technical=5),
        make_person(1),
    ]
    mails = play(people, [make_issue(0, [10, 30], delay=60), make_issue(65, [200], need=1)], [PLAIN, RARE])
    assert begun(mails)[2] == (1, 80)


def test_begun_work_is_finished_after_the_end_and_what_was_not_begun_is_given_to_others() -> None:
    people = [make_person(0, (Shift(0, 15),)), make_person(1, (Shift(12, 500),))]
    mails = play(people, [make_issue(0, [20]), make_issue(1, [20]), make_issue(2, [20])], rule=TimeLeft(3))
    assert begun(mails) == [(0, 0), (1, 15), (1, 35)]


def test_nobody_begins_in_a_pause() -> None:
    person = make_person(0, (Shift(0, 500, ((30, 90),)),))
    assert begun(play([person], [make_issue(25, [10]), make_issue(26, [10])])) == [(0, 25), (0, 90)]


@pytest.mark.parametrize("shifts", [(Shift(500, 900),), ()])
def test_when_nobody_able_will_be_there_in_time_who_can_read_it_gets_it(shifts: tuple[Shift, ...]) -> None:
    able = make_person(0, shifts, billing=5, de=5)
    reader = make_person(1, billing=5, de=2)
    [mail] = play([able, reader], [make_issue(10)], [GERMAN])
    assert begun([mail]) == [(1, 10)]


def test_when_somebody_able_comes_in_time_it_waits() -> None:
    able = make_person(0, (Shift(200, 900),), billing=5, de=5)
    reader = make_person(1, billing=5, de=2)
    assert begun(play([able, reader], [make_issue(10)], [GERMAN])) == [(0, 200)]


def test_when_the_last_able_one_goes_home_who_can_read_it_gets_it() -> None:
    able = make_person(0, (Shift(0, 60),), billing=5, de=5)
    reader = make_person(1, billing=5, de=2)
    mails = play([able, reader], [make_issue(10, [300]), make_issue(11)], [GERMAN])
    assert begun(mails) == [(0, 10), (1, 60)]


def test_an_urgent_late_mail_is_not_hidden_by_an_older_slow_one() -> None:
    """Both late when somebody comes: 10 × 960 minutes halved 0.3 times, or 10 × 60 halved 3.3 times."""
    person = make_person(0, (Shift(1250, 5000),))
    mails = play([person], [make_issue(0, target=960), make_issue(990, target=60)])
    assert begun(mails) == [(0, 1260), (0, 1250)]


levels = st.dictionaries(st.sampled_from(["billing", "technical"]), st.integers(1, 5), min_size=1)
languages = st.dictionaries(st.sampled_from(["en", "de"]), st.integers(1, 5), min_size=1)
shifts = st.tuples(st.integers(0, 400), st.integers(1, 400)).map(
    lambda found: (Shift(found[0], sum(found), ((found[0] + found[1] / 3, found[0] + found[1] / 2),)),)
)
people = st.lists(st.builds(Person, st.just(0), levels, languages, shifts), min_size=1, max_size=5).map(
    lambda found: [Person(number, one.skills, one.languages, one.shifts) for number, one in enumerate(found)]
)
issues = st.lists(
    st.builds(
        make_issue,
        st.integers(0, 600).map(float),
        st.lists(st.floats(1, 60), min_size=1, max_size=3),
        st.sampled_from([15.0, 60.0, 240.0]),
        st.integers(0, 2),
        st.floats(1, 100),
    ),
    max_size=25,
)


@given(people, issues, st.sampled_from(sorted(RULES)))
@settings(max_examples=150, deadline=None)
def test_under_any_rule_nobody_does_two_things_or_what_they_cannot(
    people: list[Person], issues: list[Issue], name: str
) -> None:
    needs = [PLAIN, GERMAN, RARE]
    mails = play(people, issues, needs, RULES[name](), until=2000)
    assert mails[:] == sorted(mails, key=lambda mail: mail.arrived)
    for person in people:
        own = sorted((m for m in mails if m.holder and m.holder.id == person.id and m.begun is not None),
                     key=lambda mail: mail.begun or 0.0)  # fmt: skip
        for mail in own:
            assert person.id in mail.kind.ratios
            assert mail.begun is not None
            assert mail.begun >= mail.arrived
            assert any(shift.start <= mail.begun <= shift.end for shift in person.shifts)
        for one, other in pairwise(own):
            assert one.answered is not None
            assert other.begun is not None
            assert other.begun >= one.answered
    for mail in mails:
        if mail.kind.eased is None and mail.kind.id < len(needs) and mail.holder:
            assert mail.holder.person.can(mail.kind.need)


@given(people, issues, st.sampled_from(sorted(RULES)))
@settings(max_examples=60, deadline=None)
def test_nothing_waits_while_somebody_able_is_idle(
    people: list[Person], issues: list[Issue], name: str
) -> None:
    """All came by 600, nobody is on duty after 800: what waits at the end, nobody could do in their time."""
    mails = play(people, issues, [PLAIN, GERMAN, RARE], RULES[name](), until=5000)
    begun_until = {
        person.id: max(
            (m.answered or 0.0 for m in mails if m.holder and m.holder.id == person.id), default=0.0
        )
        for person in people
    }
    for mail in mails:
        if mail.begun is not None:
            continue
        for person in people:
            [shift] = person.shifts
            last_minute = shift.end if shift.pauses[0][1] < shift.end else shift.pauses[0][0]
            if person.can(mail.kind.need):
                assert mail.arrived >= last_minute or begun_until[person.id] >= last_minute
