"""How many connections this process may hold open."""

import resource
from functools import lru_cache

SPARE = 200
"""Open files that are no mailbox: the database, Redis, logs, lines that are just being made."""

ENOUGH = 65_536


@lru_cache(maxsize=1)
def room() -> int:
    """Connections that this process has room for; raises the limit on open files as far as it may.

    Many systems start with 1,024, for the sake of programs that use `select`; ours don't.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return ENOUGH - SPARE if soft == resource.RLIM_INFINITY else soft - SPARE
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # macOS promises more than it gives
        wanted = soft
    return max(wanted - SPARE, SPARE)
