"""What a mail rule is: conditions, joined by all or any, and what is done with a mail for which they hold.

The words of the settings file, of the API and of the form are those of the enumerations here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from mailcore.rule_patterns import EITHER, LONGEST_VALUE, MOST_CHOICES


class What(StrEnum):
    """What of a mail a condition looks at."""

    HEADER = "header"
    SENDER = "sender"
    SENDER_NAME = "sender_name"
    SENDER_DOMAIN = "sender_domain"
    CONTACT = "contact"
    CONTACT_FIELD = "contact_field"
    ORGANISATION = "organisation"
    RECIPIENT = "recipient"
    SUBJECT = "subject"
    TEXT = "text"
    FILE_NAME = "file_name"
    FILE_TYPE = "file_type"
    FILE_COUNT = "file_count"
    FILE_SIZE = "file_size"
    LANGUAGE = "language"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    SIZE = "size"
    KIND = "kind"
    POSITION = "position"


class How(StrEnum):
    """How it is compared."""

    IS = "is"
    CONTAINS = "contains"
    WORDS = "words"
    MATCHES = "matches"
    EXISTS = "exists"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class Do(StrEnum):
    """What is done with a mail."""

    QUEUE = "queue"
    PRIORITY = "priority"
    TAG = "tag"
    SKILL = "skill"
    LANGUAGE = "language"
    ACKNOWLEDGE = "acknowledge"
    HOLD = "hold"
    DISCARD = "discard"
    FORWARD = "forward"
    STOP = "stop"


class Joined(StrEnum):
    """How the conditions of a rule are joined."""

    ALL = "all"
    ANY = "any"


class Mode(StrEnum):
    """Which rules of a list count for a mail."""

    FIRST = "first"
    ALL = "all"


class Position(StrEnum):
    """Where a mail stands in its conversation."""

    FIRST = "first"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `key` names the header or the contact's own field, `value` is as people write it."""

    what: What
    how: How
    value: str = ""
    key: str = ""
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `target` is the id of a queue, tag or skill; `text` a language, or addresses.

    `number` is a priority (1 urgent … 4 low), the level of a skill, or 0 for “don't acknowledge”.
    """

    do: Do
    target: int = 0
    number: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions and actions under a name; without conditions it holds for every mail.

    :param is_for_answers: it moves and discards answers to conversations, too, not first mails alone.
    """

    id: int
    name: str
    conditions: tuple[Condition, ...] = ()
    actions: tuple[Action, ...] = ()
    joined: Joined = Joined.ALL
    is_for_answers: bool = False


@dataclass(frozen=True, slots=True)
class RuleList:
    """Rules in their order."""

    rules: tuple[Rule, ...] = ()
    mode: Mode = Mode.FIRST


TEXTS = frozenset((How.IS, How.CONTAINS, How.MATCHES))
NUMBERS = frozenset((How.AT_LEAST, How.AT_MOST))
KEYED = frozenset((What.HEADER, What.CONTACT_FIELD))
SIZES = frozenset((What.FILE_SIZE, What.SIZE))

POSSIBLE: Mapping[What, frozenset[How]] = MappingProxyType(
    {
        What.HEADER: TEXTS | {How.WORDS, How.EXISTS},
        What.SENDER: TEXTS,
        What.SENDER_NAME: TEXTS | {How.WORDS, How.EXISTS},
        What.SENDER_DOMAIN: TEXTS,
        What.CONTACT: frozenset((How.EXISTS,)),
        What.CONTACT_FIELD: TEXTS | {How.WORDS, How.EXISTS},
        What.ORGANISATION: TEXTS | {How.WORDS, How.EXISTS},
        What.RECIPIENT: TEXTS,
        What.SUBJECT: TEXTS | {How.WORDS, How.EXISTS},
        What.TEXT: TEXTS | {How.WORDS, How.EXISTS},
        What.FILE_NAME: TEXTS | {How.WORDS, How.EXISTS},
        What.FILE_TYPE: TEXTS | {How.EXISTS},
        What.FILE_COUNT: NUMBERS,
        What.FILE_SIZE: NUMBERS,
        What.LANGUAGE: frozenset((How.IS, How.EXISTS)),
        What.SPF: frozenset((How.IS, How.EXISTS)),
        What.DKIM: frozenset((How.IS, How.EXISTS)),
        What.DMARC: frozenset((How.IS, How.EXISTS)),
        What.SIZE: NUMBERS,
        What.KIND: frozenset((How.IS,)),
        What.POSITION: frozenset((How.IS,)),
    }
)
"""Which comparisons make sense."""

RESULTS = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy")
"""Of SPF, DKIM and DMARC (RFC 8601 section 2.7)."""

ONE_OF: Mapping[What, tuple[str, ...]] = MappingProxyType(
    {
        What.KIND: ("no", "auto_reply", "challenge", "bounce", "delay", "list", "report"),
        What.POSITION: tuple(Position),
        **dict.fromkeys((What.SPF, What.DKIM, What.DMARC), RESULTS),
    }
)
"""The values that there are, where they can be counted."""

UNITS = {"": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}


class BadTerm(ValueError):
    """A condition or an action that means nothing; the text says what to write."""


def octets(value: str) -> int:
    """Read a number with or without a unit: 200, 300 KB, 1.5 MB.

    Raises:
        BadTerm: it is none.
    """
    text = value.strip().lower()
    unit = text.lstrip("0123456789.")
    number = text[: len(text) - len(unit)]
    try:
        return round(float(number) * UNITS[unit.strip()])
    except (ValueError, KeyError, OverflowError) as error:
        raise BadTerm(f"“{value}” is no size: write it like 300 KB or 2 MB.") from error


def count(value: str) -> int:
    """Read a whole number.

    Raises:
        BadTerm: it is none.
    """
    text = value.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadTerm(f"“{value}” is no number: write it like 3.")
    return int(text)


def check(condition: Condition) -> None:
    """Refuse a condition that means nothing.

    Raises:
        BadTerm: with what to write instead.
    """
    what, how, value = condition.what, condition.how, condition.value.strip()
    if how not in POSSIBLE[what]:
        known = ", ".join(sorted(POSSIBLE[what]))
        raise BadTerm(f"{what} can't be compared by “{how}”: choose one of {known}.")
    if what in KEYED and not condition.key.strip():
        raise BadTerm("Name the header." if what is What.HEADER else "Name the contact's own field.")
    if what not in KEYED and condition.key.strip():
        raise BadTerm(f"{what} has no name of its own: leave the name empty.")
    if how is How.EXISTS:
        if value:
            raise BadTerm(f"Whether {what} is there needs no value: leave it empty.")
        return
    parts = [each.strip() for each in value.split(EITHER)]
    if not value or not any(parts):
        raise BadTerm(f"Give what {what} is compared with.")
    if len(value) > LONGEST_VALUE or len(parts) > MOST_CHOICES:
        raise BadTerm(f"A value has at most {LONGEST_VALUE} characters and {MOST_CHOICES} alternatives.")
    if how in NUMBERS:
        octets(value) if what in SIZES else count(value)
    if what in ONE_OF and (odd := [each for each in parts if each not in ONE_OF[what]]):
        raise BadTerm(f"“{odd[0]}” is no value of {what}: choose one of {', '.join(ONE_OF[what])}.")
