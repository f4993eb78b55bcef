"""What is known of a contact besides addresses and own fields: its names, and which values it may have."""

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crm import fields
from crm.models import Contact, Organisation
from crm.refusals import ContactRefused
from crm.zones import check_zone

PLAIN = (
    *("name", "organisation", "language", "time_zone", "priority", "standing"),
    *("phones", "external_id", "remark"),
)
"""What can be changed besides own fields; the organisation by its id or None."""

MOST_PHONES = 10
_PHONE = re.compile(r"[+\d][\d ()./-]{1,38}\d")


def facts(contact: Contact) -> dict[str, Any]:
    """What of a contact can be changed, as plain values."""
    own = {name: getattr(contact, name) for name in PLAIN if name != "organisation"}
    return own | {"organisation": contact.organisation_id, "fields": dict(contact.fields)}


def named(name: str) -> str:
    """What people call a fact."""
    return {
        "name": _("Name"),
        "organisation": _("Organisation"),
        "language": _("Language"),
        "time_zone": _("Time zone"),
        "priority": _("Priority"),
        "standing": _("Standing"),
        "phones": _("Phones"),
        "external_id": _("Id in the CRM"),
        "remark": _("Remark"),
        "fields": _("Own fields"),
    }.get(name, name)


def value_now(row: Contact, name: str) -> str:
    """A fact of the contact as it is now, for people."""
    match name:
        case "organisation":
            return str(row.organisation or "")
        case "priority":
            return row.get_priority_display()
        case "standing":
            return row.get_standing_display()
        case "phones":
            return ", ".join(row.phones)
    if name in PLAIN:
        return str(getattr(row, name))
    return fields.plain(row.fields.get(name))


def clean(name: str, value: Any) -> Any:
    """A value as it is stored.

    Raises:
        ContactRefused: it can't be.
    """
    if name in _CLEAN:
        return _CLEAN[name](value)
    text = str(value or "").replace("\x00", "").strip()
    most = {"external_id": 200, "remark": 5000}[name]
    if len(text) > most:
        said = _("%(name)s is too long: %(most)s characters at most.")
        raise ContactRefused(said % {"name": named(name), "most": most}, name)
    return text


def clean_name(value: Any) -> str:
    """A name with single blanks."""
    return " ".join(str(value or "").replace("\x00", "").split())[:300]


def _language(value: Any) -> str:
    tag = str(value or "").strip().lower()
    if tag and not re.fullmatch(r"[a-z]{2}", tag):
        said = _("“%(tag)s” is no language: write it with two letters, like en.")
        raise ContactRefused(said % {"tag": tag[:20]}, "language")
    return tag


def _zone(value: Any) -> str:
    name = str(value or "").strip()
    try:
        if name:
            check_zone(name)
    except ValidationError as error:
        raise ContactRefused(error.messages[0], "time_zone") from error
    return name


def _priority(value: Any) -> int:
    if str(value) not in {str(each) for each in Contact.Priority.values}:
        raise ContactRefused(_("Choose how urgent new mail of this contact is."), "priority")
    return int(value)


def _standing(value: Any) -> str:
    if value not in Contact.Standing.values:
        raise ContactRefused(_("Choose whether it is a person, a machine, or blocked."), "standing")
    return str(value)


def phones_of(value: Any) -> list[str]:
    """Phone numbers as they are stored, each once; a text has one in each line, or between ; and ,.

    Raises:
        ContactRefused: one of them is none.
    """
    parts = re.split(r"[\n,;]", value) if isinstance(value, str) else list(value or [])
    found = list(dict.fromkeys(" ".join(str(each).split()) for each in parts if str(each).strip()))
    for each in found:
        if not _PHONE.fullmatch(each):
            said = _("“%(phone)s” is no phone number: digits, blanks and + ( ) / . - are.")
            raise ContactRefused(said % {"phone": each[:50]}, "phones")
    if len(found) > MOST_PHONES:
        raise ContactRefused(_("A contact has %(most)s phones at most.") % {"most": MOST_PHONES}, "phones")
    return found


def _organisation(value: Any) -> int | None:
    if value in (None, ""):
        return None
    if not Organisation.objects.filter(pk=int(value)).exists():
        raise ContactRefused(_("There is no such organisation any more."), "organisation")
    return int(value)


_CLEAN: dict[str, Callable[[Any], Any]] = {
    "name": clean_name,
    "language": _language,
    "time_zone": _zone,
    "priority": _priority,
    "standing": _standing,
    "phones": phones_of,
    "organisation": _organisation,
}
