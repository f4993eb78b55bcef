"""A first mail being written: each agent has one, which two windows don't overwrite unseen.

Its files lie with it. Another token is another mail, so none of them goes over to that.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from mailcore import authored
from mailcore.clean import clean_text
from queues.drafts import NewFile, checked_file, out_files
from queues.letters import Reply
from queues.models import EmailQueue, FirstDraft, FirstDraftFile, Message
from queues.ownership import profile
from queues.refusals import ActionRefused, DraftConflict
from queues.replies import check_not_started, is_started, start
from queues.transactions import whole
from queues.windows import Window, check_same, first_version, is_late


@whole
def save_first_draft(actor: User, queue: EmailQueue | None, subject: str, answer: Reply) -> FirstDraft:
    """Save what the agent has typed.

    :param answer: its `window` is who saves; None overwrites whatever is there.

    Raises:
        DraftConflict: another window has saved something else since this one looked.
        AnswerSent: the mail with this token has left.
    """
    agent, window = profile(actor), answer.window
    rows = FirstDraft.objects.select_for_update()  # made at once: two first saves wait for each other
    begun = {"token": answer.token, "version": first_version()}
    draft, _is_new = rows.get_or_create(agent=agent, defaults=begun)
    check_not_started(actor, subject, answer)  # a late save must not bring back what was sent
    typed: dict[str, Any] = {"queue": queue, **_typed(subject, answer)}
    check_same(draft, window, typed)
    is_other = str(draft.token) != answer.token
    if is_other and window is not None and not window.knows(draft) and draft.files.exists():
        raise DraftConflict(draft.text, draft.version)
    if window is not None and is_late(draft, window, typed):
        return draft
    if is_other:
        draft.files.all().delete()
    typed |= {"token": answer.token, "version": draft.version + 1}
    typed |= {"window": window.name if window else "", "window_saves": window.saves if window else 0}
    for name, each in typed.items():
        setattr(draft, name, each)
    draft.save()
    return draft


@whole
def send_first_draft(
    actor: User, queue: EmailQueue, subject: str, answer: Reply, shown: Collection[int] = ()
) -> Message:
    """Send the mail with its files, and its draft goes; as `start`, and not with other words than are saved.

    :param shown: the ids of the files that its writer sees with it: no others go along, and none lacks.

    Raises:
        DraftConflict: another window has saved other words of it than `answer.window` knows.
        ActionRefused: with the reason.
    """
    rows = FirstDraft.objects.select_for_update(of=("self",))  # a save that comes meanwhile waits
    draft = rows.filter(agent__user=actor, token=answer.token).first()
    check_same(draft, answer.window, _typed(subject, answer))
    if not is_started(actor, answer.token):
        answer = _with_files(draft, answer, shown)
    message = start(actor, queue, subject, answer)
    if draft is not None:
        draft.delete()
    return message


def _typed(subject: str, answer: Reply) -> dict[str, str]:
    """What was typed, as it may be stored."""
    return {
        "to": clean_text(", ".join(answer.to)),
        "cc": clean_text(", ".join(answer.cc)),
        "subject": clean_text(subject),
        "text": clean_text(answer.text),
        "html": clean_text(answer.html),
    }


def _with_files(draft: FirstDraft | None, answer: Reply, shown: Collection[int]) -> Reply:
    files = list(draft.files.all()) if draft else []
    if {each.pk for each in files} != set(shown):
        raise ActionRefused(
            _("The files of this mail are others by now: load the page again, look at them and send it then.")
        )
    out = (*answer.files, *(out_files(draft) if draft else ()))
    html = authored.only_pictures(answer.html, {each.content_id for each in files})
    return replace(answer, html=html, files=out)


@whole
def add_first_draft_file(actor: User, file: NewFile, token: UUID) -> FirstDraftFile:
    """Put a file to the user's first mail, whose draft is made when there is none.

    Raises:
        DraftConflict: another window writes another mail.
        ActionRefused: more than a mail can carry, or than the sender's server takes; or the mail has left.
    """
    rows = FirstDraft.objects.select_for_update()
    begun = {"token": token, "version": first_version()}
    draft, _is_new = rows.get_or_create(agent=profile(actor), defaults=begun)
    if is_started(actor, str(token)):
        raise ActionRefused(_("This mail was sent already."))
    if draft.token != token:
        raise DraftConflict(draft.text, draft.version)
    return FirstDraftFile.objects.create(draft=draft, **checked_file(draft, draft.queue, file))


def remove_first_draft_file(actor: User, file_id: int) -> None:
    """Take a file out of the user's first mail; one that is gone already is no error."""
    FirstDraftFile.objects.filter(pk=file_id, draft__agent__user=actor).delete()


@whole
def discard_first_draft(actor: User, token: UUID, window: Window | None) -> None:
    """Throw the user's first mail away, files and all, if it is the one on the screen.

    Raises:
        DraftConflict: another window has saved something else since this one looked.
    """
    rows = FirstDraft.objects.select_for_update(of=("self",))
    draft = rows.filter(agent__user=actor).first()
    if draft is None:
        return
    is_known = draft.token == token and (window is None or window.knows(draft))
    if not is_known and (draft.text.strip() or draft.html or draft.files.exists()):
        raise DraftConflict(draft.text, draft.version)
    draft.delete()
