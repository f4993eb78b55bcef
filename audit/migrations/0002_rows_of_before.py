"""What Django's own log of the administration has, goes on in ours."""

import hashlib
import json
from datetime import timezone

from django.db import migrations

ACTS = {1: "inserted", 2: "changed", 3: "deleted"}
AT_ONCE = 1000


def copy(apps, schema_editor):
    """Oldest first, so that the order stays."""
    LogEntry = apps.get_model("admin", "LogEntry")
    AuditRow = apps.get_model("audit", "AuditRow")
    users = dict(apps.get_model("auth", "User").objects.values_list("pk", "username"))
    kinds = {
        each.pk: f"{each.app_label}.{each.model}"
        for each in apps.get_model("contenttypes", "ContentType").objects.all()
    }
    rows = (_row(AuditRow, entry, users, kinds) for entry in LogEntry.objects.order_by("pk").iterator())
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == AT_ONCE:
            AuditRow.objects.bulk_create(batch)
            batch = []
    AuditRow.objects.bulk_create(batch)


def _row(model, entry, users, kinds):
    kind = kinds.get(entry.content_type_id, "")
    outside = kind in ("crm.contact", "crm.organisation")
    row = model(
        at=entry.action_time.astimezone(timezone.utc),
        actor_kind="user",
        actor_id=entry.user_id,
        actor_name=users.get(entry.user_id, f"user {entry.user_id}"),
        act=ACTS.get(entry.action_flag, "did"),
        kind=kind,
        object_id=(entry.object_id or "")[:64],
        object_name=f"contact {entry.object_id}" if outside else entry.object_repr,
        note=_words(entry.change_message),
    )
    told = [
        *(row.at.isoformat(), row.actor_kind, row.actor_id, row.actor_name, row.ip, row.browser),
        *(row.act, row.kind, row.object_id, row.object_name, row.changes, row.note, row.reason),
    ]
    row.digest = hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()
    return row


def _words(message):
    """The sentence that stood there, or the names of the fields."""
    if not message.startswith("["):
        return message
    try:
        parts = json.loads(message)
    except ValueError:
        return message
    told = []
    for part in parts:
        for what, about in part.items():
            fields = ", ".join(about.get("fields", []))
            told.append(" ".join(word for word in (what, about.get("name", ""), fields) if word))
    return "; ".join(told)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_audit_log"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(copy, migrations.RunPython.noop)]
