"""What an action answers when it can't be done: a sentence for the agent."""

from django.utils.translation import gettext as _

from queues.models import Message, Note


class ActionRefused(Exception):
    """Nothing was changed; `sentence` says why, and what can be done."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


class SomethingNew(ActionRefused):
    """Somebody has written since the agent began: a mail, a colleague's answer, a note.

    Sending again goes on, with `message.pk` and `note.pk` as seen.
    """

    def __init__(self, message: Message | None, note: Note | None = None) -> None:
        self.message, self.note = message, note
        super().__init__(_sentence(message, note))


class NewMailArrived(SomethingNew):
    """The customer has written since the agent began."""

    message: Message


def _sentence(message: Message | None, note: Note | None) -> str:
    if message is not None and message.direction == Message.Direction.IN:
        who = message.from_name or message.from_email or _("The customer")
        told = _(
            "%(who)s has written again since you began: read the new mail, then send again if the answer "
            "still fits."
        )
    elif message is not None:
        who = str(message.agent or _("A colleague"))
        told = _("%(who)s has answered since you began: read that, then send again if yours still fits.")
    else:
        writer = note.user if note is not None else None
        who = (writer.get_full_name() or writer.get_username()) if writer else "UCS Email"
        told = _(
            "%(who)s has left a note since you began: read it, then send again if the answer still fits."
        )
    return told % {"who": who}


class AnswerSent(ActionRefused):
    """What is to be saved has left already, as an answer: it is no draft any more.

    :param has_all: whether all that is to be saved stood in it.
    """

    def __init__(self, *, has_all: bool) -> None:
        super().__init__(_("This answer was sent already."))
        self.has_all = has_all


class NoteAdded(ActionRefused):
    """What is to be saved is a note already: it is no draft any more.

    :param has_all: whether all that is to be saved stands in it.
    """

    def __init__(self, *, has_all: bool) -> None:
        super().__init__(_("This note was added already."))
        self.has_all = has_all


class SentOtherwise(ActionRefused):
    """An answer or a note with this token has left, with other words than these."""


class DraftGone(ActionRefused):
    """The draft is a colleague's now, who has the conversation."""


class DraftConflict(ActionRefused):
    """Another window has saved something else meanwhile; nothing of either is lost.

    :param text: what is saved.
    :param version: its count, for who wants to overwrite it all the same.
    """

    def __init__(self, text: str, version: int) -> None:
        self.text, self.version = text, version
        super().__init__(
            _("Another window of yours has saved something else meanwhile: choose which of the two stays.")
        )
