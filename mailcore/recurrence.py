"""How often something takes place, in words: an RRULE (RFC 5545 3.3.10) as a person would say it."""

import re

_UNITS = {
    "SECONDLY": "second", "MINUTELY": "minute", "HOURLY": "hour", "DAILY": "day", "WEEKLY": "week",
    "MONTHLY": "month", "YEARLY": "year",
}  # fmt: skip
_DAYS = {
    "MO": "Monday", "TU": "Tuesday", "WE": "Wednesday", "TH": "Thursday", "FR": "Friday", "SA": "Saturday",
    "SU": "Sunday",
}  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_PLACES = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "last but one"}
_WORKDAYS = ["MO", "TU", "WE", "TH", "FR"]
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)\Z")
_UNTIL = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")


def in_words(rule: dict[str, str]) -> str:
    """Return such as "every 2 weeks on Monday and Friday, until 5 March 2027"; "" for no or a broken rule."""
    unit = _UNITS.get(rule.get("FREQ", ""))
    if unit is None:
        return ""
    interval = _number(rule.get("INTERVAL", ""))
    often = f"every {interval} {unit}s" if interval > 1 else f"every {unit}"
    days = rule.get("BYDAY", "").split(",")
    if unit in ("week", "day") and interval <= 1 and sorted(days) == sorted(_WORKDAYS):
        often, days = "every working day", []
    return f"{often}{_on(rule, days)}{_until(rule)}"


def _on(rule: dict[str, str], days: list[str]) -> str:
    position = rule.get("BYSETPOS", "")
    named = [word for each in days if (word := _day(each, position))]
    numbers = [each for each in rule.get("BYMONTHDAY", "").split(",") if each.lstrip("-").isdecimal()][:31]
    months = [
        _MONTHS[number - 1]
        for each in rule.get("BYMONTH", "").split(",")
        if 1 <= (number := _number(each)) <= len(_MONTHS)
    ]
    words = ""
    if named:
        words += f" on {_list(named)}"
    elif numbers:
        words += " on the last day" if numbers == ["-1"] else f" on day {_list(numbers)}"
    return words + (f" in {_list(months)}" if months else "")


def _day(text: str, position: str) -> str:
    match = _DAY.match(text)
    if match is None:
        return ""
    place = _PLACES.get(_number(match[1] or position))
    return f"the {place} {_DAYS[match[2]]}" if place else _DAYS[match[2]]


def _until(rule: dict[str, str]) -> str:
    count = _number(rule.get("COUNT", ""))
    if count:
        return ", once" if count == 1 else f", {count} times"
    until = _UNTIL.match(rule.get("UNTIL", ""))
    if until and 1 <= int(until[2]) <= 12:
        return f", until {int(until[3])} {_MONTHS[int(until[2]) - 1]} {until[1]}"
    return ""


def _number(text: str) -> int:
    """Return a small number, 0 for anything else."""
    return int(text) if re.fullmatch(r"[+-]?\d{1,4}", text) else 0


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
