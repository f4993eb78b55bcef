"""What the answer of an SMTP server means for a mail and for its sender: sso/causes/smtp.toml, no I/O.

| kind      | the mail                                        | the sender        |
| --------- | ----------------------------------------------- | ----------------- |
| RETRY     | tried again later                               | goes on           |
| FAIL      | final for this recipient, or for the whole mail | goes on           |
| PARK      | waits                                           | pauses            |
| UNCERTAIN | may have been taken: a person decides           | pauses            |
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sso import causes

ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")
LONGEST = 500

HOUR = 3600


class Phase(StrEnum):
    """How far the conversation with the server had come."""

    CONNECT = "connecting"
    EHLO = "greeting"
    STARTTLS = "starting TLS"
    AUTH = "signing in"
    MAIL = "naming the sender"
    RCPT = "naming a recipient"
    DATA = "asking to send"
    DOT = "sending the text"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `text` may have several lines."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced code, such as "5.7.8", or "" when there is none."""
        found = ENHANCED.match(self.text)
        return found[1] if found else ""

    def __str__(self) -> str:
        # Bytes of the server that aren't UTF-8, and NUL, can't be stored.
        text = self.text.encode("utf-8", "replace").decode().replace("\0", "")
        return " ".join(f"{self.code} {text}".split())[:LONGEST]


class Kind(StrEnum):
    """What is to be done, see above."""

    RETRY = "retry"
    FAIL = "fail"
    PARK = "park"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means.

    :param cause: what happened, as the rest of a sentence that begins with the server's name.
    :param remedy: what to do; {sender}, {username} and {address} are filled in.
    :param token_remedy: the same for a sender that signs in with a token, where that is something else.
    :param seconds: how long a sender pauses; None for the next step of its ladder.
    :param blames_mail: the mail may be the cause, so the try counts and it waits for its own time.
    :param field: the one of the sender's form to look at, if any.
    :param takes_time: what was changed at the provider works only after a while.
    """

    kind: Kind
    cause: str
    remedy: str
    seconds: int | None = None
    blames_mail: bool = True
    field: str = ""
    takes_time: bool = False
    name: str = ""
    token_remedy: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the table; empty fields match everything. `sample` is such an answer."""

    verdict: Verdict
    phases: frozenset[Phase]
    codes: str = ""
    enhanced: str = ""
    words: str = ""
    sample: str = ""

    def matches(self, answer: Answer, phase: Phase) -> bool:
        """Whether this line is about such an answer."""
        return (
            phase in self.phases
            and re.match(self.codes, str(answer.code)) is not None
            and (not self.enhanced or re.fullmatch(self.enhanced, answer.enhanced) is not None)
            and re.search(self.words, answer.text, re.IGNORECASE) is not None
        )


@lru_cache(maxsize=1)
def meanings() -> dict[str, Verdict]:
    """What answers can mean, by name."""
    return {name: _verdict(name, **table) for name, table in causes.tables("smtp")["meaning"].items()}


def _verdict(name: str, kind: str, **table: Any) -> Verdict:
    return Verdict(kind=Kind(kind), name=name, **({"blames_mail": kind != Kind.PARK} | table))


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """The table; the first line that matches decides."""
    return tuple(_rule(dict(table)) for table in causes.tables("smtp")["rule"])


def _rule(table: dict[str, Any]) -> Rule:
    phases = frozenset(Phase[name] for name in table.pop("phases", Phase.__members__))
    return Rule(meanings()[table.pop("meaning")], phases, **table)


TOO_BIG = meanings()["too_big"]
UNKNOWN_END = meanings()["unknown_end"]


def classify(answer: Answer, phase: Phase) -> Verdict:
    """What an answer that is not the wished one means, when it came at `phase`."""
    return next(rule.verdict for rule in rules() if rule.matches(answer, phase))


@dataclass(frozen=True, slots=True)
class Place:
    """Which sender talked to which server, for the sentences."""

    sender: str
    server: str
    username: str
    address: str
    by_token: bool = False

    def sentence(self, verdict: Verdict, answer: Answer | str) -> str:
        """The verdict in words for an administrator: who did what, its very answer, what to do."""
        names = {"sender": self.sender, "username": self.username, "address": self.address}
        remedy = (self.by_token and verdict.token_remedy) or verdict.remedy
        return f"{self.server} {verdict.cause.format(**names)} ({answer}): {remedy.format(**names)}"


def delay(attempts: int, ladder: list[int], longest: int = 48 * HOUR) -> int | None:
    """Seconds until the next try after so many that were refused for now; None: it was tried long enough.

    :param ladder: the pauses in seconds; the last one repeats until all together are `longest`.
    """
    pauses = [ladder[min(step, len(ladder) - 1)] for step in range(attempts)]
    return pauses[-1] if sum(pauses) <= longest else None
