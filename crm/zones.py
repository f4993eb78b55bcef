"""Names of time zones."""

from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


@cache
def zones() -> tuple[str, ...]:
    """The names that make sense for a person, in order: places, and UTC."""
    return ("UTC", *sorted(name for name in available_timezones() if "/" in name and "Etc/" not in name))


def check_zone(name: str) -> None:
    """Refuse what is no name of the time zone database."""
    if name not in zones():
        raise ValidationError(_("“%(name)s” is no time zone: write it like Europe/Prague.") % {"name": name})
