"""Writing a note: colleagues read it, it is found by its words, and who is named in it is told."""

from django.contrib.auth.models import User

from queues import cards
from queues.finding_filed import filed, name_of, sheet_of_note
from queues.mentioning import mention
from queues.models import Conversation, Note

Audience = Note.Audience


def write_note(
    conversation: Conversation, user: User | None, text: str, audience: str = Audience.ALL
) -> Note:
    """Write a note and return it; without a user it is the product's own.

    :param audience: who may read it; `audiences.check_may_whisper` comes before.
    """
    row = Note(
        conversation=conversation, user=user, text=cards.kept(conversation.queue, text), audience=audience
    )
    row.search = filed(sheet_of_note(row, conversation.queue_id, name_of(user)))
    row.save(force_insert=True)
    mention(row, user)
    return row
