"""What happened to a mail on its way that its own row no longer tells: tries that came to nothing, decisions.

A mail that went through at the first try has none of these, so that the usual way costs nothing.
"""

from collections.abc import Iterable

from mailstore.models import MailTry

What = MailTry.What

LONGEST = 2000


def note(raw_id: int | None, what: MailTry.What, words: str, answer: str = "") -> None:
    """Append to the story of a mail, in the transaction of what happened.

    :param raw_id: its raw mail; nothing is noted of one without.
    :param words: a sentence.
    :param answer: the server's own words.
    """
    if raw_id is not None:
        MailTry.objects.create(raw_id=raw_id, what=what, words=words[:LONGEST], answer=answer[:LONGEST])


def note_many(raw_ids: Iterable[int], what: MailTry.What, words: str) -> None:
    """The same of several mails."""
    MailTry.objects.bulk_create(MailTry(raw_id=pk, what=what, words=words[:LONGEST]) for pk in raw_ids)
