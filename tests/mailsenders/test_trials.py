"""A few rounds of what `bench.faults` does in great numbers."""

import random
from pathlib import Path

import pytest
from pytest_django import Settings

from bench import outbox_trials
from bench.outbox_trials import AFTER_THE_TEXT, KINDS, POINTS, Sink
from mailsenders import budget, limits
from tests.mailsenders.conftest import MakeServer
from tests.servers.authority import Authority

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def quick(settings: Settings, authority: Authority) -> None:
    settings.RETRY_LADDER, settings.CA_BUNDLE = [1], str(authority.bundle)
    random.seed(5)


@pytest.fixture
def sink(tmp_path: Path, authority: Authority) -> Sink:
    return Sink(tmp_path / "taken", authority.certificate())


@pytest.mark.parametrize(("number", "point"), list(enumerate(POINTS)), ids=[point for point, _ in POINTS])
def test_a_fault_at_each_point(make_server: MakeServer, number: int, point: tuple[str, str]) -> None:
    server = make_server(tls="starttls", passwords={"box": "secret"})
    with outbox_trials.short_patience(times=4):  # a busy machine may be half a second late
        for kind in KINDS[:2] if point[0] in AFTER_THE_TEXT else [KINDS[number % 4]]:
            verdict = outbox_trials.fault_round(server, *POINTS[number], kind)
            assert verdict.faults == []


def test_workers_killed_around_the_text(sink: Sink) -> None:
    sink.pause = 0.1
    with sink:
        verdict = outbox_trials.kill_rounds(sink, 4)
    assert (verdict.mails, verdict.faults) == (16, [])


def test_the_order_under_random_refusals(sink: Sink, settings: Settings) -> None:
    settings.RETRY_LADDER = [0.2]
    sink.trouble = 0.12
    with sink:
        verdict = outbox_trials.order_trial(sink, 4, 4, seconds=60)
    assert (verdict.mails, verdict.faults) == (16, [])


def test_a_limit_over_five_workers(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a minute that lasts three seconds."""
    monkeypatch.setattr(budget, "MINUTE", window := budget.MINUTE / 20)
    monkeypatch.setattr(limits, "MINUTE", window)
    kinds = tuple((*kind[:3], window if kind[3] == budget.HOUR / 60 else kind[3]) for kind in budget.KINDS)
    monkeypatch.setattr(budget, "KINDS", kinds)
    with sink:
        verdict, most = outbox_trials.budget_trial(sink, 24, 8, window=window.total_seconds(), seconds=60)
    assert (verdict.states, verdict.faults) == ({"sent": 24}, [])
    assert most <= 8
