"""Rows are sealed, pruned when they are old, and a missing one is seen."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

import alarms.audit_troubles
from alarms.audit_troubles import audit_troubles
from audit import keeping, pruning
from audit.acts import Act
from audit.log import Subject, record
from audit.models import AuditRow, AuditRules, AuditSeal
from mailstore import hints, workers

pytestmark = pytest.mark.django_db


def write(count: int, at: datetime) -> None:
    for number in range(count):
        row = record(None, Act.DID, Subject("settings"), note=f"{number}")
        with connection.cursor() as cursor:  # as it would have been written then
            row.at = at
            cursor.execute("ALTER TABLE audit_auditrow DISABLE TRIGGER audit_append_only")
            AuditRow.objects.filter(pk=row.pk).update(at=at, digest=row.computed_digest())
            cursor.execute("ALTER TABLE audit_auditrow ENABLE TRIGGER audit_append_only")


def past_the_product(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditrow DISABLE TRIGGER audit_append_only")
        cursor.execute(sql)
        cursor.execute("ALTER TABLE audit_auditrow ENABLE TRIGGER audit_append_only")


def test_a_run_is_sealed_and_whole() -> None:
    now = timezone.now()
    write(3, now - timedelta(hours=2))
    write(1, now)  # may still have older company that is not committed yet
    assert (keeping.seal(now), keeping.seal(now)) == (3, 0)
    assert list(keeping.faults()) == []
    call_command("audit")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_auditrow WHERE note = '1'",
        "UPDATE audit_auditrow SET note = 'nothing' WHERE note = '1'",
        "UPDATE audit_auditrow SET digest = repeat('0', 64) WHERE note = '1'",
    ],
)
def test_what_was_changed_past_the_product_is_seen(sql: str) -> None:
    now = timezone.now()
    write(3, now - timedelta(hours=2))
    keeping.seal(now)
    past_the_product(sql)
    assert list(keeping.faults())
    with pytest.raises(CommandError, match="changed past the product"):
        call_command("audit")


def test_old_runs_are_deleted_and_that_is_a_row() -> None:
    now = timezone.now()
    AuditRules(days=100).save()
    write(2, now - timedelta(days=101))
    keeping.seal(now)
    write(2, now - timedelta(days=99))
    keeping.seal(now)
    assert (pruning.prune(now), pruning.prune(now)) == (True, False)
    assert AuditRow.objects.filter(act="did").count() == 2
    assert AuditRow.objects.get(act="pruned").note.startswith("2 rows")
    assert AuditSeal.objects.filter(pruned_at=None).count() == 1
    assert list(keeping.faults()) == []


def test_a_person_is_taken_out_and_the_chain_holds() -> None:
    now = timezone.now()
    write(1, now - timedelta(hours=2))
    record(None, Act.DID, Subject("crm.contact", "contact 7", 7), reason="They asked.")
    record(None, Act.EXPORTED, Subject("settings"), note="name=Xylophina_100%")
    keeping.seal(now + timedelta(hours=2))
    assert keeping.forget("crm.contact", ["7"], ["xylophina_100%", "abc"]) == 2
    assert AuditRow.objects.filter(erased_at__isnull=False, note="", reason="").count() == 2
    assert list(keeping.faults()) == []


def test_an_address_in_a_longer_one_is_somebody_else() -> None:
    texts = ("aa@x.example", "b.a@x.example", "a@x.example.org", "a@x.example-shop", "me-a@x.example")
    for text in (*texts, "A@X.example wrote.", "<a@x.example>", "mailto:a@x.example,b@y.example"):
        record(None, Act.DID, Subject("settings"), note=text)
    assert keeping.forget("crm.contact", [], ["a@x.example"]) == 3
    assert set(AuditRow.objects.filter(erased_at=None).values_list("note", flat=True)) == set(texts)
    lines = "b@y.example\na@x.example"
    listed = record(None, Act.CHANGED, Subject("settings"), changes=[("list", "", lines)])
    assert keeping.forget("crm.contact", [], ["a@x.example"]) == 1
    listed.refresh_from_db()
    assert listed.changes == []


def test_what_is_broken_keeps_nothing_for_ever_and_is_told() -> None:
    now = timezone.now()
    AuditRules(days=100).save()
    old = now - timedelta(days=101)
    for _ in range(4):
        write(2, old)
        assert keeping.seal(old + timedelta(hours=2)) == 2
    AuditSeal.objects.update(sealed_at=old)
    lost, broken, empty, whole = AuditSeal.objects.order_by("last_id")
    lost.delete()
    past_the_product(
        f"UPDATE audit_auditrow SET at = now() + interval '9 years' WHERE id = {broken.first_id}"
    )
    past_the_product(f"DELETE FROM audit_auditrow WHERE id IN ({empty.first_id}, {empty.last_id})")
    assert not list(audit_troubles())
    rounds = 0
    while pruning.prune(now):
        rounds += 1
    assert (rounds, AuditRow.objects.filter(act="did").count()) == (4, 0)
    notes = " ".join(AuditRow.objects.filter(act="pruned").values_list("note", flat=True))
    assert "was lost." in notes
    assert f"Of the 2 {empty}, 0 were there." in notes
    (trouble,) = audit_troubles()
    assert "was lost" in trouble.sentence
    assert "manage.py audit" in trouble.sentence
    AuditSeal.objects.update(fault_at=old)
    assert [each.key for each in audit_troubles()] == []
    assert whole.rows == 2


def test_a_clock_that_was_wrong_stops_no_seal(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    write(2, now + timedelta(days=900))
    assert keeping.seal(now) == 0, "it may be young"
    write(2, now - timedelta(hours=2))
    write(1, now)
    assert (keeping.seal(now), keeping.seal(now)) == (4, 0)
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    write(4, now + timedelta(days=900))
    write(1, now - timedelta(hours=2))
    assert [keeping.seal(now + timedelta(hours=2)) for _ in range(4)] == [2, 2, 2, 0]
    assert list(keeping.faults()) == []
    write(1, now - timedelta(days=2))
    since: list[datetime | None] = [None, now - timedelta(minutes=50), now - timedelta(hours=3)]
    monkeypatch.setattr(alarms.audit_troubles, "alive_since", lambda queue: since.pop(0))
    assert not list(audit_troubles()), "that no worker runs is an alarm of its own"
    assert not list(audit_troubles()), "after an outage there was no time yet"
    assert [each.key for each in audit_troubles()] == ["audit:unsealed"]


def test_what_was_written_with_a_clock_that_was_set_back_is_not_sealed_at_once() -> None:
    """It looks old, while acts that began before it may still be committed."""
    now = timezone.now()
    write(2, now - timedelta(hours=3))
    write(1, now - timedelta(minutes=2))
    write(2, now - timedelta(hours=2))
    assert (keeping.seal(now), keeping.seal(now)) == (2, 0)
    assert keeping.seal(now + timedelta(hours=1)) == 3
    assert list(keeping.faults()) == []


def test_since_when_workers_run(monkeypatch: pytest.MonkeyPatch, clean_redis: None) -> None:
    assert workers.alive_since("housekeeping") is None
    monkeypatch.setattr("mailstore.workers.time.time", lambda: 1_000_000.0)
    workers.note_heartbeat("housekeeping")
    monkeypatch.setattr("mailstore.workers.time.time", lambda: 1_000_030.0)
    workers.note_heartbeat("housekeeping")
    since = workers.alive_since("housekeeping")
    assert since is not None
    assert since.timestamp() == 1_000_000.0
    left: Any = hints.client().ttl(workers.since_key("housekeeping"))
    assert 0 < left <= workers.LONGEST_SILENCE
