"""What one line of an import says, and what it does to the contact that it is about.

    an id of the CRM that is known ──▶ that contact          else an address that is known ──▶ that one
    else a new one                                           two different ones: the line is refused

An empty cell leaves what is known. The same file twice changes nothing the second time.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm import facts, fields
from crm.addresses import MOST_ADDRESSES, address_key
from crm.columns import OWN
from crm.models import Contact, ContactField, Organisation
from crm.refusals import ContactRefused

_PARTS = re.compile(r"[\s,;]+")
_PHONES = re.compile(r"[\n,;]+")
PRIORITIES = {"urgent": 1, "high": 2, "none": 3, "normal": 3, "as usual": 3, "low": 4}


class Refused(Exception):
    """The line is left out: a code, and the cell that is wrong."""

    def __init__(self, code: str, column: str = "", value: str = "") -> None:
        self.code, self.column, self.value = code, column, value
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says, with values as they are stored."""

    number: int
    emails: list[str]
    values: dict[str, Any]  # of facts.PLAIN, but the organisation is a name
    own: dict[str, Any]


@dataclass(slots=True)
class Known:
    """What the lines of a batch are about: contacts by address and by the id of the CRM, firms by name.

    :param domains: the organisations that new contacts belong to by the domain of their address.
    """

    firms: dict[str, Organisation] = field(default_factory=dict)
    domains: dict[str, Organisation] = field(default_factory=dict)
    by_email: dict[str, Contact] = field(default_factory=dict)
    by_id: dict[str, Contact] = field(default_factory=dict)


def read(
    number: int, record: Sequence[str], mapping: Sequence[str], defined: Mapping[str, ContactField]
) -> Line:
    """Understand a line.

    Raises:
        Refused: a cell can't be what its column is.
    """
    cells: dict[str, str] = {}
    for target, cell in zip(mapping, record, strict=False):
        if target and cell:
            cells[target] = cell
    emails = _emails(cells)
    values: dict[str, Any] = {}
    name = cells.get("name") or " ".join(
        each for each in (cells.get("first_name"), cells.get("last_name")) if each
    )
    if name:
        values["name"] = facts.clean_name(name)
    if "organisation" in cells:
        values["organisation"] = facts.clean_name(cells["organisation"])[:200]
    for target in ("language", "time_zone", "standing", "external_id", "remark"):
        if target in cells:
            values[target] = _clean(target, cells[target].lower() if target == "standing" else cells[target])
    if "phone" in cells:
        values["phones"] = _clean("phones", [each for each in _PHONES.split(cells["phone"]) if each.strip()])
    if "priority" in cells:
        word = cells["priority"].lower()
        values["priority"] = _clean("priority", PRIORITIES.get(word, word))
    if not emails and "external_id" not in values:
        raise Refused("nobody")
    return Line(number, emails, values, _own(cells, defined))


def _emails(cells: Mapping[str, str]) -> list[str]:
    found: dict[str, None] = {}
    for target in ("email", "emails"):
        for part in _PARTS.split(cells.get(target, "")):
            if part:
                try:
                    found[address_key(part)] = None
                except ContactRefused as error:
                    raise Refused("email", target, part) from error
    check_room(len(found))
    return list(found)


def check_room(count: int) -> None:
    """Refuse more addresses than a contact may have.

    Raises:
        Refused: there are.
    """
    if count > MOST_ADDRESSES:
        raise Refused("many", "emails")


def _clean(target: str, value: Any) -> Any:
    try:
        return facts.clean(target, value)
    except ContactRefused as error:
        raise Refused(target, target, str(value)) from error


def _own(cells: Mapping[str, str], defined: Mapping[str, ContactField]) -> dict[str, Any]:
    found = {}
    for target, cell in cells.items():
        if target.startswith(OWN):
            each = defined.get(target.removeprefix(OWN))
            if each is None:  # taken away since
                continue
            try:
                found[each.key] = fields.value_of(each, cell)
            except ContactRefused as error:
                raise Refused(f"field_{each.kind}", target, cell) from error
    return found


def about(line: Line, known: Known) -> Contact | None:
    """The contact that a line is about; None for a new one.

    Raises:
        Refused: it names two.
    """
    external_id = line.values.get("external_id", "")
    by_id = known.by_id.get(external_id) if external_id else None
    found = [known.by_email[each] for each in line.emails if each in known.by_email]
    everyone = {id(each): each for each in ([by_id] if by_id else []) + found}
    if len(everyone) > 1:
        raise Refused("two", "email", ", ".join(line.emails))
    contact = next(iter(everyone.values()), None)
    if contact is not None and by_id is None and external_id and contact.external_id:
        raise Refused("other_id", "external_id", external_id)
    return contact


def check_required(line: Line, contact: Contact | None, defined: Mapping[str, ContactField]) -> None:
    """Refuse if a required own field would be empty.

    Raises:
        Refused: it would.
    """
    stored = contact.fields if contact is not None else {}
    for each in defined.values():
        if each.is_required and line.own.get(each.key) is None and stored.get(each.key) is None:
            raise Refused("required", OWN + each.key, each.label)


def differences(line: Line, contact: Contact) -> dict[str, list[Any]]:
    """What of the contact the line would change: fact → before and after; the organisation by its name."""
    before = facts.facts(contact) | {
        "organisation": contact.organisation.name if contact.organisation else ""
    }
    wanted = dict(line.values)
    if "phones" in wanted:
        wanted["phones"] = list(dict.fromkeys([*before["phones"], *wanted["phones"]]))[: facts.MOST_PHONES]
    own = before["fields"] | {key: value for key, value in line.own.items() if value is not None}
    found = {name: [before[name], value] for name, value in wanted.items() if before[name] != value}
    if own != before["fields"]:
        found["fields"] = [before["fields"], own]
    if "organisation" in found and before["organisation"].lower() == found["organisation"][1].lower():
        del found["organisation"]
    return found
