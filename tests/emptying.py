"""The database emptied after a test that has committed: in 10 ms, where Django's flush takes 300.

Django truncates every table and then writes all content types and permissions anew. Here only tables that
have rows are emptied, and what belongs to the models stays.
"""

import time

from django.db import OperationalError, connection, transaction
from django.test import TransactionTestCase
from psycopg2.errors import DeadlockDetected

OF_THE_MODELS = {"django_content_type", "auth_permission"}
PATIENCE = 10.0  # seconds for what a closed page or a stopped thread still had under way
OTHERS = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


def empty(case: TransactionTestCase) -> None:
    """Delete all rows, without triggers; on a server where that is not ours to do, flush as Django does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone() != (True,):
            flush(case)
            return
    while _delete_again() and _has_others():
        pass  # what a late one wrote between our deletions


def _delete_again() -> bool:
    """Whether there was anything, or a late one wanted the same rows in another order."""
    try:
        return _delete_all()
    except OperationalError as error:
        if not isinstance(error.__cause__, DeadlockDetected):
            raise
        return True


def _delete_all() -> bool:
    """Whether there was anything.

    Without triggers a row may stay that belongs to one that is deleted: a request that outlived its page
    wrote it after its table was emptied and before the other was. Once we have committed, none can come.
    """
    _wait_for_others()
    with transaction.atomic(), connection.cursor() as cursor:
        tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
        looks = [f"(SELECT '{name}' FROM \"{name}\" LIMIT 1)" for name in sorted(tables - OF_THE_MODELS)]
        cursor.execute(" UNION ALL ".join(looks))
        full = [name for (name,) in cursor.fetchall()]
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name in full:
            cursor.execute(f'DELETE FROM "{name}"')
    return bool(full)


def _has_others() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)
        return bool(cursor.fetchone() != (0,))


def _wait_for_others() -> None:
    """Until no other connection is inside a transaction: what it commits later would be the next test's."""
    deadline = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while True:
            cursor.execute(f"{OTHERS} AND xact_start IS NOT NULL")
            if cursor.fetchone() == (0,) or time.monotonic() > deadline:
                return
            time.sleep(0.02)
