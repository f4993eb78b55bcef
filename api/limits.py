"""How often a program may ask: so many requests in each minute, counted in Redis.

Without Redis nobody is refused: an outage of a hint must not become one of the API.
"""

import logging
import time
from dataclasses import dataclass

import redis
from django.http import HttpResponse
from prometheus_client import Counter

from mailstore import hints

logger = logging.getLogger(__name__)

MINUTE = 60
PAUSE_SECONDS = 5.0
UNCOUNTED = Counter("ucs_api_uncounted", "Requests that no limit was held to, as Redis was away.")


class _Pause:
    """After a failure nobody counts for a moment, or each request would wait for Redis."""

    until = 0.0


@dataclass(frozen=True, slots=True)
class Count:
    """How a program stands: `limit` in a minute, `used` of it, and the seconds until it begins anew."""

    limit: int
    used: int
    reset: int

    @property
    def is_over(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit

    def tell(self, response: HttpResponse) -> None:
        """Write it into the answer's headers."""
        response["RateLimit-Limit"] = str(self.limit)
        response["RateLimit-Remaining"] = str(max(self.limit - self.used, 0))
        response["RateLimit-Reset"] = str(self.reset)
        if self.is_over:
            response["Retry-After"] = str(self.reset)


def count(who: str, limit: int) -> Count | None:
    """Count one request; None when it can't be counted, which is logged."""
    return tried(who, limit, is_new=True)


def tried(who: str, limit: int, *, is_new: bool) -> Count | None:
    """How often it was tried in this minute, this time with it if it is a new one; None for unknown."""
    if time.monotonic() < _Pause.until:
        UNCOUNTED.inc()
        return None
    window, passed = divmod(int(time.time()), MINUTE)
    name = f"api:{who}:{window}"
    try:
        with hints.client().pipeline(transaction=False) as pipe:
            pipe.incrby(name, int(is_new))
            pipe.expire(name, 2 * MINUTE)
            used = int(pipe.execute()[0])
    except (redis.RedisError, OSError) as error:
        _Pause.until = time.monotonic() + PAUSE_SECONDS
        UNCOUNTED.inc()
        logger.warning("Redis can't be reached: API requests are not limited now: %s", error)
        return None
    return Count(limit, used, MINUTE - passed)
