"""Start a program that never outlives the process that started it.

`python child.py SIGNAL PARENT PROGRAM…` becomes PROGRAM, which gets SIGNAL from the kernel when the
process PARENT dies, even by kill -9. Only Linux can do this; elsewhere the next start clears away
what was left (`ucs.processes`). Uses nothing but the standard library, because it starts often.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def command(program: list[str], signal_number: int = signal.SIGTERM) -> list[str]:
    """The command line that runs `program` bound to the life of this process."""
    return [sys.executable, "-I", "-S", __file__, str(int(signal_number)), str(os.getpid()), *program]


def main() -> None:
    """Ask for the signal, then become the program."""
    signal_number, parent, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # died before we could ask
            sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - the whole point: no shell in between


if __name__ == "__main__":
    main()
