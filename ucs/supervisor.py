"""Keep the processes of one product running: start, start again when one dies, stop all.

waiting ──start──▶ running ──dies──▶ waiting (1, 2, 4 … 30 s) ──▶ running
                      └──stop()──▶ SIGTERM ──7 s──▶ SIGKILL
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ucs import child
from ucs.datafolder import DataFolder
from ucs.relay import Relay, Say

STOP_SECONDS = 7.0
LONGEST_PAUSE = 30.0
CALM_SECONDS = 15.0  # having run that long, a process begins with the shortest pause again
TICK_SECONDS = 0.1


@dataclass(frozen=True)
class Program:
    """What is to run; `ready_mark` is the line it prints when it can be used."""

    name: str
    command: list[str]
    env: dict[str, str] = field(repr=False)
    ready_mark: str = ""


class Child:
    """One program and its present process."""

    def __init__(self, program: Program, log: Path, say: Say) -> None:
        self.program = program
        self.log = log
        self.say = say
        self.deaths = 0
        self.started_at = 0.0
        self.start_again_at = 0.0
        self.process: subprocess.Popen[bytes]
        self.relay: Relay
        self.start()

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C must reach nobody but us.

        Should we be killed, it is killed too: its database and Redis go at the same moment, and a
        worker that wants to finish first would wait for them for ever.
        """
        self.process = subprocess.Popen(
            child.command(self.program.command, signal.SIGKILL),
            env=self.program.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.relay = Relay(
            self.program.name, self.process.stdout, self.log, self.say, self.program.ready_mark
        )
        self.relay.start()
        self.started_at = time.monotonic()
        self.start_again_at = 0.0

    def is_running(self) -> bool:
        """Whether the present process lives."""
        return self.process.poll() is None

    def look(self) -> bool:
        """Start it again when it is dead and the pause is over; True when a new process began."""
        now = time.monotonic()
        if self.is_running():
            return False
        if not self.start_again_at:
            self.deaths = 0 if now - self.started_at > CALM_SECONDS else self.deaths
            pause = min(2.0**self.deaths, LONGEST_PAUSE)
            self.deaths += 1
            self.start_again_at = now + pause
            self.say(
                f"{self.program.name} {ending(self.process.returncode)}; starting it again in {pause:.0f} s."
            )
            return False
        if now < self.start_again_at:
            return False
        self.start()
        return True


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


class Supervisor:
    """All children of one `up`, written down so that the next start can clear them away."""

    def __init__(self, folder: DataFolder, say: Say) -> None:
        self.folder = folder
        self.say = say
        self.children: dict[str, Child] = {}

    def start(self, program: Program) -> Child:
        """Start one program and keep it running from now on."""
        started = Child(program, self.folder.logs / f"{program.name}.log", self.say)
        self.children[program.name] = started
        self._write_down()
        return started

    def look(self) -> None:
        """Start again what has died; to be called all the time."""
        # All of them, not any(): each must get its turn.
        if [True for running in self.children.values() if running.look()]:
            self._write_down()

    def stop(self, names: Iterable[str]) -> None:
        """Ask these to stop, all at once, and insist after a while."""
        stopping = [self.children.pop(name) for name in names if name in self.children]
        for one in stopping:
            one.relay.muted = True
            if one.is_running():
                one.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for one in stopping:
            try:
                one.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                kill_session(one.process.pid)
                one.process.wait()
            one.relay.join(1)
        self._write_down()

    def _write_down(self) -> None:
        if not self.children:
            self.folder.processes.unlink(missing_ok=True)
            return
        known = []
        for running in self.children.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                pid = running.process.pid
                known.append({"pid": pid, "born": psutil.Process(pid).create_time()})
        self.folder.processes.write_text(json.dumps(known))


def kill_session(pid: int) -> None:
    """End a process and what it started, at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def clear_left_over(folder: DataFolder) -> int:
    """End what an `up` that was killed has left running; how many there were."""
    try:
        known = json.loads(folder.processes.read_text())
    except (FileNotFoundError, ValueError):
        return 0
    left: list[psutil.Process] = []
    for entry in known:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(entry["pid"]))
            # The number may belong to another process by now; the time of birth tells.
            if abs(process.create_time() - float(entry["born"])) < 1:
                process.terminate()
                left.append(process)
    _, stubborn = psutil.wait_procs(left, timeout=STOP_SECONDS)
    for process in stubborn:
        kill_session(process.pid)
    psutil.wait_procs(stubborn, timeout=2)
    folder.processes.unlink(missing_ok=True)
    return len(left)
