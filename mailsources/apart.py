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
from collections.abc import Generator, Iterator, Sequence

from django.conf import settings

from mailsources.parser import Limits, Outcome, Parser

PARSE = "mailcore.parse:parse"
MEMORY = 256 * 1024 * 1024
MEMORY_PER_OCTET = 8
"""Of the largest mail that is imported; five are needed."""

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

    def parse_each(self, raws: Sequence[bytes], limits: Limits = ALONE) -> Generator[Outcome, None, None]:
        """Parse mails in order; whatever one of them does, the others are parsed.

        While one outcome is being used, the next mails are parsed already.

        :raises ParserUnavailable: none could be started.
        """
        done = 0
        while done < len(raws):
            with self._parser() as parser:
                for outcome in parser.parse(raws[done:], limits):
                    done += 1
                    yield outcome

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
    def _parser(self) -> Iterator[Parser]:
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


def enough_memory() -> int:
    """Octets that parsing any mail that we import may take."""
    return MEMORY + MEMORY_PER_OCTET * int(settings.LARGEST_MAIL)


parsers = Parsers()
atexit.register(parsers.close)
os.register_at_fork(after_in_child=parsers.begin_anew)
