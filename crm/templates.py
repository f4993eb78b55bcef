"""Addresses with places, such as https://crm.example.com/people?mail={email}."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _

OWN_NAMES = (
    *("email", "external_id", "name", "id", "organisation"),
    *("emails", "phone", "phones", "language", "time_zone", "priority", "remark", "standing"),
)
"""Names that no own field may have: places of links, and columns of an import."""

PLACES = OWN_NAMES[:5]
_PLACE = re.compile(r"\{([^{}]*)\}")


def check(template: str, keys: Iterable[str]) -> None:
    """Raise `ValueError` with a sentence if a template can't make an address.

    :param keys: of the own fields of contacts.
    """
    known = {*PLACES, *keys}
    for name in _PLACE.findall(template):
        if name not in known:
            said = _("There is no place {%(name)s}; there are %(known)s.")
            raise ValueError(
                said % {"name": name, "known": ", ".join(f"{{{each}}}" for each in sorted(known))}
            )
    bare = _PLACE.sub("", template)
    if "{" in bare or "}" in bare:
        raise ValueError(_("A brace is left over: places are written like {email}."))
    if any(each.isspace() or not each.isprintable() for each in bare):
        raise ValueError(_("An address has no blanks: write %20 for one."))
    parts = urlsplit(_PLACE.sub("x", template))
    fixed = urlsplit(template.partition("{")[0])
    if parts.scheme != "https" or not parts.hostname or parts.username or fixed.netloc != parts.netloc:
        raise ValueError(_("Write an address that begins with https:// and a server's name without places."))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The address with its places filled in, each escaped; "" if one of them is empty."""
    names = _PLACE.findall(template)
    if any(not values.get(name, "") for name in names):
        return ""
    return _PLACE.sub(lambda found: quote(values[found[1]], safe=""), template)
