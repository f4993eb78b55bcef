"""Systems outside that are told what happens, and those that keep records of mail, in a settings file."""

from typing import Any

from mailsources.models import EmailSource
from queues.models import EmailQueue
from ucs.declare.changes import Changes, write
from ucs.declare.document import Entry
from ucs.declare.stored import named
from webhooks.crm_models import token_goes_elsewhere
from webhooks.models import CrmConnection, Webhook


def webhook(entry: Entry, changes: Changes) -> None:
    """webhooks: addresses that events are pushed to."""
    entry.check_keys(
        {"name", "url", "secret", "events", "queue", "source", "active"}, {"name", "url", "events"}
    )
    row = _existing(entry, Webhook.Kind.WEBHOOK)
    created = row.pk is None
    fields: dict[str, Any] = {
        "url": entry.text("url"),
        "events": entry.names("events"),
        "queue": named(entry, "queue", EmailQueue),
        "source": named(entry, "source", EmailSource),
        "is_active": entry.truth("active", True),
    }
    if "secret" in entry.values:
        fields["secret"] = entry.text("secret")
    changes.note(f"webhook {row.name}", write(entry, row, fields), created, row)


CRM_TEXTS = ("record_path", "record_id", "look_up_path")
CRM_PAIRS = ("record_fields", "look_up_fields", "look_up_values")


def crm_connection(entry: Entry, changes: Changes) -> None:
    """crm_connections: systems in which each mail becomes a record."""
    known = {
        "name",
        "kind",
        "url",
        "token",
        "queue",
        "source",
        "active",
        "makes_contacts",
        *CRM_TEXTS,
        *CRM_PAIRS,
    }
    entry.check_keys(known, {"name", "kind", "url"})
    kinds = [each for each in Webhook.Kind.values if each != Webhook.Kind.WEBHOOK]
    row = _existing(entry, entry.choice("kind", kinds, kinds[0]))
    created = row.pk is None
    fields: dict[str, Any] = {
        "url": entry.text("url"),
        "queue": named(entry, "queue", EmailQueue),
        "source": named(entry, "source", EmailSource),
        "is_active": entry.truth("active", True),
        "makes_contacts": entry.truth("makes_contacts", True),
        **{name: entry.text(name, "id" if name == "record_id" else "") for name in CRM_TEXTS},
        **{name: {key: str(value) for key, value in entry.part(name).values.items()} for name in CRM_PAIRS},
    }
    if "token" in entry.values:
        fields["secret"] = entry.text("token")
    elif row.secret and (sentence := token_goes_elsewhere(row.url, fields["url"])):
        raise entry.wrong(sentence, "url")
    changes.note(f"CRM connection {row.name}", write(entry, row, fields), created, row)


def _existing(entry: Entry, kind: str) -> Webhook:
    name = entry.text("name")
    row = Webhook.objects.filter(name=name).first() or Webhook(name=name, kind=kind)
    if row.kind != kind:
        raise entry.wrong(f"there is a {row.get_kind_display()} of that name: give another name.", "name")
    return row


def export_webhooks() -> list[dict[str, Any]]:
    """All webhooks, without their secrets."""
    rows = Webhook.objects.filter(kind=Webhook.Kind.WEBHOOK).select_related("queue", "source").defer("secret")
    return [_webhook(row) for row in rows]


def export_crm() -> list[dict[str, Any]]:
    """All connections to a CRM, without their tokens."""
    return [_crm(row) for row in CrmConnection.objects.select_related("queue", "source").defer("secret")]


def _crm(row: CrmConnection) -> dict[str, Any]:
    values: dict[str, Any] = {"name": row.name, "kind": row.kind, "url": row.url}
    values |= {name: getattr(row, name) for name in (*CRM_TEXTS, *CRM_PAIRS) if getattr(row, name)}
    if not row.makes_contacts:
        values["makes_contacts"] = False
    return values | {
        key: value for key, value in _webhook(row).items() if key in ("queue", "source", "active")
    }


def _webhook(row: Webhook) -> dict[str, Any]:
    values: dict[str, Any] = {"name": row.name, "url": row.url, "events": list(row.events)}
    if row.queue:
        values["queue"] = row.queue.name
    if row.source:
        values["source"] = row.source.name
    return values if row.is_active else values | {"active": False}
