"""Calendars, promises, steps and shifts in a settings file."""

from datetime import date
from pathlib import Path

import pytest

from agents.models import Agent, Calendar
from queues.models import EmailQueue, EscalationStep
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db

WHOLE = """\
calendars:
  - name: Office
    time_zone: Europe/Prague
    hours: "Mo-Fr 08:00-17:00"
    days:
      2026-12-24: 08:00-12:00
      2026-12-31: {hours: closed, name: Stocktaking}
      12-25: closed
agents:
  - {username: alice, shifts: "Mo-Fr 08:00-16:30", time_zone: Europe/Prague, calendar: Office}
queues:
  - {name: Later, sla: {first_response: 1h}}
  - name: Support
    calendar: Office
    sla: {first_response: 4h, next_response: 8h, resolution: 40h, urgent: 10}
    escalation:
      - {when: 80% used, do: supervisor}
      - {when: 30m before, do: priority}
      - {when: 2h after, do: move, queue: Later}
      - {when: 0m after, do: note, text: "Call them."}
"""


def apply(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return apply_file(path).lines


def test_a_file_makes_them_and_changes_nothing_the_second_time(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    assert len(apply(path, WHOLE)) == 4
    office = Calendar.objects.get()
    days = list(office.days.values_list("date", "yearly", "hours", "name"))
    assert (date(2026, 12, 31), False, "", "Stocktaking") in days
    assert (date(2020, 12, 25), True, "", "") in days
    queue = EmailQueue.objects.get(name="Support")
    assert (queue.calendar, queue.resolution, queue.urgent_percent, queue.high_percent) == (
        office,
        2400,
        10,
        50,
    )
    steps = list(queue.escalation.values_list("when", "amount", "act"))
    assert steps == [("used", 80, "supervisor"), ("before", 30, "priority"), ("after", 120, "move"),
                     ("after", 0, "note")]  # fmt: skip
    alice = Agent.objects.get()
    assert (alice.shifts, alice.time_zone, alice.calendar) == ("Mo-Fr 08:00-16:30", "Europe/Prague", office)
    version = office.version
    assert apply(path, WHOLE) == []
    assert Calendar.objects.get().version == version


def test_an_export_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    apply(path, WHOLE)
    assert apply(path, export()) == []


def test_what_is_left_out_goes_and_what_stays_keeps_its_step(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    apply(path, WHOLE)
    kept = EscalationStep.objects.get(act="supervisor").pk
    lines = apply(path, WHOLE.replace('      - {when: 2h after, do: move, queue: Later}\n', "").replace(
        "      12-25: closed\n", ""))  # fmt: skip
    assert any("12-25 taken away" in line for line in lines)
    assert list(
        EscalationStep.objects.filter(act__in=["supervisor", "move"]).values_list("pk", flat=True)
    ) == [kept]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("12-25: closed", "13-25: closed", "'13-25' is not a day"),
        ("08:00-12:00", "8-12", "“8-12” in the opening hours"),
        ("Europe/Prague\n", "Europe/Nowhere\n", "is no time zone"),
        ("when: 80% used", "when: soon", "can't be read"),
        ("do: priority", "do: shout", "a step does one of"),
        ("queue: Later}", "queue: Nowhere}", "there is no email queue “Nowhere”"),
        ("calendar: Office\n", "calendar: Home\n", "there is no calendar “Home”"),
        (', text: "Call them."', "", "Write what the note says"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    assert before in WHOLE
    with pytest.raises(BadFile) as caught:
        apply(tmp_path / "settings.yml", WHOLE.replace(before, after, 1))
    assert sentence in str(caught.value)
