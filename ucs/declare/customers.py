"""Own fields of contacts and links to another CRM, in a settings file."""

from typing import Any

from crm.models import ContactField, CrmLink
from ucs.declare.changes import Changes, write
from ucs.declare.document import Entry


def contact_field(entry: Entry, changes: Changes) -> None:
    """contact_fields: what contacts and organisations have besides what all have."""
    entry.check_keys({"name", "label", "of", "kind", "choices", "required", "position"}, {"name"})
    of = entry.choice("of", ContactField.Of.values, ContactField.Of.CONTACT)
    key = entry.text("name")
    row = ContactField.objects.filter(key=key).first() or ContactField(of=of, key=key)
    created = row.pk is None
    kind = entry.choice("kind", ContactField.Kind.values, ContactField.Kind.TEXT)
    if not created and (kind, of) != (row.kind, row.of):
        wrong = "kind" if kind != row.kind else "of"
        raise entry.wrong("it can't be changed of a field that is there: make another field.", wrong)
    fields: dict[str, Any] = {
        "label": entry.text("label") or key.replace("_", " ").capitalize(),
        "kind": kind,
        "choices": entry.names("choices"),
        "is_required": entry.truth("required", False),
        "position": entry.number("position", 0),
    }
    changes.note(f"contact field {row.key}", write(entry, row, fields), created, row=row)


def crm_link(entry: Entry, changes: Changes) -> None:
    """crm_links: from a contact to its page in another system."""
    entry.check_keys({"name", "url", "position"}, {"name", "url"})
    row = CrmLink.objects.filter(name=entry.text("name")).first() or CrmLink(name=entry.text("name"))
    created = row.pk is None
    fields = {"template": entry.text("url"), "position": entry.number("position", 0)}
    changes.note(f"CRM link {row.name}", write(entry, row, fields), created, row=row)


def export_fields() -> list[dict[str, Any]]:
    """All own fields."""
    return [_field(row) for row in ContactField.objects.all()]


def _field(row: ContactField) -> dict[str, Any]:
    values: dict[str, Any] = {"name": row.key, "label": row.label, "kind": row.kind}
    if row.of != ContactField.Of.CONTACT:
        values["of"] = row.of
    found = {"choices": list(row.choices), "required": row.is_required, "position": row.position}
    return values | {key: value for key, value in found.items() if value}


def export_links() -> list[dict[str, Any]]:
    """All links to other systems."""
    return [
        {"name": row.name, "url": row.template} | ({"position": row.position} if row.position else {})
        for row in CrmLink.objects.all()
    ]
