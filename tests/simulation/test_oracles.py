"""The simulator against queueing theory, with our rule at work.

The formulas are asked with the rate and the work that were drawn: what chance did to those is no fault.
"""

from collections.abc import Sequence
from statistics import fmean

import pytest

from simulation.demand import Stream
from simulation.floor import Mail
from simulation.people import Need
from tests.simulation.offices import make_person, specialists, steadily
from tests.simulation.theory import cobham, erlang_c

SKILLS = ("billing", "delivery", "returns", "technical", "contracts", "complaints")


def test_theory_itself() -> None:
    assert erlang_c(5, 0.4, 10) == pytest.approx(5.54, abs=0.005)
    assert cobham([0.03, 0.05], 10, 200) == pytest.approx([11.43, 57.14], abs=0.005)
    assert erlang_c(15, 1.38, 10) == pytest.approx(5.61, abs=0.005)
    assert erlang_c(1, 0.08, 10) == pytest.approx(cobham([0.08], 10, 200)[0]), "one server, one class"


def test_five_alike_wait_as_erlang_computed() -> None:
    minutes = 250_000
    stream = Stream(Need("billing", "en"), 0.4, 10, 240)
    mails = steadily([make_person(number) for number in range(5)], [stream], minutes, "erlang")
    assert _wait(mails) == pytest.approx(erlang_c(5, len(mails) / minutes, _work(mails)), rel=0.03)
    assert _wait(mails) == pytest.approx(5.54, rel=0.1)


def test_two_classes_wait_as_cobham_computed() -> None:
    """Targets so far apart and so far away that the class alone decides."""
    minutes = 1_000_000
    streams = [
        Stream(Need("billing", "en"), 0.03, 10, 1e6),
        Stream(Need("billing", "de"), 0.05, 10, 1e8),
    ]
    mails = steadily([make_person(en=5, de=5)], streams, minutes, "cobham")
    classes = [[mail for mail in mails if mail.issue.need == number] for number in (0, 1)]
    square = fmean(mail.issue.works[0] ** 2 for mail in mails)
    expected = cobham([len(mails) / minutes for mails in classes], _work(mails), square)
    assert [_wait(mails) for mails in classes] == pytest.approx(expected, rel=0.05)
    assert [_wait(mails) for mails in classes] == pytest.approx([11.4, 57.1], rel=0.15)


def test_two_skills_are_nearly_as_good_as_all() -> None:
    minutes = 4_000
    streams = [Stream(Need(skill, "en"), 1.38, 10, 240) for skill in SKILLS]
    waits = {}
    for each in (1, 2, 6):
        mails = steadily(specialists(SKILLS, each, 90), streams, minutes, "pooling")
        waits[each] = _wait(mails)
    kinds = [[mail for mail in mails if mail.issue.need == number] for number in range(len(SKILLS))]
    apart = [len(kind) * erlang_c(15, len(kind) / minutes, _work(kind)) for kind in kinds]
    assert waits[1] == pytest.approx(sum(apart) / len(mails), rel=0.05)
    assert waits[6] == pytest.approx(erlang_c(90, len(mails) / minutes, _work(mails)), rel=0.05)
    assert waits[6] < waits[2] < 1.3 * waits[6] < waits[1] / 5


def _wait(mails: Sequence[Mail]) -> float:
    return fmean(mail.begun - mail.arrived for mail in mails if mail.begun is not None)


def _work(mails: Sequence[Mail]) -> float:
    return fmean(mail.issue.works[0] for mail in mails)
