"""Parse in a process apart: a mail that hangs or kills the parser costs that process and nobody else.

    parse_all ─▶ an idle parser, or a new one ─▶ mail, mail, mail … ─▶ outcome, outcome, ✕
                                             the mail at fault is Unparsable ◀────────────┘
                                             the rest goes to a new parser

Parsers are kept, a few in each worker process, started when they are first needed (so never before a fork),
each in a process group of its own. They end when their pipe is closed, which the kernel does for a worker
that is killed.
"""

import atexit
import contextlib
import os
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence

from django.conf import settings

from mailsources.parser import Limits, Outcome, Parser

PARSE = "mailcore.parse:parse"
PARSE_GUARDED = "mailcore.masking:parse_guarded"
MEMORY = 256 * 1024 * 1024
MEMORY_PER_OCTET = 8
"""Of the largest mail that is imported; five are needed."""

AHEAD_OCTETS = 2 * 1024 * 1024
"""Of raw mail on its way to one parser, and one mail more."""

ALONE = Limits(cpu=20, wall=25)
IN_COMPANY = Limits(cpu=5, wall=10)
"""While others wait behind it: ordinary mails take milliseconds, the worst known bombs two seconds."""


class Parsers:
    """The parsers of this process.

    :param function: what they call for each mail, as "module:name".
    :param most: how many work at once; who comes then waits.
    :param memory: octets of address space for each; by default what the largest mail needs, twice.
    """

    def __init__(self, function: str = PARSE, most: int = 4, memory: int | None = None) -> None:
        self.function = function
        self.memory = memory
        self._most = most
        self._idle: list[Parser] = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(most)

    def parse_each(self, raws: Iterable[bytes], limits: Limits = ALONE) -> "Parsing":
        """Parse mails in order; whatever one of them does, the others are parsed."""
        return Parsing(self, raws, limits)

    def parse_all(self, raws: Sequence[bytes], limits: Limits = ALONE) -> list[Outcome]:
        """The outcomes of `parse_each`."""
        return list(self.parse_each(raws, limits))

    def pids(self) -> list[int]:
        """The process ids of those that wait for work."""
        return [parser.process.pid for parser in self._idle]

    def close(self) -> None:
        """End those that wait for work; new ones are started when there is some."""
        with self._lock:
            idle, self._idle = self._idle, []
        for parser in idle:
            parser.stop()

    def begin_anew(self) -> None:
        """In a forked process: the parsers, and perhaps the locks, are the other one's."""
        for parser in self._idle:
            parser.disown()
        self._idle = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(self._most)

    @contextlib.contextmanager
    def parser(self) -> Iterator[Parser]:
        """One of them, for a while.

        :raises ParserUnavailable: none could be started.
        """
        with self._free:
            parser = self._waiting() or Parser(self.function, self.memory or enough_memory())
            try:
                yield parser
            except BaseException:
                parser.is_worn = True  # it may still be answering
                raise
            finally:
                if parser.is_worn:
                    parser.stop()
                else:
                    with self._lock:
                        self._idle.append(parser)

    def _waiting(self) -> Parser | None:
        with self._lock:
            while self._idle:
                parser = self._idle.pop()
                if parser.process.poll() is None:
                    return parser
                parser.stop()
        return None


class Parsing(Iterator[Outcome]):
    """Mails on their way: while the outcome of one is used, the next are parsed already.

    They are taken as they can be sent, so that few are in memory. Asking for an outcome raises
    `ParserUnavailable` when no parser could be started, and what taking a mail raises.
    """

    def __init__(self, parsers: Parsers, raws: Iterable[bytes], limits: Limits) -> None:
        self._parsers, self._limits = parsers, limits
        self._raws = iter(raws)
        self._asked: deque[bytes] = deque()
        self._octets = 0
        self._parser: Parser | None = None
        self._outcomes = self._each()

    def __next__(self) -> Outcome:
        return next(self._outcomes)

    def go_on(self) -> None:
        """Have the next mails sent to the parser, without waiting for anything."""
        if self._parser is not None:
            self._parser.go_on()

    def close(self) -> None:
        """Nobody wants to know of the mails that are left."""
        self._outcomes.close()

    def _each(self) -> Generator[Outcome, None, None]:
        while self._take():
            with self._parsers.parser() as self._parser:
                for raw in self._asked:
                    self._parser.ask(raw, self._limits)
                yield from self._by(self._parser)
            self._parser = None

    def _by(self, parser: Parser) -> Iterator[Outcome]:
        while not parser.is_ended and self._take():
            outcome = parser.outcome(self._limits)
            self._octets -= len(self._asked.popleft())
            yield outcome

    def _take(self) -> bool:
        """Take mails up to what may be under way at once; False when none is left."""
        while self._octets < AHEAD_OCTETS and (raw := next(self._raws, None)) is not None:
            self._asked.append(raw)
            self._octets += len(raw)
            if self._parser is not None:
                self._parser.ask(raw, self._limits)
        return bool(self._asked)


def enough_memory() -> int:
    """Octets that parsing any mail that we import may take."""
    return MEMORY + MEMORY_PER_OCTET * int(settings.LARGEST_MAIL)


parsers = Parsers()
guarded_parsers = Parsers(PARSE_GUARDED)
"""They look for the numbers of payment cards, too, for queues that want that."""

for each in (parsers, guarded_parsers):
    atexit.register(each.close)
    os.register_at_fork(after_in_child=each.begin_anew)
