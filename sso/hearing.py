"""What both sides say on a connection, noted as it comes and told later without any secret.

Noting is cheap, as most of what is noted is never told: a poll that found nothing is only counted. So bytes
are kept as they are, and read, blanked and shortened by `told` when somebody wants to keep them.

The text of a mail is never noted, only how long it was; the mail itself is kept elsewhere anyway.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from django.utils import timezone

from mailcore.clean import clean_line
from sso.blanking import HIDDEN, blanked, without_patterns

US, THEM, NOTE = "us", "them", "note"
Dialect = Literal["IMAP", "POP3", "SMTP", "HTTPS"]
Said = tuple[float, str, str]
"""Seconds since the beginning, who (US, THEM, NOTE), the words."""

MOST_NOTED = 4000  # lines in memory
MOST_TOLD, LAST_TOLD = 120, 40  # lines in the log, and how many of those from the end
LONGEST_TOLD = 240  # characters of a line in the log
LONGEST_IN_FULL = 4000

SIGN_IN: dict[Dialect, re.Pattern[str]] = {
    "IMAP": re.compile(r"^(\S+ (?:LOGIN|AUTHENTICATE [\w-]+))\b.*", re.IGNORECASE),
    "POP3": re.compile(r"^(PASS|APOP|AUTH [\w-]+)\b.*", re.IGNORECASE),
    "SMTP": re.compile(r"^(AUTH [\w-]+)\b.*", re.IGNORECASE),
}
"""The command that signs in: what may be told of it, and then what may not."""

SETTLED: dict[Dialect, re.Pattern[str]] = {
    "IMAP": re.compile(r"^[^*+\s]"),
    "POP3": re.compile(r"^(\+OK|-ERR)"),
    "SMTP": re.compile(r"^(?!334)\d{3} "),
}
"""The answer that ends a sign-in; everything that we say before it is hidden."""

QUOTED_BODY = re.compile(r'(BODY\[[^\]]*\](?:<\d+>)? )"(?:[^"\\]|\\.)*"?')
"""A mail or a part of it that a server sends as a string (RFC 9051 4.3), not as a literal."""


@dataclass(slots=True)
class Hearing:
    """What was said on one connection, or in one part of its life.

    :param secrets: hidden wherever they are repeated, also in base64.
    """

    dialect: Dialect
    peer: str = ""
    began_at: datetime = field(default_factory=timezone.now)
    secrets: list[str] = field(default_factory=list, repr=False)
    _began: float = field(default_factory=time.monotonic)
    _lines: list[tuple[float, str, bytes | str | int]] = field(default_factory=list, repr=False)

    def us(self, words: bytes | str) -> None:
        """We said this."""
        self._note(US, words)

    def them(self, words: bytes | str | int) -> None:
        """The server answered; a number is so many octets of a mail."""
        self._note(THEM, words)

    def note(self, words: str) -> None:
        """What happened beside that."""
        self._note(NOTE, words)

    def hide(self, *secrets: str) -> None:
        """Tell these to nobody."""
        self.secrets += [secret for secret in secrets if secret]

    def begin_again(self) -> None:
        """Forget what was said: the same connection is used for something else now."""
        self.began_at, self._began = timezone.now(), time.monotonic()
        self._lines.clear()

    def copy(self) -> "Hearing":
        """What was said so far, which doesn't grow any more."""
        return replace(self, secrets=list(self.secrets), _lines=list(self._lines))

    @property
    def is_empty(self) -> bool:
        """Whether nobody has said anything."""
        return not self._lines

    @property
    def ended_at(self) -> datetime:
        """When the last word was said."""
        seconds = self._lines[-1][0] - self._began if self._lines else 0.0
        return self.began_at + timedelta(seconds=seconds)

    def told(self) -> list[Said]:
        """The lines for the log: the first and the last ones, shortened."""
        lines = self._read()
        if len(lines) <= MOST_TOLD:
            return [self._shown(line, LONGEST_TOLD) for line in lines]
        first, last = lines[: MOST_TOLD - LAST_TOLD], lines[-LAST_TOLD:]
        gap = (first[-1][0], NOTE, f"({len(lines) - MOST_TOLD:,} more lines)")
        return [self._shown(line, LONGEST_TOLD) for line in (*first, gap, *last)]

    def in_full(self) -> list[Said]:
        """All of it, still without secrets and without the text of mails."""
        return [self._shown(line, LONGEST_IN_FULL) for line in self._read()]

    def _note(self, who: str, words: bytes | str | int) -> None:
        if len(self._lines) < MOST_NOTED:
            self._lines.append((time.monotonic(), who, words))

    def _read(self) -> list[Said]:
        """Each line as text, the sign-ins hidden."""
        command, settled = SIGN_IN.get(self.dialect), SETTLED.get(self.dialect)
        found: list[Said] = []
        is_secret = False
        for at, who, words in self._lines:
            for line in _lines_of(words):
                shown = line
                if who == US and command and (sign_in := command.match(line)):
                    is_secret, shown = True, f"{sign_in[1]} {HIDDEN}"
                elif who == US and is_secret:
                    shown = HIDDEN
                elif who == THEM and is_secret and settled and settled.match(line):
                    is_secret = False
                found.append((round(at - self._began, 3), who, shown))
        return found

    def _shown(self, said: Said, most: int) -> Said:
        at, who, words = said
        words = QUOTED_BODY.sub(rf"\1{HIDDEN}", words[: 4 * most])
        words = clean_line(without_patterns(blanked(words, *self.secrets)))
        return at, who, words if len(words) <= most else words[:most] + HIDDEN


def _lines_of(words: bytes | str | int) -> list[str]:
    if isinstance(words, int):
        return [f"({words:,} octets)"]
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return text.splitlines() or [""]


_listener: ContextVar[Hearing | None] = ContextVar("listener", default=None)


@contextmanager
def listening(hearing: Hearing) -> Iterator[Hearing]:
    """Have what is said in this block by way of `overheard` noted there."""
    token = _listener.set(hearing)
    try:
        yield hearing
    finally:
        _listener.reset(token)


def overheard() -> Hearing:
    """Where to note what is said; nowhere that lasts when nobody listens."""
    return _listener.get() or Hearing("HTTPS")
