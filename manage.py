#!/usr/bin/env python
"""The one command line of the product: `manage.py help` lists what it can do."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from ucs import environment
from ucs.datafolder import StartError


def main() -> int:
    """Run the command; what stops it before it begins is one sentence."""
    try:
        environment.prepare(sys.argv[1:])
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucs.settings")
        execute_from_command_line(sys.argv)
    except (StartError, ImproperlyConfigured) as error:
        return environment.fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
