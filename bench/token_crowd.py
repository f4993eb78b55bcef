"""Machines full of workers that all want a token at the same moment.

A machine is a process that has set up the product and forked its workers (`bench.token_worker`); a worker
reads orders from a socket and answers each with what `access_token` gave it.
"""

import json
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

HEAD_START = 0.05  # seconds in which every worker has its order
LONGEST_ROUND = 180.0


@dataclass(frozen=True)
class Order:
    """What every worker is to do.

    :param begin: when, epoch seconds.
    :param claim: seconds that a claim lasts; 0 for the product's own.
    :param dies_once: a file; who makes it is killed between the provider's answer and the commit.
    """

    provider: int
    begin: float = 0
    claim: float = 0
    dies_once: str = ""


@dataclass(frozen=True)
class Result:
    """What one worker got: a token, or the name and the sentence of an error; `died` if it was killed."""

    token: str = ""
    error: str = ""
    sentence: str = ""
    seconds: float = 0
    died: bool = False


class Crowd:
    """The machines and their workers, as the parent sees them."""

    def __init__(self, environment: dict[str, str], machines: int = 2, workers: int = 8) -> None:
        self.lines: list[socket.socket] = []
        self.machines: list[subprocess.Popen[bytes]] = []
        for _ in range(machines):
            pairs = [socket.socketpair() for _ in range(workers)]
            ends = [theirs.fileno() for _, theirs in pairs]
            command = [sys.executable, "-m", "bench.token_worker", *map(str, ends)]
            place = Path(__file__).parents[1]
            self.machines.append(subprocess.Popen(command, env=environment, pass_fds=ends, cwd=place))
            for ours, theirs in pairs:
                theirs.close()
                ours.settimeout(LONGEST_ROUND)
                self.lines.append(ours)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for machine in self.machines:
            machine.terminate()
        for machine in self.machines:
            machine.wait(10)
        for line in self.lines:
            line.close()

    def begin(self, order: Order) -> None:
        """Hand out an order; all begin together."""
        words = asdict(order) | {"begin": time.time() + HEAD_START}
        for line in self.lines:
            line.sendall(json.dumps(words).encode() + b"\n")

    def results(self) -> list[Result]:
        """What came of it, once everybody has answered."""
        return [Result(**json.loads(_line(line))) for line in self.lines]

    def ask(self, order: Order) -> list[Result]:
        """One round."""
        self.begin(order)
        return self.results()


def _line(line: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        more = line.recv(65536)
        if not more:
            raise EOFError("a machine has ended")
        found += more
    return found
