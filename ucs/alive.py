"""`python -m ucs.alive QUEUE…`: exit 0 when somebody works on all of these. A container's health check."""

import os
import sys

from mailstore.workers import INTAKE, QUEUES, worker_states


def main(queues: list[str]) -> int:
    """0, or 1 with the queues that nobody serves."""
    known = (*QUEUES, INTAKE)
    if set(queues) - set(known) or not queues:
        sys.stderr.write(f"Give one or more of {', '.join(known)}.\n")
        return 2
    silent = [state.queue for state in worker_states(queues) if not state.alive]
    if silent:
        sys.stderr.write(f"No worker has given a sign of life for {', '.join(silent)}.\n")
    return 1 if silent else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucs.settings")
    sys.exit(main(sys.argv[1:]))
