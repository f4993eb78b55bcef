"""What the editor of an answer begins with."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _

from agents.models import Agent
from agents.rights import working_agent
from mailcore.authored import PICTURE
from mailcore.recipients import Mode, Recipients
from queues import actions, audiences, capacity, hours, later, note_drafts, texts
from queues.later import shown
from queues.letters import from_whom
from queues.macros import steps
from queues.models import Conversation, Draft, DraftFile, FirstDraft, FirstDraftFile, Message, Note, NoteDraft
from queues.outside import message_about
from queues.presentation import size
from queues.recipients import answered, computed_recipients, unanswerable
from queues.typed_in import foreign
from queues.views.gate import DeskRequest


@dataclass(frozen=True, slots=True)
class DraftFileRow:
    """A file of a draft; `mark` is where it stands in the text, "" for one beside it.

    `content_id` is that of a picture within the text.
    """

    pk: int
    name: str
    size: str
    octets: int
    mark: str
    content_id: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to fill in To and Cc."""

    label: str
    to: str
    cc: str
    is_chosen: bool


def fresh_token() -> str:
    """The mark of one answer: sending it twice gives one mail."""
    return str(uuid.uuid4())


def file_row(file: DraftFile | FirstDraftFile) -> DraftFileRow:
    """Format one file."""
    mark = PICTURE.format(file.name) if file.content_id else ""
    return DraftFileRow(file.pk, file.name, size(file.size), file.size, mark, file.content_id)


def is_rich(agent: Agent | None, draft: Draft | FirstDraft | None) -> bool:
    """Whether to write with formatting: as the draft was begun, else as the agent likes it."""
    if draft is not None and (draft.html or draft.text.strip()):
        return bool(draft.html)
    return agent is None or agent.writes == Agent.Writes.RICH


def note_editor(draft: NoteDraft | None, audience: str) -> dict[str, Any]:
    """What the editor of a note or a whisper begins with."""
    return {
        "is_whisper": audience == Note.Audience.HOLDER,
        "text": draft.text if draft else "",
        "token": draft.token if draft else fresh_token(),
        "version": draft.version if draft else 0,
        "window": draft.window if draft else "",
    }


@dataclass(frozen=True, slots=True)
class Shown:
    """The newest mail and the newest note on the page that asks, as others may have come since."""

    message_id: int | None = None
    note_id: int | None = None


def editor(
    request: DeskRequest, row: Conversation, about_id: int | None = None, shown: Shown | None = None
) -> dict[str, Any]:
    """The user's draft; else nothing typed yet, to the people who would get an answer.

    :param about_id: the mail that is forwarded to somebody else, or theirs that is answered.
    :param shown: what the page that asks has; None for all that there is.
    """
    is_outside = about_id is not None
    draft = actions.draft_of(request.user, row, is_outside=is_outside)
    about = message_about(row, about_id) if is_outside else answered(row)
    choices = _choices(draft, about, is_forward=is_outside and about is not None and not about.is_outside)
    people = next((each for each in choices if each.is_chosen), None)
    typed = _typed(draft)
    seen = _seen(request, row, shown or Shown())
    agent = working_agent(request.user)
    signature = texts.signature(row, agent)
    sender = from_whom(row, about, agent)
    return {
        "to": typed["to"] if typed else people.to if people else "",
        "cc": typed["cc"] if typed else people.cc if people else "",
        "choices": choices if len(choices) > 1 else [],
        "token": str(draft.token) if draft else fresh_token(),
        "text": draft.text if draft else "",
        "html": draft.html if draft else "",
        "is_rich": is_rich(agent, draft),
        "macro": {"pk": draft.macro.pk, "name": draft.macro.name, "steps": ", ".join(steps(draft.macro))}
        if draft and draft.macro
        else None,
        "files": [file_row(each) for each in draft.files.defer("data")] if draft else [],
        "seen": (draft.seen_message_id if draft else None) or seen.message_id or "",
        "seen_note": seen.note_id if draft is None or draft.seen_note is None else draft.seen_note,
        "version": draft.version if draft else 0,
        "window": draft.window if draft else "",
        "handed_by": draft.handed_by if draft else None,
        "sender": str(sender) if sender.email else _("no sender yet"),
        "signature": f"-- \n{signature}" if signature else "",
        "warning": unanswerable(computed_recipients(about)) if not is_outside else "",
        "room": capacity.room(row.queue.sender),
        "presets": later.presets(hours.of(row.queue), timezone.now()),
        "about": about if is_outside else None,
        "enclosed": _enclosed(about, is_new=draft is None) if is_outside else [],
        "written_in": "" if is_outside else foreign(row),
    }


def composer(request: DeskRequest, row: Conversation) -> dict[str, Any]:
    """What stands below the mails: the user's draft, if there is one; of an answer before one of a note."""
    for is_outside in (False, True):
        draft = actions.draft_of(request.user, row, is_outside=is_outside)
        if draft is not None and not (draft.send_at or draft.held_why or (is_outside and not draft.about_id)):
            about = draft.about_id if is_outside else None
            return {"composer": "desk/reply.html", "editor": editor(request, row, about)}
    for begun in note_drafts.begun(request.user, row):
        return {"composer": "desk/note.html", "note": note_editor(begun, begun.audience)}
    return {"composer": "desk/bar.html"}


def begun_notes(user: User, row: Conversation) -> set[str]:
    """Of which kinds the user has begun a note, for the buttons that open them."""
    return {each.audience for each in note_drafts.begun(user, row)}


def _seen(request: DeskRequest, row: Conversation, shown: Shown) -> Shown:
    """What an answer that is begun now takes note of."""
    messages = row.messages.filter(pk__lte=shown.message_id) if shown.message_id else row.messages
    notes = row.notes.filter(audiences.readable(request.user))
    if shown.note_id is not None:
        notes = notes.filter(pk__lte=shown.note_id)
    newest = messages.order_by("-pk").values_list("pk", flat=True).first()
    return Shown(newest, notes.order_by("-pk").values_list("pk", flat=True).first() or 0)


def _typed(draft: Draft | None) -> dict[str, str] | None:
    if draft is None or not (draft.to or draft.cc):
        return None
    return {"to": ", ".join(draft.to), "cc": ", ".join(draft.cc)}


def _choices(draft: Draft | None, about: Message | None, *, is_forward: bool) -> list[Choice]:
    """To the author alone, and to everybody, when these differ; as they would be sent."""
    if is_forward:
        return []
    alone, everybody = (computed_recipients(about, mode) for mode in (Mode.REPLY, Mode.ALL))
    found = (
        [(_("Reply to all"), everybody)]
        if alone == everybody
        else [(_("Reply"), alone), (_("Reply to all"), everybody)]
    )
    written = (_typed(draft) or {}) if draft else {}
    chosen = written or _line(everybody)
    return [Choice(label, **_line(people), is_chosen=_line(people) == chosen) for label, people in found]


def _line(people: Recipients) -> dict[str, str]:
    return {"to": ", ".join(map(shown, people.to)), "cc": ", ".join(map(shown, people.cc))}


def _enclosed(about: Message | None, *, is_new: bool) -> list[dict[str, Any]]:
    """The files of a mail that is forwarded, to go along with it unless there is a draft that has its own."""
    if about is None or about.is_outside:
        return []
    files = (each for each in about.attachments.all() if not each.inline)
    return [
        {
            "pk": each.pk,
            "name": each.name or _("without a name"),
            "size": size(each.size),
            "octets": each.size,
        }
        | {"is_chosen": is_new}
        for each in files
    ]
