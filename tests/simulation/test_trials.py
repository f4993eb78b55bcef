"""Comparing rules, the table, and the command."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from statistics import fmean, stdev

import pytest
from django.core.management import CommandError, call_command

from simulation import reference
from simulation.measures import measure
from simulation.rules import RULES
from simulation.run import Run
from simulation.table import NoPlace, write
from simulation.trials import Interval, Plan, rows, trial
from ucs.environment import PRODUCT


def test_the_same_seed_is_the_same_run() -> None:
    plan = Plan([0.9], rules=("time-left", "pick-oldest"), days=2)
    assert trial(plan, 0.9, 1) == trial(plan, 0.9, 1)
    assert trial(plan, 0.9, 1) != trial(plan, 0.9, 2)


def test_every_rule_gets_the_same_team_and_mail() -> None:
    one, other = reference.world(1.0, 3, 2), reference.world(1.0, 3, 2)
    assert one.issues == other.issues
    assert one.people == other.people
    assert reference.world(0.5, 3, 2).people == one.people


def test_the_team_is_as_large_as_it_says_and_nobody_is_the_only_one() -> None:
    world = reference.world(1.0, 0)
    assert len(world.people) == reference.PEOPLE
    assert min(len(kind.ratios) for kind in world.kinds) >= reference.ENOUGH
    mails = sum(len(issue.works) for issue in world.issues)
    assert 15_500 < mails < 16_500


def test_an_unknown_pace_is_nobodys_advantage_in_the_mean() -> None:
    known, unknown = reference.team(1), reference.team(1, unknown=0.3)
    paces = [pace for person in unknown for pace in person.paces.values()]
    assert fmean(paces) == pytest.approx(1, abs=0.06)
    assert 0.2 < stdev(paces) < 0.4
    assert [person.skills for person in known] == [person.skills for person in unknown]


def test_work_and_presence_are_counted() -> None:
    run = Run(reference.world(0.9, 0, 2), RULES["time-left"]()).play()
    found = measure(run)
    present = sum(
        shift.end - shift.start - sum(end - start for start, end in shift.pauses)
        for agent in run.floor.agents.values()
        for shift in agent.person.shifts
    )
    counted = sum(agent.present for agent in run.floor.agents.values())
    assert present < counted < 1.1 * present, "longer by what was finished in a pause or after the end"
    answered = [mail for mail in run.mails if mail.answered is not None]
    assert found.busy == pytest.approx(
        100 * sum((mail.answered or 0) - (mail.begun or 0) for mail in answered) / counted, rel=0.01
    )


def test_ours_answers_more_in_time_and_needs_less_work_when_there_is_much_to_do() -> None:
    found = {row.rule: row for row in rows(Plan([1.1], runs=1, days=5))}
    ours = found.pop("time-left")
    assert set(found) == set(RULES) - {"time-left"}
    for row in found.values():
        assert row.ahead is not None
        assert row.ahead.mean > 0
        assert row.work.mean > ours.work.mean * 1.02


def test_more_processes_say_the_same() -> None:
    plan = Plan([0.8], runs=2, rules=("due-first", "time-left"), days=2)
    assert list(rows(plan, processes=2)) == list(rows(plan))


def test_the_interval_is_students() -> None:
    found = Interval.of([1.0, 2.0, 3.0])
    assert (found.mean, round(found.half, 2)) == (2, 2.48)
    assert Interval.of([7.0]) == Interval(7, 0)


def test_the_command_prints_a_table_and_writes_it_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- simulated -->\nold\n<!-- end of the simulation -->\nafter\n")
    out = StringIO()
    options = ["--load", "0.9", "--runs", "2", "--days", "2", "--policy", "time-left", "due-first"]
    call_command("simulate", *options, "--write", str(page), stdout=out)
    table = out.getvalue().strip()
    assert table.startswith("**90% load**")
    assert "| **time left** |" in table
    assert "| due first |" in table
    text = page.read_text()
    assert text.startswith("before\n<!-- simulated -->\n")
    assert text.endswith("<!-- end of the simulation -->\nafter\n")
    assert table in text
    assert "old" not in text


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("words")
    with pytest.raises(NoPlace, match="no place"):
        write(page, "table")
    assert page.read_text() == "words"
    with pytest.raises(CommandError, match="no place"):
        call_command("simulate", "--runs", "1", "--days", "2", "--policy", "due-first", "--load", "0.5",
                     "--write", str(page), stdout=StringIO())  # fmt: skip


def test_the_command_needs_no_database(tmp_path: Path) -> None:
    arguments = ["simulate", "--load", "0.5", "--runs", "1", "--days", "2", "--policy", "due-first"]
    known = {"PATH": os.environ["PATH"], "UCS_DATA_DIR": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, PRODUCT / "manage.py", *arguments],
        env=known,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "| due first |" in answer.stdout


def test_the_command_speaks_json_and_turns_the_knobs() -> None:
    def run(*options: str) -> dict[str, object]:
        out = StringIO()
        call_command("simulate", "--load", "1.1", "--runs", "1", "--days", "3", "--policy", "time-left",
                     "--json", *options, stdout=out)  # fmt: skip
        [row] = json.loads(out.getvalue())
        assert isinstance(row, dict)
        return row

    usual = run()
    assert (usual["load"], usual["rule"], usual["ahead"]) == (1.1, "time-left", None)
    for knob in (["--capacity", "10"], ["--exponent", "0"], ["--own-share", "0"], ["--halving", "0.1"]):
        assert run(*knob)["in_time"] != usual["in_time"], knob


@pytest.mark.parametrize("wrong", [["--load", "0"], ["--runs", "0"], ["--days", "1"], ["--policy", "fair"]])
def test_the_command_refuses_what_cannot_be(wrong: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("simulate", *wrong)
