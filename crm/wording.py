"""What the history of a contact or an organisation says, in the reader's language."""

from typing import Any

from django.utils.translation import gettext as _

from crm import fields
from crm.addresses import MOST_ADDRESSES
from crm.changes import Kind
from crm.columns import OWN
from crm.facts import named
from crm.models import Contact, ContactChange


def who(change: ContactChange) -> str:
    """Who did it."""
    if change.user is None:
        return _("Somebody who has left")
    return change.user.get_full_name() or change.user.get_username()


def sentence(change: ContactChange, labels: dict[str, str]) -> str:
    """What was done, after the name of who did it.

    :param labels: of the own fields, by their keys.
    """
    data: dict[str, Any] = dict(change.data)
    match change.kind:
        case Kind.MADE:
            return _("imported it") if "import" in data else _("made it")
        case Kind.CHANGED:
            return "; ".join(_changed(name, pair, labels) for name, pair in data.items())
        case Kind.ADDRESS_ADDED:
            return _("added the address %(email)s") % data
        case Kind.ADDRESS_REMOVED:
            return _("removed the address %(email)s") % data
        case Kind.ADDRESS_PRIMARY:
            return _("made %(email)s the primary address") % data
        case Kind.DOMAIN_ADDED:
            return _("added the domain %(domain)s") % data
        case Kind.DOMAIN_REMOVED:
            return _("removed the domain %(domain)s") % data
        case Kind.MERGED:
            return _("merged “%(name)s” into it") % data
        case Kind.MERGED_AWAY:
            return _("merged it into “%(name)s”") % data
        case Kind.UNMERGED:
            return _("undid the merge with “%(name)s”") % data
        case Kind.NOTE_REMOVED:
            return _("removed a note")
    return change.kind


def _changed(name: str, pair: list[Any], labels: dict[str, str]) -> str:
    label = labels.get(name.removeprefix(OWN), name) if name.startswith(OWN) else named(name)
    before, after = (value_of(name, value) for value in pair)
    if not after:
        return _("%(label)s: “%(before)s” removed") % {"label": label, "before": before}
    if not before:
        return _("%(label)s: “%(after)s”") % {"label": label, "after": after}
    return _("%(label)s: “%(before)s” → “%(after)s”") % {"label": label, "before": before, "after": after}


def value_of(name: str, value: Any) -> str:
    """A fact for people; "" when it is empty."""
    if value in (None, "", [], {}):
        return ""
    if name == "priority":
        return str(Contact.Priority(value).label)
    if name == "standing":
        return str(Contact.Standing(value).label)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return fields.plain(value)


def fault(code: str, column: str, value: str) -> str:
    """Why a line of an import was refused."""
    told = {"value": value, "column": column, "most": MOST_ADDRESSES}
    words = {
        "nobody": _("It has neither an e-mail address nor an id of the CRM."),
        "email": _("“%(value)s” is no e-mail address."),
        "many": _("A contact has %(most)s addresses at most."),
        "two": _("Its addresses or its id belong to two different contacts: %(value)s."),
        "other_id": _("The contact has another id of the CRM than “%(value)s”."),
        "required": _("“%(value)s” is required, and empty."),
        "phones": _("“%(value)s” is no phone number."),
        "language": _("“%(value)s” is no language: write it with two letters, like en."),
        "time_zone": _("“%(value)s” is no time zone: write it like Europe/Prague."),
        "priority": _("“%(value)s” is no priority: urgent, high, normal or low."),
        "standing": _("“%(value)s” is none of person, machine and blocked."),
    }
    return words.get(code, _("“%(value)s” can't be in the column %(column)s.")) % told
