"""The values of own fields: as people type them, as they are stored (JSON), as they are shown.

Text, choice and web address are stored as text, a number as one, a day as 2026-01-31, yes and no as booleans.
What is empty is not stored at all.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crm.models import ContactField
from crm.refusals import ContactRefused

LONGEST_TEXT = 1000
MOST_DIGITS = 15  # more than a double keeps
YES = {"yes", "true", "1", "ja", "ano", "sí", "si", "y", "x"}
NO = {"no", "false", "0", "nein", "ne", "n", "-"}
Kind = ContactField.Kind


def definitions(of: str = ContactField.Of.CONTACT) -> list[ContactField]:
    """The own fields of contacts, or of organisations, in their order."""
    return list(ContactField.objects.filter(of=of))


def cleaned(
    given: Mapping[str, Any], stored: Mapping[str, Any], defined: Sequence[ContactField]
) -> dict[str, Any]:
    """What is to be stored when these values are given; what is not given stays.

    Raises:
        ContactRefused: a value doesn't fit its field, a required one is empty, or there is no such field.
    """
    known = {each.key: each for each in defined}
    for key in given:
        if key not in known:
            raise ContactRefused(_("There is no field “%(key)s”.") % {"key": key}, key)
    found = dict(stored)
    for key, raw in given.items():
        if key in stored and raw == stored[key]:  # a choice that is not offered any more may stay
            continue
        value = value_of(known[key], raw)
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    missing = [each.label for each in defined if each.is_required and found.get(each.key) is None]
    if missing:
        said = _("Fill in %(labels)s first: it is required.") % {"labels": ", ".join(missing)}
        raise ContactRefused(said, next(each.key for each in defined if each.label == missing[0]))
    return found


def value_of(field: ContactField, raw: Any) -> Any:
    """A value as it is stored; None when it is empty.

    Raises:
        ContactRefused: it doesn't fit.
    """
    text = "" if raw is None else str(raw).replace("\x00", "").strip()
    if not text:
        return None
    try:
        return _READ[Kind(field.kind)](field, text)
    except (ValueError, InvalidOperation, OverflowError) as error:
        raise ContactRefused(_sentence(field, text), field.key) from error


def _text(field: ContactField, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError
    return text


def _number(field: ContactField, text: str) -> int | float:
    number = Decimal(text.replace(" ", "").replace("\xa0", "").replace(",", "."))
    if (
        not number.is_finite()
        or len(number.as_tuple().digits) > MOST_DIGITS
        or abs(number) >= 10**MOST_DIGITS
    ):
        raise ValueError
    return int(number) if number == number.to_integral_value() else float(number)


def _day(field: ContactField, text: str) -> str:
    if "." in text:  # 31. 1. 2026
        day, month, year = (int(part) for part in text.replace(" ", "").split("."))
        return date(year, month, day).isoformat()
    return date.fromisoformat(text).isoformat()


def _choice(field: ContactField, text: str) -> str:
    for each in field.choices:
        if each.casefold() == text.casefold():
            return each
    raise ValueError


def _truth(field: ContactField, text: str) -> bool:
    word = text.casefold()
    if word not in YES | NO:
        raise ValueError
    return word in YES


def _url(field: ContactField, text: str) -> str:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname or "." not in parts.hostname:
        raise ValueError
    if parts.username is not None or parts.port == 0:  # reading a port refuses one that is none
        raise ValueError
    if len(text) > LONGEST_TEXT or any(each.isspace() or not each.isprintable() for each in text):
        raise ValueError
    return parts.geturl()


_READ = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.DATE: _day,
    Kind.CHOICE: _choice,
    Kind.YES_NO: _truth,
    Kind.URL: _url,
}


def _sentence(field: ContactField, text: str) -> str:
    named = {"label": field.label, "value": text[:100], "choices": ", ".join(field.choices)}
    match field.kind:
        case Kind.NUMBER:
            return _("%(label)s: “%(value)s” is not a number.") % named
        case Kind.DATE:
            return _("%(label)s: “%(value)s” is not a day: write it like 2026-01-31.") % named
        case Kind.CHOICE:
            return _("%(label)s: “%(value)s” is not one of %(choices)s.") % named
        case Kind.YES_NO:
            return _("%(label)s: “%(value)s” is neither yes nor no.") % named
        case Kind.URL:
            return _("%(label)s: “%(value)s” is not a web address.") % named
    return _("%(label)s is too long.") % named


def shown(field: ContactField, value: Any) -> str:
    """A stored value for people; "" when there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if field.kind == Kind.DATE:
        try:
            return date_format(date.fromisoformat(str(value)))
        except ValueError:  # it was another kind of field once
            return str(value)
    return str(value)


def told(values: Mapping[str, Any], defined: Sequence[ContactField]) -> list[dict[str, Any]]:
    """What a page says of own fields, in their order: of those with a value, or a required one missing."""
    found = []
    for each in defined:
        value = values.get(each.key)
        text = shown(each, value)
        if text or each.is_required:
            href = value if each.kind == Kind.URL else ""
            found.append({"label": each.label, "text": text, "href": href, "missing": not text})
    return found


def plain(value: Any) -> str:
    """A stored value for a program, such that `value_of` takes it back."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
