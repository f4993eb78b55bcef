"""Number the events of the feed after their commit, one after the other, without a hole.

One process at a time does it, under an advisory lock. What it sees is committed, so whatever commits later is
numbered later: a reader who remembers the last number it has seen skips nothing.
"""

from django.db import connection, transaction

LOCK = 0x75637366  # "ucsf", and nobody else's
AT_ONCE = 2000

TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
# A statement of its own after that of the lock: its snapshot must not be older than the lock.
NUMBER = """
WITH new AS (
    SELECT event.id, row_number() OVER (ORDER BY event.id) AS place, message.id AS message_id,
        conversation.queue_id, conversation.contact_id
    FROM (SELECT * FROM mailstore_feedevent WHERE number IS NULL ORDER BY id LIMIT %s) AS event
    LEFT JOIN queues_message AS message ON message.outgoing_id = event.outgoing_id
    LEFT JOIN queues_conversation AS conversation
        ON event.queue_id IS NULL AND conversation.id = event.conversation_id
)
UPDATE mailstore_feedevent AS event SET
    number = (SELECT COALESCE(max(number), 0) FROM mailstore_feedevent) + new.place,
    message_id = COALESCE(event.message_id, new.message_id),
    queue_id = COALESCE(event.queue_id, new.queue_id),
    contact_id = COALESCE(event.contact_id, new.contact_id)
FROM new WHERE event.id = new.id
"""
"""The outbox knows no queues: of its mails, message and queue are filled in here."""


def number_new() -> int:
    """Number what is committed; how many there were. 0 as well while somebody else is at it."""
    done = 0
    while count := _portion():
        done += count
        if count < AT_ONCE:
            break
    return done


@transaction.atomic
def _portion() -> int:
    with connection.cursor() as cursor:
        cursor.execute(TRY_LOCK, [LOCK])
        row = cursor.fetchone()
        if row is None or not row[0]:
            return 0
        cursor.execute(NUMBER, [AT_ONCE])
        numbered: int = cursor.rowcount
        return numbered
