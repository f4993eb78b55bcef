"""Routing's promises, whatever happens in a contact centre: many stories, on a throwaway database.

    python -m bench.routing_machine [--stories 1000] [--steps 40] [--seed 1]

The rules and what is checked after each step are those of the test suite, which plays a few of them. The
first story that breaks a promise is told step by step. Every 25 it says how far it has come.
"""

import argparse
import os
import time

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.core.management import call_command  # noqa: E402
from hypothesis import HealthCheck, Phase, seed, settings  # noqa: E402
from hypothesis.stateful import run_state_machine_as_test  # noqa: E402

from tests.queues.routing_machine import populate  # noqa: E402
from tests.queues.routing_stories import Stories  # noqa: E402


class Told(Stories):
    """Counts itself."""

    ended = 0

    def teardown(self) -> None:
        """A story has ended, well or not."""
        super().teardown()
        Told.ended += 1
        if Told.ended % 25 == 0:
            print(f"{Told.ended} stories, {time.process_time():.0f} s of a processor here", flush=True)


def main() -> None:
    """Play them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stories", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    populate()
    seed(options.seed)(Told)
    run_state_machine_as_test(
        Told,
        settings=settings(
            max_examples=options.stories,
            stateful_step_count=options.steps,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    spent = time.process_time()
    print(f"{options.stories} stories of {options.steps} steps: all kept; {spent:.0f} s of a processor here")


if __name__ == "__main__":
    main()
