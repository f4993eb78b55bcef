"""What somebody typed to find something, read forgivingly: nothing that is typed is an error.

    invoice paid           both words in one mail (beginnings count)     "exact words"   as they stand
    invoice OR bill        one of them                                   -paid           mails without it
    from: to: cc: subject: filename: note:      words of that part only
    queue: agent: tag: language: priority: is:  what the conversation is
    has:attachment  has:note                    what is there
    before: after: on:                          2026-03-01, 2026-03, 2026, today, yesterday, 7d, 3w, 2m, 1y
    sort:best                                   words in subject, sender and file names first

An operator that we don't know is two words; a quotation mark that is not closed is closed at the end; OR
between things that can't be alternatives is left out. This module only reads: it asks no database.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from queues.finding_words import asked_words, is_dense

MOST_TERMS = 24
LONGEST = 500  # characters of a question


class Field(StrEnum):
    """What an operator asks about."""

    ANY = ""
    FROM = "from"
    TO = "to"
    CC = "cc"
    SUBJECT = "subject"
    FILE = "filename"
    NOTE = "note"
    QUEUE = "queue"
    AGENT = "agent"
    TAG = "tag"
    LANGUAGE = "language"
    PRIORITY = "priority"
    IS = "is"
    HAS = "has"


WORDS = frozenset({Field.ANY, Field.FROM, Field.TO, Field.CC, Field.SUBJECT, Field.FILE, Field.NOTE})
OTHER_NAMES = {"file": "filename", "attachment": "filename", "lang": "language", "assignee": "agent",
               "sender": "from", "recipient": "to", "label": "tag", "inbox": "queue", "in": "queue",
               "newer": "after", "older": "before", "newer_than": "after", "older_than": "before",
               "since": "after", "until": "before", "date": "on"}  # fmt: skip
STATES = {
    "open": _("is open"), "closed": _("is closed"), "waiting": _("is waiting"), "assigned": _("is assigned"),
    "pending": _("is the customer’s turn"), "snoozed": _("is snoozed"), "held": _("is held"),
    "mine": _("is with me"),
    "unassigned": _("is with nobody"), "unread": _("was not answered yet"), "late": _("is late"),
    "received": _("a mail that came"), "sent": _("a mail of ours"),
}  # fmt: skip
PRESENCES = {
    "attachment": _("has a file"),
    "attachments": _("has a file"),
    "file": _("has a file"),
    "note": _("a note"),
}
PRIORITIES = {"urgent": 1, "high": 2, "normal": 3, "low": 4}
DIRECTIONS = {"received": "in", "sent": "out"}
DATES = frozenset({"before", "after", "on"})
OPERATORS = DATES | {"sort"} | {each.value for each in Field if each.value}
SAID = {
    Field.FROM: _("from"), Field.TO: _("to"), Field.CC: _("copy to"), Field.SUBJECT: _("in the subject:"),
    Field.FILE: _("with a file named"), Field.NOTE: _("in a note:"), Field.QUEUE: _("in the queue"),
    Field.AGENT: _("with the agent"), Field.TAG: _("tagged"), Field.LANGUAGE: _("in the language"),
    Field.PRIORITY: _("of priority"),
}  # fmt: skip

_TERM = re.compile(r'(?P<minus>[-−–])?(?:(?P<name>[^\W\d]\w*):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>[^\s"]+))')
_LONELY = re.compile(r"(?P<minus>[-−–])?(?P<name>[^\W\d]\w*):(?=\s|$)")
_QUOTES = str.maketrans("“”„«»‟", '""""""')
_AGO = re.compile(r"(\d{1,4})\s*([dwmy])")
_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that is asked for, or, when `is_not`, asked not to be.

    `words` are its words, each with its spellings; the last one may be a beginning unless it `is_exact`.
    """

    field: Field
    value: str
    words: tuple[tuple[str, ...], ...] = ()
    is_not: bool = False
    is_exact: bool = False

    @property
    def is_phrase(self) -> bool:
        """Whether the words must stand side by side."""
        return self.is_exact and len(self.words) > 1

    @property
    def says(self) -> str:
        """The term in words."""
        value = f"“{self.value}”"
        if self.field == Field.IS:
            said = gettext(STATES[self.value])
        elif self.field == Field.HAS:
            said = gettext(PRESENCES[self.value])
        else:
            said = f"{gettext(SAID[self.field])} {value}" if self.field in SAID else value
        return gettext("not %(said)s") % {"said": said} if self.is_not else said


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was understood: of each group one term must hold, in `since` ≤ time < `until`."""

    groups: tuple[tuple[Term, ...], ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    is_best_first: bool = False
    number: int | None = None
    notes: tuple[str, ...] = ()
    dates: tuple[str, ...] = field(default=())

    @property
    def terms(self) -> tuple[Term, ...]:
        """All of them."""
        return tuple(term for group in self.groups for term in group)

    @property
    def is_empty(self) -> bool:
        """Nothing is asked for."""
        return not self.groups and self.since is None and self.until is None and self.number is None

    @property
    def of_mails(self) -> bool:
        """Mails and notes must be looked at, not conversations alone."""
        dated = self.since is not None or self.until is not None
        return dated or any(is_of_mail(group[0]) for group in self.groups)

    @property
    def understood(self) -> list[str]:
        """What was understood, in words, for the line below the box."""
        said = [gettext(" or ").join(term.says for term in group) for group in self.groups]
        return [
            *said,
            *self.dates,
            *([gettext("best matches first")] if self.is_best_first else []),
            *self.notes,
        ]

    @property
    def is_plain(self) -> bool:
        """Words and nothing else: there is nothing to explain."""
        has_marks = any(term.field != Field.ANY or term.is_not or term.is_exact for term in self.terms)
        alone = all(len(group) == 1 for group in self.groups)
        return not (has_marks or self.dates or self.notes or self.is_best_first) and alone

    @property
    def marked(self) -> list[tuple[str, bool]]:
        """The words to be shown in what was found; with each, whether longer ones count too."""
        shown = [term for term in self.terms if not term.is_not and term.field in WORDS]
        pairs = [
            (spelling, is_beginning(term, at))
            for term in shown
            for at, word in enumerate(term.words)
            for spelling in word
        ]
        return list(dict.fromkeys(pairs))


SHORTEST_BEGINNING = 3  # shorter words must match as a whole: "a" begins too many
SHORTEST_LAST = 2  # the last word of a question may still be typed


def is_beginning(term: Term, at: int) -> bool:
    """Whether the word at this place of a term may be the beginning of a longer one."""
    word = term.words[at][0]
    if len(word) == 1 and is_dense(word):  # it is filed in pairs
        return True
    if term.is_exact or (term.field == Field.FROM and "@" in term.value):
        return False
    return len(word) >= (SHORTEST_LAST if at == len(term.words) - 1 else SHORTEST_BEGINNING)


@dataclass(slots=True)
class _Reader:
    """Collects what one question says."""

    now: datetime
    groups: list[list[Term]] = field(default_factory=list)
    since: datetime | None = None
    until: datetime | None = None
    best: bool = False
    notes: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    joins: bool = False

    def add(self, term: Term) -> None:
        if len(self.groups) >= MOST_TERMS:
            return
        if self.joins and self.groups and _can_join(self.groups[-1][-1], term):
            self.groups[-1].append(term)
        else:
            self.groups.append([term])
        self.joins = False

    def bound(self, name: str, value: str) -> bool:
        """Read a date; False when it is none."""
        begin, end = _period(value, self.now)
        if begin is None or end is None:
            return False
        if name == "before":
            self.until = min(self.until or begin, begin)
            self.dates.append(gettext("before %(day)s") % {"day": _day(begin)})
        elif name == "after":
            self.since = max(self.since or begin, begin)
            self.dates.append(gettext("from %(day)s on") % {"day": _day(begin)})
        else:
            self.since, self.until = max(self.since or begin, begin), min(self.until or end, end)
            self.dates.append(gettext("on %(day)s") % {"day": _day(begin)})
        return True


def read(text: str, now: datetime) -> Asked:
    """Understand a question.

    :param now: in the zone in which days begin for who asks.
    """
    line = text[:LONGEST].translate(_QUOTES).replace("\0", " ")
    reader = _Reader(now)
    for match in _TERM.finditer(_LONELY.sub(_lonely(reader), line)):
        _read_term(reader, match)
    number = re.fullmatch(r"#?(\d{1,18})", line.strip())
    return Asked(
        groups=tuple(tuple(group) for group in reader.groups),
        since=reader.since,
        until=reader.until,
        is_best_first=reader.best,
        number=int(number[1]) if number else None,
        notes=tuple(reader.notes),
        dates=tuple(reader.dates),
    )


def _lonely(reader: _Reader) -> Callable[[re.Match[str]], str]:
    """An operator without a value is still being typed; any other word before a colon is a word."""

    def take(match: re.Match[str]) -> str:
        name = _operator(match["name"])
        if not name:
            return f"{match['minus'] or ''}{match['name']} "
        reader.notes.append(gettext("%(operator)s: waits for its value") % {"operator": name})
        return " "

    return take


def _operator(name: str) -> str:
    low = name.lower()
    low = OTHER_NAMES.get(low, low)
    return low if low in OPERATORS else ""


def _read_term(reader: _Reader, match: re.Match[str]) -> None:
    quoted, bare = match["quoted"], match["bare"] or ""
    if match["name"] is None and quoted is None and not match["minus"]:
        if bare in ("OR", "|", "||"):
            reader.joins = True
            return
        if bare in ("AND", "&", "&&"):
            return
    value = (bare if quoted is None else quoted).strip()
    is_not = bool(match["minus"])
    name = _operator(match["name"] or "")
    if not name:
        _plain(reader, f"{match['name']}:{value}" if match["name"] else value, is_not, quoted is not None)
    elif name == "sort":
        reader.best = value.lower() in ("best", "relevance", "match")
    elif name in DATES:
        if not reader.bound(name, value):
            reader.notes.append(
                gettext("“%(value)s” is no date: write 2026-03-01, 2026-03 or 7d") % {"value": value}
            )
    else:
        _operated(reader, Field(name), value, is_not, quoted is not None)


def _plain(reader: _Reader, value: str, is_not: bool, is_exact: bool) -> None:
    term = _of_words(Field.ANY, value.strip("()"), is_not, is_exact)
    if term is not None:
        reader.add(term)


def _operated(reader: _Reader, name: Field, value: str, is_not: bool, is_exact: bool) -> None:
    low = value.lower()
    if name in WORDS:
        term = _of_words(name, value, is_not, is_exact)
        if term is not None:
            reader.add(term)
    elif (name == Field.IS and low not in STATES) or (name == Field.HAS and low not in PRESENCES):
        known = sorted(set(STATES if name == Field.IS else PRESENCES))
        values = {"asked": f"{name}:{value}", "known": ", ".join(known)}
        reader.notes.append(gettext("%(asked)s is unknown: %(known)s") % values)
        _plain(reader, f"{name} {value}", is_not, is_exact=False)
    elif value:
        reader.add(Term(name, low if name in (Field.IS, Field.HAS) else value, is_not=is_not))


def _of_words(name: Field, value: str, is_not: bool, is_exact: bool) -> Term | None:
    words = tuple(tuple(spelling) for spelling in asked_words(value))[:MOST_TERMS]
    return Term(name, value, words, is_not, is_exact) if words else None


def _can_join(one: Term, other: Term) -> bool:
    """Only words of mails are alternatives to each other, or properties of conversations; no phrases."""
    if one.is_phrase or other.is_phrase:
        return False
    return is_of_mail(one) == is_of_mail(other)


def is_of_mail(term: Term) -> bool:
    """Whether a term is about a mail or note; else it is about the conversation."""
    return term.field in WORDS or term.field == Field.HAS or term.value in DIRECTIONS


def _period(value: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The first moment of what a date names, and the first one after it; None for what no calendar has."""
    try:
        return _named_period(value, now)
    except (ValueError, OverflowError):
        return None, None


def _named_period(value: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    low = value.lower()
    if low in ("today", "yesterday"):
        begin = today - timedelta(days=low == "yesterday")
        return begin, begin + timedelta(days=1)
    ago = _AGO.fullmatch(low)
    if ago:
        begin = today - timedelta(days=int(ago[1]) * _DAYS[ago[2]])
        return begin, begin + timedelta(days=1)
    day_first = _DAY_FIRST.fullmatch(low)
    match = _DATE.fullmatch(f"{day_first[3]}-{day_first[2]}-{day_first[1]}" if day_first else low)
    if not match:
        return None, None
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    begin = today.replace(year=year, month=month, day=day)
    if match[3]:
        return begin, begin + timedelta(days=1)
    if match[2]:
        return begin, begin.replace(year=year + month // 12, month=month % 12 + 1)
    return begin, begin.replace(year=year + 1)


def _day(at: datetime) -> str:
    return date_format(at, "SHORT_DAY_AND_YEAR")
