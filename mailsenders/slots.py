"""Who may hold a connection for a sender: numbered slots, shared by all workers on all machines.

Providers allow few connections at once (Exchange three). A slot is a row with a lease: its holder renews it
while the connection stands. What a killed worker held is free when the lease is over, and at once for the
next one on the same machine, which sees that it is gone. The clock is the database's, the same for everybody.
"""

import os
import socket
import uuid
from collections.abc import Sequence

from django.db import connection

SECONDS = 45  # a lease; renewed when a third of it has passed

FREE = """
SELECT number FROM generate_series(1, %(most)s) AS number
WHERE NOT EXISTS (
    SELECT FROM mailsenders_senderslot AS slot
    WHERE slot.sender_id = %(sender)s AND slot.number = number.number AND slot.held_until > now()
)
"""
# Two who want the same number meet at the unique key: the second one sees the first one's lease.
TAKE = """
INSERT INTO mailsenders_senderslot (sender_id, number, holder, held_until)
SELECT %(sender)s, number, %(holder)s, now() + make_interval(secs => %(seconds)s)
FROM generate_series(1, %(most)s) AS number
WHERE NOT EXISTS (
    SELECT FROM mailsenders_senderslot AS slot
    WHERE slot.sender_id = %(sender)s AND slot.number = number.number AND slot.held_until > now()
)
ORDER BY number LIMIT 1
ON CONFLICT (sender_id, number) DO UPDATE SET holder = EXCLUDED.holder, held_until = EXCLUDED.held_until
WHERE mailsenders_senderslot.held_until <= now()
RETURNING number
"""
RENEW = """
UPDATE mailsenders_senderslot SET held_until = now() + make_interval(secs => %(seconds)s)
WHERE sender_id = %(sender)s AND number = ANY(%(numbers)s) AND holder = %(holder)s AND held_until > now()
RETURNING number
"""
RELEASE = """
UPDATE mailsenders_senderslot SET held_until = now()
WHERE sender_id = %(sender)s AND number = ANY(%(numbers)s) AND holder = %(holder)s
"""


RELEASE_ALL = """
UPDATE mailsenders_senderslot SET held_until = now()
WHERE sender_id = %(sender)s AND holder = %(holder)s AND held_until > now()
"""
HELD = """
SELECT number, holder FROM mailsenders_senderslot
WHERE sender_id = %(sender)s AND held_until > now() AND starts_with(holder, %(machine)s)
"""
BURY = """
UPDATE mailsenders_senderslot SET held_until = now()
WHERE sender_id = %(sender)s AND number = %(number)s AND holder = %(dead)s
"""
MACHINE = f"{socket.gethostname()[:40]}-{uuid.getnode():x}/"

_holders: dict[int, str] = {}  # by process: after a fork the child is somebody else


def holder() -> str:
    """This process; a new one after each start, so that nobody renews what an earlier one held."""
    pid = os.getpid()
    return _holders.setdefault(pid, f"{MACHINE}{pid}/{uuid.uuid4().hex[:12]}")


def take(sender_id: int, most: int) -> int | None:
    """The number of a free slot, now ours; None when all are held.

    :param most: how many connections the sender allows.
    """
    for _ in range(most + 1):  # another process may have been quicker with the first free one
        found = _run(TAKE, sender_id, most=most, seconds=SECONDS)
        if found:
            return found[0]
        if not _run(FREE, sender_id, most=most) and not _bury(sender_id):
            break
    return None


def renew(sender_id: int, numbers: Sequence[int], seconds: float = SECONDS) -> set[int]:
    """Hold on to these; the ones that are still ours."""
    return set(_run(RENEW, sender_id, numbers=list(numbers), seconds=seconds)) if numbers else set()


def release(sender_id: int, numbers: Sequence[int]) -> None:
    """Let others have these."""
    if numbers:
        _run(RELEASE, sender_id, numbers=list(numbers), returns=False)


def release_all(sender_id: int) -> None:
    """Let others have what this process still holds, though it has no connection to the sender's server."""
    _run(RELEASE_ALL, sender_id, returns=False)


def _bury(sender_id: int) -> int:
    """Free what processes of this machine held that are gone; how much that was."""
    buried = 0
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"sender": sender_id, "machine": MACHINE})
        for number, name in cursor.fetchall():
            if _is_gone(name):
                cursor.execute(BURY, {"sender": sender_id, "number": number, "dead": name})
                buried += 1
    return buried


def _is_gone(name: str) -> bool:
    pid = int(name.removeprefix(MACHINE).partition("/")[0])
    if pid == os.getpid():  # an earlier process that had our number
        return name != holder()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it runs, as somebody else
        return False
    return False


def _run(
    statement: str, sender_id: int, *, returns: bool = True, **values: float | str | list[int]
) -> list[int]:
    known: dict[str, float | str | list[int]] = {"sender": sender_id, "holder": holder()}
    with connection.cursor() as cursor:
        cursor.execute(statement, known | values)
        return [row[0] for row in cursor.fetchall()] if returns else []
