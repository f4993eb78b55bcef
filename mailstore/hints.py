"""Redis as everybody below the web uses it: for hints that may be lost."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 2.0


@cache
def client() -> "redis.Redis":
    """The client of this process; every call may raise redis.RedisError within a few seconds."""
    url: str = settings.REDIS_URL
    timeouts: dict[str, float] = {"socket_timeout": TIMEOUT_SECONDS}
    if not url.startswith("unix:"):  # a socket in the file system connects at once or never
        timeouts["socket_connect_timeout"] = TIMEOUT_SECONDS
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 1), **timeouts)
