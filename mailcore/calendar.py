"""Calendar parts → Invitation (RFC 5545, RFC 5546). Never raises: of an unreadable one just the file stays.

A reader of our own over lines, since strict ones refuse a whole calendar for one bad line, and calendars that
come by mail have them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone

from mailcore.addresses import clean_email
from mailcore.charsets import decode
from mailcore.clean import clean_line, clean_text
from mailcore.parsed import Address, Invitation
from mailcore.recurrence import in_words
from mailcore.zones import Observance, observance, offset_at, zone

LARGEST = 1_000_000  # octets
MOST = 20  # invitations of a mail
_MOST_ATTENDEES = 200
_LONGEST = 4000  # characters of a description
_MOST_LINES = 20_000

_FOLD = re.compile(r"\r*\n[ \t]")
_VALUE = r"(?:\"[^\"]*+\"|[^\":;]++)*"
_LINE = re.compile(rf"([A-Za-z0-9-]{{1,60}})((?:;[A-Za-z0-9-]{{1,60}}={_VALUE})*):(.*)", re.DOTALL)
_PARAMETER = re.compile(rf";([A-Za-z0-9-]{{1,60}})=({_VALUE})")
_ESCAPED = re.compile(r"\\([\\;,nN])")
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d):?(\d\d)?(Z)?)?\Z")
_DURATION = re.compile(
    r"([+-])?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?\Z"
)
_METHOD = re.compile(r"[A-Z-]{1,20}\Z")


@dataclass(frozen=True, slots=True)
class _Property:
    value: str
    parameters: dict[str, str]

    @property
    def text(self) -> str:
        return clean_text(_ESCAPED.sub(lambda each: "\n" if each[1] in "nN" else each[1], self.value)).strip()


@dataclass(slots=True)
class _Component:
    """VEVENT, VTIMEZONE…: its properties by name, and what is inside it."""

    name: str
    properties: dict[str, list[_Property]] = field(default_factory=dict)
    children: list["_Component"] = field(default_factory=list)

    def first(self, name: str) -> _Property:
        return self.properties.get(name, _NOTHING)[0]

    def named(self, name: str) -> Iterator["_Component"]:
        return (child for child in self.children if child.name == name)


_NOTHING = [_Property("", {})]


def read_invitations(data: bytes, charset: str = "", method: str = "") -> tuple[Invitation, ...]:
    """Return the events of a calendar.

    Args:
        data: the bytes of the part; more than 1 MB are not read.
        charset: as declared.
        method: what the Content-Type says, for a calendar that does not.
    """
    if len(data) > LARGEST:
        return ()
    calendar = _read(decode(data, charset or "utf-8")[0])
    method = (calendar.first("METHOD").value or method).strip().upper()
    zones = {each.first("TZID").value.strip(): _observances(each) for each in calendar.named("VTIMEZONE")}
    events = list(calendar.named("VEVENT"))[:MOST]
    return tuple(_invitation(event, method if _METHOD.match(method) else "", zones) for event in events)


def _read(text: str) -> _Component:
    """Build the tree; a line that is none is left out, and what is not closed ends with the text."""
    root = _Component("")
    open_: list[_Component] = [root]
    for line in _FOLD.sub("", text).splitlines()[:_MOST_LINES]:
        match = _LINE.match(line)
        if match is None:
            continue
        name, value = match[1].upper(), match[3]
        if name == "BEGIN":
            child = _Component(value.strip().upper())
            # The calendar itself is no level of its own: several in one file are read as one.
            if child.name != "VCALENDAR":
                open_[-1].children.append(child)
                open_.append(child)
        elif name == "END":
            if len(open_) > 1 and value.strip().upper() == open_[-1].name:
                open_.pop()
        else:
            given = {key.upper(): text.strip('"') for key, text in _PARAMETER.findall(match[2])}
            open_[-1].properties.setdefault(name, []).append(_Property(value, given))
    return root


def _observances(component: _Component) -> tuple[Observance, ...]:
    found = []
    for each in component.children[:100]:
        starts = _when(each.first("DTSTART").value)
        if isinstance(starts, datetime):
            rule = rule_parts(each.first("RRULE").value)
            found.append(observance(starts.replace(tzinfo=None), each.first("TZOFFSETTO").value, rule))
    return tuple(each for each in found if each is not None)


def rule_parts(value: str) -> dict[str, str]:
    """Return the parts of an RRULE by name: {"FREQ": "WEEKLY", …}."""
    pairs = (part.partition("=") for part in value.upper().split(";")[:20])
    return {name.strip(): text.strip() for name, _, text in pairs if text}


def _invitation(event: _Component, method: str, zones: dict[str, tuple[Observance, ...]]) -> Invitation:
    start, end = event.first("DTSTART"), event.first("DTEND")
    starts = _moment(start, zones)
    ends = _moment(end, zones) if end.value else _after(starts, event.first("DURATION").value)
    attendees = event.properties.get("ATTENDEE", [])[:_MOST_ATTENDEES]
    cancelled = event.first("STATUS").value.strip().upper() == "CANCELLED"
    return Invitation(
        method="CANCEL" if cancelled else method,
        summary=clean_line(event.first("SUMMARY").text),
        starts=_iso(starts),
        ends=_iso(ends),
        zone=clean_line(
            start.parameters.get("TZID", "") or ("UTC" if start.value.strip().endswith("Z") else "")
        ),
        repeats=in_words(rule_parts(event.first("RRULE").value)),
        location=clean_line(event.first("LOCATION").text),
        description=event.first("DESCRIPTION").text[:_LONGEST],
        organiser=_person(event.first("ORGANIZER")),
        attendees=tuple(dict.fromkeys(_person(each) for each in attendees)),
        answer=_answer(method, attendees),
        uid=clean_line(event.first("UID").value)[:500],
    )


def _answer(method: str, attendees: list[_Property]) -> str:
    if method != "REPLY" or not attendees:
        return ""
    return clean_line(attendees[0].parameters.get("PARTSTAT", "")).lower()[:30]


def _person(given: _Property) -> Address:
    email = given.value.strip()
    if email[:7].lower() == "mailto:":
        email = email[7:]
    email = clean_email(email) or clean_email(given.parameters.get("EMAIL", ""))
    name = clean_line(given.parameters.get("CN", ""))
    return Address("" if name.lower() == email.lower() else name, email)


def _when(value: str) -> date | datetime | None:
    """Read DATE and DATE-TIME; one that ends in Z is aware."""
    match = _DATE.match(value.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, utc = match.groups()
    try:
        if hour is None:
            return date(int(year), int(month), int(day))
        clock = (int(hour), int(minute), min(int(second or 0), 59))  # 60 is a leap second
        moment = datetime(int(year), int(month), int(day), *clock)  # noqa: DTZ001 - its zone comes after
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if utc else moment


def _moment(given: _Property, zones: dict[str, tuple[Observance, ...]]) -> date | datetime | None:
    """Return a time with its zone; a name that nobody knows and that has no rules leaves it without one."""
    moment = _when(given.value)
    name = given.parameters.get("TZID", "").strip()
    if not isinstance(moment, datetime) or moment.tzinfo or not name:
        return moment
    known = zone(name)
    if known:
        return moment.replace(tzinfo=known)
    offset = offset_at(moment, zones.get(name, ()))
    return moment.replace(tzinfo=timezone(offset)) if offset is not None else moment


def _after(starts: date | datetime | None, duration: str) -> date | datetime | None:
    match = _DURATION.match(duration.strip().upper())
    if starts is None or match is None or match[1] == "-":
        return None
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in match.groups()[1:])
    try:
        return starts + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return None


def _iso(moment: date | datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""
