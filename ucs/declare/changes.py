"""Create or change one object as an entry of the file says, and tell what was different."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models

from agents.skillwords import is_firm
from audit.acts import Act
from audit.log import record
from audit.pictures import Change
from sso import belonging, lasttests, wayback
from sso.fields import SecretField
from ucs.declare.document import Entry

M = TypeVar("M", bound=models.Model)


def _change(told: str) -> Change:
    """A difference in words as the audit log has it."""
    name, _, values = told.partition(": ")
    old, _, new = values.rpartition(" → ")
    if name.endswith(" (secret)"):
        return Change(name.removesuffix(" (secret)"), "", "changed")
    return Change(name, old if old != "none" else "", new if new != "none" else "")


@dataclass
class Changes:
    """What applying a file did, a line for each object."""

    lines: list[str] = field(default_factory=list)
    unchanged: int = 0

    def note(self, what: str, differences: list[str], created: bool, row: models.Model) -> None:
        """Add an object to the report, and to the audit log if it is another now."""
        if created or differences:
            record(None, Act.INSERTED if created else Act.CHANGED, row, changes=map(_change, differences))
        if created:
            self.lines.append(f"created {what}")
        elif differences:
            self.lines.append(f"changed {what}: {', '.join(differences)}")
        else:
            self.unchanged += 1


def differences(row: models.Model, fields: Mapping[str, Any]) -> list[str]:
    """The fields whose stored value differs; values of secrets are never told."""
    found = []
    for name, value in fields.items():
        old = getattr(row, name, None)  # a new row has no related object yet
        if old == value:
            continue
        secret = isinstance(row._meta.get_field(name), SecretField)
        found.append(f"{name} (secret)" if secret else f"{name}: {_shown(old)} → {_shown(value)}")
    return found


def _shown(value: Any) -> str:
    return "none" if value in (None, "") else str(value)


def write(entry: Entry, row: M, fields: Mapping[str, Any]) -> list[str]:
    """Set the fields, check the whole object, save it if it is new or differs.

    :returns: the differences in words.
    :raises BadFile: the object's own rules refuse a value.
    """
    found = differences(row, fields)
    if not row._state.adding and not found:
        return []
    former = copy(row)
    for name, value in fields.items():
        setattr(row, name, value)
    try:
        row.full_clean()
    except ValidationError as error:
        raise refused(entry, error) from error
    if former.pk and hasattr(row, "belongs") and (sentence := belonging.why_not_kept(former, row)):
        raise entry.wrong(sentence, "password" if "password" in entry.values else "server_address")
    row.save()
    if former.pk and hasattr(row, "last_tests"):
        lasttests.forget(row)
    if former.pk and hasattr(row, "former_secrets"):
        console: Any = admin.site.get_model_admin(type(row))
        wayback.keep(row, former, console.test_identity, None)
    return found


def refused(entry: Entry, error: ValidationError) -> Exception:
    """The first refusal of a model, at the line of the key that it is about."""
    if not hasattr(error, "error_dict"):
        return entry.wrong(" ".join(error.messages))
    name, messages = next(iter(error.message_dict.items()))
    return entry.wrong(" ".join(messages), "" if name == "__all__" else name)


def set_levels(owner: models.Model, related: str, name_field: str, wanted: Mapping[Any, int]) -> list[str]:
    """Make the level rows of an owner what the file says.

    :param related: the reverse name of the level rows; `name_field`: their foreign key.
    :param wanted: object → level.
    """
    rows = getattr(owner, related)
    there = {getattr(row, name_field): row for row in rows.select_related(name_field)}
    found = []
    for thing, row in there.items():
        if thing not in wanted:
            row.delete()
            found.append(f"{name_field} {thing} taken away")
    for thing, level in wanted.items():
        if thing not in there:
            rows.create(**{name_field: thing, "level": level})
            found.append(f"{name_field} {thing}: {_told(level)}")
        elif there[thing].level != level:
            found.append(f"{name_field} {thing}: {_told(there[thing].level)} → {_told(level)}")
            there[thing].level = level
            there[thing].save(update_fields=["level"])
    return found


def _told(level: int) -> str:
    return "yes" if is_firm(level) else str(level)


def set_members(manager: Any, wanted: list[Any], word: str) -> list[str]:
    """Make a many-to-many relation what the file says."""
    if set(manager.all()) == set(wanted):
        return []
    manager.set(wanted)
    return [f"{word}: {', '.join(str(item) for item in wanted) or 'none'}"]
