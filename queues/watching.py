"""Who has a conversation before them now, and who is writing there. Kept in Redis alone, for seconds.

    desk ──"viewing", "writing", every 10 s──▶ one hash for each conversation, each window until its time
                                               changed? ──▶ a hint to the desks that show the same one

A window that is closed says so, and when it can't, its time runs out. No row is written, and a Redis that is
away costs only that nobody is seen: what keeps two answers apart is the database's business.
"""

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

from django.contrib.auth.models import User
from redis import RedisError

from mailstore import hints
from queues import live
from queues.models import Conversation

logger = logging.getLogger(__name__)

LEASE = 18.0  # seconds; desks say it every ten
QUIET_SECONDS = 5.0  # after a failure: no page waits for a Redis that is away, one by one
MOST = 20  # windows of one conversation
LONGEST_WINDOW = 40


class Doing(IntEnum):
    """What somebody does; of several windows the one that says most counts."""

    GONE = 0
    VIEWING = 1
    NOTING = 2
    WRITING = 3


@dataclass(frozen=True, slots=True)
class Watcher:
    """Somebody else with the conversation before them, for at most `left` more seconds."""

    user_id: int
    doing: Doing
    left: float


class _Quiet:
    until = 0.0


def watch(user: User, conversation: Conversation, window: str, doing: Doing) -> list[Watcher]:
    """Note what a window of the user does, and return who else is there.

    :param window: its own name, so that two windows of one user don't speak for each other.
    """
    if time.monotonic() < _Quiet.until:
        return []
    try:
        return _watch(user, conversation, window[:LONGEST_WINDOW], doing)
    except (RedisError, OSError) as error:
        _failed(conversation, error)
        return []


def present(conversation: Conversation) -> set[int]:
    """The users who have the conversation before them, in a window that is not hidden."""
    if time.monotonic() < _Quiet.until:
        return set()
    try:
        own, others = _read(_key(conversation.pk), time.time(), own=0)
    except (RedisError, OSError) as error:
        _failed(conversation, error)
        return set()
    return {each.user_id for each in [*own.values(), *others]}


def _failed(conversation: Conversation, error: Exception) -> None:
    _Quiet.until = time.monotonic() + QUIET_SECONDS
    logger.warning("who looks at conversation %s is not known: %s", conversation.pk, error)


def _watch(user: User, conversation: Conversation, window: str, doing: Doing) -> list[Watcher]:
    key, now = _key(conversation.pk), time.time()
    field = f"{user.pk}:{window}"
    before, others = _read(key, now, user.pk)
    with hints.client().pipeline() as pipe:
        if doing is Doing.GONE:
            pipe.hdel(key, field)
        elif len(before) + len(others) < MOST or field in before:
            pipe.hset(key, field, json.dumps([int(doing), now + LEASE]))
            pipe.expire(key, int(2 * LEASE))
        pipe.execute()
    after = {name: each for name, each in before.items() if name != field}
    if doing is not Doing.GONE:
        after[field] = Watcher(user.pk, doing, LEASE)
    if _most(before.values()) != _most(after.values()):
        live.watched(conversation.pk, conversation.queue_id)
    return _one_each(others)


def _read(key: str, now: float, own: int) -> tuple[dict[str, Watcher], list[Watcher]]:
    """The user's own windows, and those of the others; what is over is taken out."""
    mine: dict[str, Watcher] = {}
    others: list[Watcher] = []
    found = cast("dict[bytes, bytes]", hints.client().hgetall(key))
    over = []
    for name, value in found.items():
        doing, until = json.loads(value)
        if until <= now:
            over.append(name)
            continue
        each = Watcher(int(name.split(b":")[0]), Doing(doing), round(until - now, 1))
        if each.user_id == own:
            mine[name.decode()] = each
        else:
            others.append(each)
    if over:
        hints.client().hdel(key, *[name.decode() for name in over])
    return mine, others


def _most(windows: Iterable[Watcher]) -> Doing:
    return max((each.doing for each in windows), default=Doing.GONE)


def _one_each(found: list[Watcher]) -> list[Watcher]:
    """Each person once: whoever writes in one window and reads in another one writes."""
    best: dict[int, Watcher] = {}
    for each in sorted(found, key=lambda one: (one.doing, one.left)):
        best[each.user_id] = each
    return sorted(best.values(), key=lambda one: (-one.doing, one.user_id))


def _key(conversation_id: int) -> str:
    return f"{live.channel()}:watching:{conversation_id}"
