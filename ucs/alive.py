"""`python -m ucs.alive QUEUE…`: exit 0 when workers serve all of these queues. A container's health check."""

import os
import sys

from mailstore.workers import QUEUES, worker_states


def main(queues: list[str]) -> int:
    """0, or 1 with the queues that nobody serves."""
    unknown = set(queues) - set(QUEUES)
    if unknown or not queues:
        sys.stderr.write(f"Give one or more of the queues {', '.join(QUEUES)}.\n")
        return 2
    silent = [state.queue for state in worker_states() if state.queue in queues and not state.alive]
    if silent:
        sys.stderr.write(f"No worker has given a sign of life for {', '.join(silent)}.\n")
    return 1 if silent else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucs.settings")
    sys.exit(main(sys.argv[1:]))
