"""Public holidays of a country or a part of it, from the `holidays` library."""

import re
from collections.abc import Iterable
from datetime import date

PLACE = re.compile(r"([A-Z]{2})(?:-([A-Za-z0-9]{1,20}))?")


class UnknownPlace(ValueError):
    """No such country, or no such part of it; the text says what to write."""


def public_holidays(place: str, years: Iterable[int]) -> dict[date, str]:
    """The holidays of a place such as "CZ" or "DE-BY", by day, named in English where that is known.

    Raises:
        UnknownPlace: nothing is known of it.
    """
    import holidays  # noqa: PLC0415 - 25 MB that only this button needs, and each worker would carry

    found = PLACE.fullmatch(place.strip())
    countries = holidays.list_supported_countries(include_aliases=False)
    if found is None or found[1] not in countries:
        raise UnknownPlace(
            f"“{place}” is no country: write its two letters, such as CZ, or DE-BY for a part."
        )
    parts = countries[found[1]]
    if found[2] and found[2] not in parts:
        some = ", ".join(f"{found[1]}-{part}" for part in parts[:20])
        raise UnknownPlace(
            f"“{place}” is not known: write {found[1]}{f', or one of {some}' if some else ''}."
        )
    languages = holidays.list_localized_countries(include_aliases=False).get(found[1], [])
    english = next((each for each in languages if each.startswith("en")), None)
    days = holidays.country_holidays(found[1], subdiv=found[2], years=list(years), language=english)
    return {day: days[day] for day in sorted(days)}
