"""Migrations that grow with the mail: an index on a big table is built beside what goes on."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader

BIG = {
    *("queues.conversation", "queues.message", "queues.attachment", "queues.event", "queues.note"),
    *("queues.notice", "queues.bulkitem", "queues.picture", "mailstore.rawmail", "mailstore.mailtry"),
    *("mailstore.feedevent", "mailsources.fetchedmail", "mailsources.rulehit", "mailsenders.outgoingmail"),
    *("mailsenders.outgoingrecipient", "mailsenders.senderuse", "webhooks.delivery", "webhooks.pushedrecord"),
    *("crm.contact", "crm.contactaddress", "crm.communication", "crm.contactchange", "audit.auditrow"),
    "sso.connectionlog",
}
"""Tables that have a row, or more, for each mail, customer or act."""


BEFORE = {
    "crm": "0003",
    "mailsenders": "0002 0003 0005 0006 0009 0011",
    "mailsources": "0004 0007 0011",
    "queues": "0002 0003 0004 0007 0009 0011 0012 0016 0022 0023 0025 0027 0028",
}
"""Migrations from before this rule, by their numbers; none is added here."""


def found() -> Iterator[tuple[str, migrations.Migration]]:
    """All migrations of ours."""
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if "site-packages" not in (apps.get_app_config(app).path):
            yield f"{app}.{name}", migration


def locking(app: str, operations: Sequence[Any]) -> list[str]:
    """What builds an index while nobody can write, on a big table that was there before."""
    made = {f"{app}.{each.name.lower()}" for each in operations if isinstance(each, migrations.CreateModel)}
    return [
        f"{type(each).__name__} on {table}"
        for each in operations
        if (table := f"{app}.{getattr(each, 'model_name', '').lower()}") in BIG - made and _is_locking(each)
    ] + [
        "RunSQL"
        for each in operations
        if isinstance(each, migrations.RunSQL) and _makes_index(str(each.sql)) and not made
    ]


def _is_locking(each: Any) -> bool:
    if isinstance(each, migrations.AddIndex):
        return not isinstance(each, AddIndexConcurrently)
    if isinstance(each, migrations.AddConstraint):
        return isinstance(each.constraint, models.UniqueConstraint)
    if isinstance(each, (migrations.AddField, migrations.AlterField)):
        is_old_key = isinstance(each, migrations.AlterField) and each.field.is_relation
        field: Any = each.field
        return bool(field.unique or (field.db_index and not is_old_key))
    return False


def _is_before(name: str) -> bool:
    app, _, rest = name.partition(".")
    return rest[:4] in BEFORE.get(app, "").split()


def _makes_index(sql: str) -> bool:
    words = sql.upper().split()
    return "INDEX" in words and "CREATE" in words and "CONCURRENTLY" not in words


def test_an_index_on_a_big_table_is_built_beside_what_goes_on() -> None:
    wrong = {
        name: told
        for name, migration in found()
        if not _is_before(name) and (told := locking(migration.app_label, migration.operations))
    }
    assert not wrong, f"use AddIndexConcurrently, in a migration of its own with atomic = False: {wrong}"


@pytest.mark.parametrize(
    ("operation", "is_locking"),
    [
        (migrations.AddIndex("message", models.Index(fields=["subject"], name="a")), True),
        (AddIndexConcurrently("message", models.Index(fields=["subject"], name="a")), False),
        (migrations.AddIndex("tag", models.Index(fields=["name"], name="a")), False),
        (
            migrations.AddConstraint("message", models.UniqueConstraint(fields=["subject"], name="a")),
            True,
        ),
        (migrations.AddField("message", "n", models.IntegerField(db_index=True, null=True)), True),
        (migrations.AddField("message", "n", models.IntegerField(null=True)), False),
        (migrations.RunSQL("CREATE INDEX a ON queues_message (subject)"), True),
        (migrations.RunSQL("CREATE INDEX CONCURRENTLY a ON queues_message (subject)"), False),
    ],
)
def test_what_locks_is_seen(operation: Any, is_locking: bool) -> None:
    assert bool(locking("queues", [operation])) == is_locking
    made = migrations.CreateModel("message", [])
    assert not locking("queues", [made, operation]), "an empty table is indexed in no time"
