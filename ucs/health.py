"""Is everything there that the product stands on? Who works is `mailstore.workers`."""

import redis
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from mailstore import hints
from mailstore.workers import WorkerState, worker_states

__all__ = ["WorkerState", "problems", "worker_states"]


def problems() -> list[str]:
    """What keeps this process from serving people, in sentences; empty when ready."""
    return [problem for problem in (database_problem(), redis_problem()) if problem]


def database_problem() -> str:
    """Database away, or older than the code."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "The database can't be reached: see that PostgreSQL runs and DATABASE_URL is right."
    if missing:
        return f"{len(missing)} migrations are not applied: run `manage.py migrate`."
    return ""


def redis_problem() -> str:
    """Redis away: nothing is lost, but everything is late."""
    try:
        hints.client().ping()
    except redis.RedisError:
        return "Redis can't be reached: see that it runs and REDIS_URL is right."
    return ""
