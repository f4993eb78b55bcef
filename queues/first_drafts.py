"""A first mail being written: each agent has one, which two windows don't overwrite unseen."""

from typing import Any

from django.contrib.auth.models import User

from mailcore.clean import clean_text
from queues.letters import Reply
from queues.models import EmailQueue, FirstDraft, Message
from queues.ownership import profile
from queues.replies import check_not_started, start
from queues.transactions import whole
from queues.windows import check_same, first_version, is_late


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
    draft, _ = rows.get_or_create(agent=agent, defaults={"token": answer.token, "version": first_version()})
    check_not_started(actor, subject, answer)  # a late save must not bring back what was sent
    typed: dict[str, Any] = {"queue": queue, **_typed(subject, answer)}
    check_same(draft, window, typed)
    if window is not None and is_late(draft, window, typed):
        return draft
    typed |= {"token": answer.token, "version": draft.version + 1}
    typed |= {"window": window.name if window else "", "window_saves": window.saves if window else 0}
    for name, each in typed.items():
        setattr(draft, name, each)
    draft.save()
    return draft


@whole
def send_first_draft(actor: User, queue: EmailQueue, subject: str, answer: Reply) -> Message:
    """Send the mail, and its draft goes; as `start`, and not with other words than are saved.

    Raises:
        DraftConflict: another window has saved other words of it than `answer.window` knows.
        ActionRefused: with the reason.
    """
    rows = FirstDraft.objects.select_for_update(of=("self",))  # a save that comes meanwhile waits
    draft = rows.filter(agent__user=actor, token=answer.token).first()
    check_same(draft, answer.window, _typed(subject, answer))
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
