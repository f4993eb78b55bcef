"""The mailboxes in `status` and the metrics: what the server holds, what we have, what is to be seen to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alarms.troubles import troubles
from api.status import sources
from mailsources.fetch import ingest
from mailsources.models import FetchedMail, SourceState
from tests.make import make_mail, make_source
from ucs.metrics import ledgers

pytestmark = pytest.mark.django_db

PROOF = {"server": 5, "ours": 5, "missing": 0, "unnamed": 0, "examples": []}


def the_source(**state: Any) -> dict[str, Any]:
    now = timezone.now()
    values = {"last_success_at": now, "began_at": now, "imported_at": now, "proof": PROOF, "proved_at": now}
    SourceState.objects.update(**(values | state))
    (row,) = sources()
    return row


def found() -> list[str]:
    """What `manage.py status` says of the sources."""
    return [str(trouble) for trouble in troubles() if trouble.key.startswith("source:")]


def test_server_and_ledger_stand_side_by_side() -> None:
    make_source()
    row = the_source(on_server=5, in_ledger=5)
    assert (row["state"], row["on_server"], row["in_ledger"]) == ("ok", 5, 5)
    assert row["proof"] == "server 5 = ours 5"
    assert found() == []


def test_how_far_it_is_behind() -> None:
    source = make_source()
    row = the_source()
    assert (row["lag"], row["lag_why"], row["oldest_waiting_at"]) == ("", "", None)
    came = timezone.now() - timedelta(minutes=20, seconds=5)
    for minutes in (0, 5):
        fetched = ingest(source, make_mail())
        FetchedMail.objects.filter(pk=fetched.pk).update(received_at=came + timedelta(minutes=minutes))
    row = the_source()
    assert (row["lag"], row["lag_why"], row["oldest_waiting_at"]) == ("20 min", "the oldest waits", came)


def test_a_difference_and_silence_are_troubles() -> None:
    make_source(name="support-in", silence_hours=2)
    missing = PROOF | {"ours": 4, "missing": 1, "examples": ["UID 3"]}
    row = the_source(proof=missing, last_mail_at=timezone.now() - timedelta(hours=5))
    assert row["state"] == "alarm"
    lacking, silent = found()
    assert lacking.startswith("source support-in: 1 mail is in the mailbox")
    assert "UID 3" in lacking
    assert "No mail has come for 5 h" in silent


def test_the_first_import_tells_how_far_it_is() -> None:
    make_source()
    row = the_source(imported_at=None, on_server=100_000, in_ledger=12_300)
    assert row["importing"] == "12,300 of 100,000 imported"
    assert found() == []


def test_the_metrics_have_each_mailbox() -> None:
    make_source(name="support-in", silence_hours=2)
    make_source(name="off", is_active=False)
    the_source_is_silent = timezone.now() - timedelta(hours=5)
    SourceState.objects.update(on_server=7, in_ledger=6, last_mail_at=the_source_is_silent)
    values = {
        gauge.name: {sample.labels["source"]: sample.value for sample in gauge.samples} for gauge in ledgers()
    }
    assert values["ucs_source_on_server"] == {"support-in": 7}
    assert values["ucs_source_in_ledger"] == {"support-in": 6}
    assert values["ucs_source_alarms"] == {"support-in": 1}
    assert values["ucs_source_last_mail_seconds"]["support-in"] >= 5 * 3600
    assert values["ucs_source_proof_seconds"] == {}
