"""Agents at the desk for a while, with all that goes wrong: does each answer leave once, is any text lost?

    python -m bench.desk_trial [--agents 30] [--minutes 30] [--browsers 6] [--undo 5] [--seed N]

The whole product runs as `manage.py up` starts it, customers write over LMTP, answers leave to a real SMTP
server that counts them. Some agents sit in Chromium, the others ask for the same pages in the same order.
They click twice, two write in one conversation, sessions end while somebody types, tabs are killed, the
connection goes and comes, customers write meanwhile, answers are taken back in the last moment; the web
process and the workers are killed, and Redis is emptied.

Wrong is: an answer that left twice, or not at all, or to somebody else, or though it was taken back; a text
that was typed and is neither in a draft nor in the agent's browser; a note in a mail. Exit code 1 then.
"""

import argparse
import random
import sys
import time

from bench.desk_trial import office as offices
from bench.desk_trial.trial import Plan, run


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--browsers", type=int, default=6)
    parser.add_argument("--undo", type=float, default=5, help="seconds in which an answer can be taken back")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    plan = Plan(options.agents, options.browsers, options.minutes * 60, options.seed)
    print(f"{plan.agents} agents, {plan.browsers} of them in Chromium, seed {plan.seed}", flush=True)
    began = time.monotonic()
    with offices.opened(plan.agents, options.undo) as office:
        ledger = run(office, plan)
    print(f"{time.monotonic() - began:.0f} s, {len(ledger.faults)} faults")
    for fault in ledger.faults:
        print(f"  {fault}")
    return bool(ledger.faults)


if __name__ == "__main__":
    sys.exit(main())
