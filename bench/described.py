"""Whether each operation of the API answers as its description says, for many requests of all shapes.

    python -m bench.described [--examples 100] [--only contacts]

On a throwaway database. Prints a line for each operation; ends with 1 if one answered otherwise.
"""

import argparse
import os
import sys
import time

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.db import transaction  # noqa: E402
from django.test.utils import setup_databases, setup_test_environment, teardown_databases  # noqa: E402
from schemathesis.core.failures import FailureGroup  # noqa: E402

from tests.api.described import World, examine, make_world, one_connection, operations  # noqa: E402


def asked(operation: object, world: World, examples: int) -> str:
    """What was wrong with one operation, empty if nothing; all that it wrote is taken back."""
    try:
        with transaction.atomic():
            try:
                examine(operation, world, examples)
            finally:
                transaction.set_rollback(True)
    except FailureGroup as error:
        return "\n".join(str(each) for each in error.exceptions)
    return ""


def main() -> int:
    """Ask every operation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--only", default="", help="A part of the path.")
    options = parser.parse_args()
    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False)
    wrong = 0
    try:
        world = make_world()
        with one_connection():
            for operation in operations():
                if options.only not in operation.path:
                    continue
                began = time.perf_counter()
                told = asked(operation, world, options.examples)
                seconds = time.perf_counter() - began
                wrong += bool(told)
                named = f"{operation.method.upper()} {operation.path}"
                print(f"{'WRONG' if told else 'as said':8}{seconds:7.1f} s  {named}")
                print(told, end="\n" if told else "")
    finally:
        teardown_databases(databases, verbosity=0)
    print(f"{wrong} operations answered otherwise")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
