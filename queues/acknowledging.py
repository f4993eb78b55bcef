"""Which acknowledgement a customer gets: by their language, and by whether the queue is open.

in their language: outside the hours ─▶ at any time ─▶ the queue's own: outside ─▶ at any time ─▶ none
"""

from datetime import datetime

from mailstore.batch import standing
from queues import hours
from queues.models import AcknowledgementText, Conversation, EmailQueue

Texts = dict[str, tuple[str, str]]


def text_for(conversation: Conversation, now: datetime) -> str:
    """The text to send, its places not yet filled in; "" when the queue sends none."""
    queue = conversation.queue
    own = (queue.acknowledgement, queue.acknowledgement_outside)
    return choose([_texts(queue).get(conversation.language, ("", "")), own], _is_open(queue, now))


def choose(texts: list[tuple[str, str]], is_open: bool) -> str:
    """Of (at any time, outside the hours), the best language first, the first that says something."""
    for usual, outside in texts:
        wanted = usual if is_open or not outside.strip() else outside
        if wanted.strip():
            return wanted
    return ""


def _is_open(queue: EmailQueue, now: datetime) -> bool:
    return hours.of(queue).is_open(now)


def _texts(queue: EmailQueue) -> Texts:
    """The texts by language, asked for once in a batch."""

    def ask() -> Texts:
        rows = AcknowledgementText.objects.filter(queue=queue)
        return {
            tag: (text, other) for tag, text, other in rows.values_list("language", "text", "outside_text")
        }

    return standing(("queues.acknowledging: texts", queue.pk), ask)
