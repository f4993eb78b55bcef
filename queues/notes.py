"""Writing a note: colleagues read it, it is found by its words, and who is named in it is told."""

from uuid import UUID

from django.contrib.auth.models import User

from queues import cards
from queues.finding_filed import filed, name_of, sheet_of_note
from queues.mentioning import mention
from queues.models import Conversation, Note

Audience = Note.Audience


def write_note(
    conversation: Conversation,
    user: User | None,
    text: str,
    audience: str = Audience.ALL,
    token: UUID | None = None,
) -> Note:
    """Write a note and return it; without a user it is the product's own.

    :param audience: who may read it; `audiences.check_may_whisper` comes before.
    :param token: of the form that it was written in.
    """
    kept = cards.kept(conversation.queue, text)
    row = Note(conversation=conversation, user=user, text=kept, audience=audience, token=token)
    row.search = filed(sheet_of_note(row, conversation.queue_id, name_of(user)))
    row.save(force_insert=True)
    mention(row, user)
    return row
