"""What mypy's Django plugin loads: the settings, with values that only have to be valid."""

import os

from ucs import environment
from ucs.datafolder import DataFolder

environment.fill_placeholders(DataFolder(environment.PRODUCT / "data"))

from ucs.settings import *  # noqa: E402, F403 - the environment must be complete first

os.environ.pop("DJANGO_SETTINGS_MODULE", None)
