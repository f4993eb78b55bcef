"""“@alice” in a note: she is told, finds it in her list of mentions, and follows the conversation.

Only who may read the note is mentioned; any other name with an @ is a word like all words.
"""

from django.contrib.auth.models import User

from agents.models import Agent
from queues import following, notices
from queues.at_names import named
from queues.audiences import listeners, people
from queues.models import Mention, Note, Notice

MOST = 50  # of one note


def mention(note: Note, by: User | None) -> list[Agent]:
    """Mention who is named in a note that was just written; the caller has locked its conversation."""
    if "@" not in note.text:
        return []
    row = note.conversation
    known = {each.user.get_username().lower(): each for each in listeners(note, people(row.queue))}
    told = [each for each in named(note.text, known) if by is None or each.user_id != by.pk][:MOST]
    if not told:
        return []
    Mention.objects.bulk_create(Mention(note=note, conversation=row, agent=each) for each in told)
    writer = Agent.objects.filter(user=by).first() if by else None
    notices.tell(told, Notice.Kind.MENTION, row, {"note": note.pk}, by=writer)
    for each in told:
        if each.follows_mentions:
            following.follow_unasked(each, row)
    return told
