"""What a row holds, in words, to tell what a change did: taken before and after, and compared.

Secrets are compared, never told. Of persons outside, only which field changed is told: the log outlives
their wish to be forgotten.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import models

LONGEST_VALUE = 500
HIDDEN = frozenset(("auth.user.password", "api.apikey.hash", "api.apiclient.hash"))
"""Secrets that are no encrypted field: hashes of them."""

UNTOLD = frozenset(("auth.user.last_login", "auth.user.date_joined"))
"""What changes by itself."""


class Change(NamedTuple):
    """One field: what stood there and what stands there now."""

    field: str
    old: str
    new: str


class Sealed(str):
    """The digest of a secret: good to compare, and never told."""

    __slots__ = ()


class Personal(str):
    """A value of a person outside: compared, and not told either."""

    __slots__ = ()


Picture = Mapping[str, str]


def picture(row: models.Model, related: Iterable[str] = ()) -> dict[str, str]:
    """The fields that people set, in words.

    :param related: reverse names of rows that belong to this one, such as `skill_levels`.
    """
    found = {name: _told(row, field) for name, field in _fields(row)}
    if row.pk is None:
        return found
    for many in row._meta.many_to_many:
        found[many.name] = _joined(getattr(row, many.name).all())
    for name in related:
        part: models.Model
        for part in getattr(row, name).all():
            found |= _part(name, part, row)
    return found


def stored(row: models.Model, related: Iterable[str] = ()) -> dict[str, str]:
    """The picture of a row as the database has it; empty if it has none."""
    secrets = [field.name for field in row._meta.concrete_fields if hasattr(field, "fingerprint")]
    there = type(row)._base_manager.filter(pk=row.pk).defer(*secrets).first()
    return picture(there, related) if there is not None else {}


def differences(before: Picture, after: Picture) -> list[Change]:
    """What is different, in the order of the fields."""
    names = [*after, *(name for name in before if name not in after)]
    return [
        _change(name, before.get(name, ""), after.get(name, ""))
        for name in names
        if before.get(name, "") != after.get(name, "")
    ]


def short(value: object) -> str:
    """A value as a row holds it: long ones are cut, and say so."""
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"


def _change(name: str, old: str, new: str) -> Change:
    if isinstance(old, (Sealed, Personal)) or isinstance(new, (Sealed, Personal)):
        return Change(name, "", "changed" if new else "removed")
    return Change(name, short(old), short(new))


def _fields(row: models.Model) -> Iterable[tuple[str, "models.Field[Any, Any]"]]:
    label = row._meta.label_lower
    for field in row._meta.concrete_fields:
        if not field.primary_key and field.editable and f"{label}.{field.name}" not in UNTOLD:
            yield field.name, field


def _told(row: models.Model, field: "models.Field[Any, Any]") -> str:
    fingerprint = getattr(field, "fingerprint", None)
    if fingerprint is not None:
        return Sealed(fingerprint(row))
    if f"{row._meta.label_lower}.{field.name}" in HIDDEN:
        return Sealed(_digest(str(getattr(row, field.attname) or "")))
    value = getattr(row, field.name) if field.is_relation else getattr(row, field.attname)
    if value in (None, "", [], {}):
        return ""
    if getattr(row, "is_person", False):
        return Personal(_digest(str(value)))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _part(name: str, part: models.Model, owner: models.Model) -> dict[str, str]:
    """A row that belongs to another: called by what stands first in it, as its own name may tell the rest."""
    told = {
        field_name: _told(part, field)
        for field_name, field in _fields(part)
        if not (field.is_relation and isinstance(owner, _model_of(field)))
    }
    first = next(iter(told.values()), "")
    said = f"{name.replace('_', ' ')}: {part.pk if isinstance(first, Personal) else first or part.pk}"
    return {f"{said}, {field_name}": value for field_name, value in told.items()}


def _model_of(field: "models.Field[Any, Any]") -> type[models.Model]:
    model = field.related_model
    return model if isinstance(model, type) else models.Model


def _joined(rows: Iterable[Any]) -> str:
    return ", ".join(sorted(str(each) for each in rows))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if text else ""
