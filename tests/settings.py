"""Settings of the test run. Without DATABASE_URL, PostgreSQL and Redis are started here, once.

pytest-django reads the settings before any conftest, and workers of xdist inherit the environment of
the first process, so this module is the one place that is early enough.
"""

import os

from tests import migrated, services

if started := services.ensure():
    migrated.make(started)

from ucs.settings import *  # noqa: F403 - the environment must be complete first

if migrated.MARK in os.environ:
    DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ[migrated.MARK]}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
BULK_AT_ONCE = 10  # the web process of the tests has no worker beside it, and pages wait for its answers
UNDO = 60  # a busy machine may need ten seconds to press a button
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright keeps a loop in this thread
