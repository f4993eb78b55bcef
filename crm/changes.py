"""The history of contacts and organisations: codes and values, worded when they are shown."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User

from crm.models import Contact, ContactChange, Organisation

Kind = ContactChange.Kind


def note_change(
    kind: str,
    user: User | None,
    *,
    contact: Contact | None = None,
    organisation: Organisation | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write into the history who did what."""
    ContactChange.objects.create(
        kind=kind, user=user, contact=contact, organisation=organisation, data=dict(data or {})
    )


def flat(changed: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Changes, fact → before and after, with own fields one by one as "fields.key"."""
    told = dict(changed)
    before, after = told.pop("fields", ({}, {}))
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            told[f"fields.{key}"] = [before.get(key), after.get(key)]
    return told
