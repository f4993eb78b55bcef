"""Writing a note: colleagues read it, and it is found by its words."""

from django.contrib.auth.models import User

from queues.finding_filed import filed, name_of, sheet_of_note
from queues.models import Conversation, Note


def write_note(conversation: Conversation, user: User | None, text: str) -> Note:
    """Write a note and return it; without a user it is the product's own."""
    row = Note(conversation=conversation, user=user, text=text)
    row.search = filed(sheet_of_note(row, conversation.queue_id, name_of(user)))
    row.save(force_insert=True)
    return row
