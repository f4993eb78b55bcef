"""Notes and whispers being written: each agent's own, of which nobody else sees anything.

They are other rows than drafts of answers, in another table, and nothing here knows how to send.
"""

from uuid import UUID

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from mailcore.clean import clean_text
from queues import actions, cards
from queues.audiences import check_may_whisper
from queues.models import Conversation, Note, NoteDraft
from queues.ownership import lock_for, profile
from queues.refusals import DraftConflict, NoteAdded, SentOtherwise
from queues.transactions import whole
from queues.windows import Window, check_same, first_version, is_late


@whole
def save_note_draft(
    actor: User, conversation: Conversation, text: str, audience: str, token: UUID, window: Window | None
) -> NoteDraft:
    """Save what the agent has typed; each agent has one note in a conversation, and one whisper.

    :param window: who saves; None overwrites whatever is there.

    Raises:
        DraftConflict: another window has saved something else since this one looked.
        NoteAdded: it is a note already.
        ActionRefused: it is too long, or the user may not whisper.
    """
    row, agent = lock_for(actor, conversation), profile(actor)  # a late save waits until it has been added
    check_may_whisper(actor, audience)
    actions.check_note_length(text)
    typed = {"text": cards.kept(row.queue, clean_text(text))}
    _check_not_added(actor, token, typed["text"])
    before = row.note_drafts.filter(agent=agent, audience=audience).first()
    check_same(before, window, typed)
    if before is not None and window is not None and is_late(before, window, typed):
        return before
    version = before.version + 1 if before else first_version()
    own = {"window": window.name if window else "", "window_saves": window.saves if window else 0}
    draft, _is_new = NoteDraft.objects.update_or_create(
        conversation=row,
        agent=agent,
        audience=audience,
        defaults={**typed, **own, "token": token, "version": version},
    )
    return draft


def _check_not_added(actor: User, token: UUID, text: str) -> None:
    added = Note.objects.filter(token=token, user=actor).first()
    if added is not None:
        raise NoteAdded(has_all=" ".join(text.split()) in " ".join(added.text.split()))


@whole
def add_note(
    actor: User,
    conversation: Conversation,
    text: str,
    audience: str,
    token: UUID | None,
    window: Window | None,
) -> Note:
    """Leave the note, and its draft goes; once, however often it is asked for under the same token.

    Raises:
        DraftConflict: another window has saved other words of it than `window` knows.
        SentOtherwise: it was added already, with other words.
        ActionRefused: as of `actions.note`.
    """
    row = lock_for(actor, conversation)
    kept = cards.kept(row.queue, clean_text(text)).strip()
    added = Note.objects.filter(token=token, user=actor).first() if token else None
    if added is not None and added.text != kept:
        raise SentOtherwise(_("This note was added already."))
    if added is not None:
        return added
    draft = row.note_drafts.filter(agent__user=actor, token=token).first() if token else None
    check_same(draft, window, {"text": kept})
    note = actions.note(actor, row, text, audience, token)
    if draft is not None:
        draft.delete()
    return note


def note_draft_of(actor: User, conversation: Conversation, audience: str) -> NoteDraft | None:
    """The user's own."""
    return conversation.note_drafts.filter(agent__user=actor, audience=audience).first()


def begun(actor: User, conversation: Conversation) -> list[NoteDraft]:
    """The user's own that hold something, the latest first."""
    rows = conversation.note_drafts.filter(agent__user=actor).order_by("-saved_at", "-pk")
    return [each for each in rows if each.text.strip()]


@whole
def discard_note_draft(
    actor: User, conversation: Conversation, audience: str, token: UUID, window: Window | None
) -> None:
    """Throw it away, if it is the one on the screen.

    Raises:
        DraftConflict: another window has saved something else since this one looked.
    """
    rows = NoteDraft.objects.filter(conversation=conversation, agent__user=actor, audience=audience)
    draft = rows.select_for_update(of=("self",)).first()
    if draft is None:
        return
    is_known = draft.token == token and (window is None or window.knows(draft))
    if not is_known and draft.text.strip():
        raise DraftConflict(draft.text, draft.version)
    draft.delete()
