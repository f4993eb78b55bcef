"""The demo's settings file is one that the product accepts, and it fits the world."""

from pathlib import Path

import pytest
import yaml

from rehearsal.people import COMPANY, COMPANY_MAILBOXES
from ucs.declare.apply import apply_file

DEMO = Path(__file__).parents[2] / "rehearsal" / "demo.yml"


@pytest.mark.django_db
def test_demo_file_applies_and_changes_nothing_the_second_time() -> None:
    assert apply_file(DEMO).lines
    again = apply_file(DEMO)
    assert not [line for line in again.lines if "unchanged" not in line], again


def test_demo_file_signs_in_with_the_worlds_passwords() -> None:
    demo = yaml.safe_load(DEMO.read_text())
    passwords = {one.address: one.password for one in COMPANY_MAILBOXES}
    for entry in demo["sources"] + demo["senders"]:
        assert entry["server_address"] == COMPANY
        assert entry["password"] == passwords[entry["username"]]
