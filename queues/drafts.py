"""Answers being written: saved while the agent types, gone when sent, back when the answer is taken back."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from agents.models import Agent
from mailcore import authored
from mailcore.clean import clean_file_name, clean_text
from mailcore.compose import OutFile
from mailcore.parse import PartNotFound, part_bytes
from mailcore.pictures import picture_type
from mailcore.text import html_to_text
from mailsenders.models import OutgoingMail
from queues import cards, offers
from queues.capacity import MOST_FILES, room
from queues.letters import Reply
from queues.models import Conversation, Draft, DraftFile, EmailQueue, FirstDraft, Macro, Message
from queues.ownership import lock_for, profile
from queues.refusals import ActionRefused, AnswerSent, DraftConflict, DraftGone
from queues.transactions import whole
from queues.windows import Window, check_same, first_version, is_late

LONGEST_TEXT = 1_000_000


@whole
def save_draft(  # noqa: PLR0913 - what a draft consists of
    actor: User,
    conversation: Conversation,
    text: str,
    *,
    html: str = "",
    to: Sequence[str] = (),
    cc: Sequence[str] = (),
    token: str | uuid.UUID = "",
    seen_message_id: int | None = None,
    is_outside: bool = False,
    about_id: int | None = None,
    macro_id: int | None = None,
    seen_note_id: int | None = None,
    window: Window | None = None,
) -> Draft:
    """Save what the agent has typed; each agent has one draft in a conversation, and one to outside.

    :param html: what is written with formatting, as `mailcore.authored` leaves it; `text` is the same then.
    :param to: addresses as typed; empty means as computed.
    :param token: of the compose form; a new one is made when empty.
    :param about_id: of a draft to outside, the mail that it forwards or answers.
    :param macro_id: what runs when it is sent.
    :param window: who saves; None overwrites whatever is there.

    Raises:
        DraftConflict: another window has saved something else since this one looked.
        AnswerSent: the answer with this token has left.
        ActionRefused: it waits for its time, or is too long.
    """
    row = lock_for(actor, conversation)  # a late save must not bring back what was sent a moment ago
    agent, mark = profile(actor), _token(token)
    _check_not_sent(row, mark, cards.kept(row.queue, text or html_to_text(html)))
    before = _begun(row, agent, mark, is_outside=is_outside)
    if len(text) > LONGEST_TEXT:
        raise ActionRefused(f"The text is too long: at most {LONGEST_TEXT:,} characters.")
    typed = _kept(row, text, html, to, cc)
    check_same(before, window, typed)
    seen = row.messages.filter(pk=seen_message_id).first() if seen_message_id else None
    about = row.messages.filter(pk=about_id).first() if about_id else None
    if before is not None and window is not None and is_late(before, window, typed):
        return before
    draft, _ = Draft.objects.update_or_create(
        conversation=row,
        agent=agent,
        is_outside=is_outside,
        defaults={
            **typed,
            "token": mark,
            "seen_message": seen,
            "about": about,
            "seen_note": seen_note_id,
            "version": before.version + 1 if before else first_version(),
            "window": window.name if window else "",
            "window_saves": window.saves if window else 0,
            "macro": Macro.objects.filter(pk=macro_id).first() if macro_id else None,
        },
    )
    return draft


def _kept(row: Conversation, text: str, html: str, to: Sequence[str], cc: Sequence[str]) -> dict[str, Any]:
    """What was typed, as it may be stored."""
    return {
        "text": cards.kept(row.queue, clean_text(text)),
        "html": cards.kept_markup(row.queue, html),
        "to": [clean_text(each) for each in to],
        "cc": [clean_text(each) for each in cc],
    }


def _begun(row: Conversation, agent: Agent, mark: uuid.UUID, *, is_outside: bool) -> Draft | None:
    """The draft that the agent goes on with; whoever writes has opened what was offered."""
    offers.accept(row, agent)
    before = row.drafts.filter(agent=agent, is_outside=is_outside).first()
    _check_not_timed(before)
    _check_still_mine(row, agent, mark)
    return before


def _check_not_sent(row: Conversation, mark: uuid.UUID, typed: str) -> None:
    """Somebody else may have sent it, with fewer words than stand in the window that saves now."""
    sent = row.messages.filter(compose_token=str(mark))
    found = sent.values_list("text", "quote_at", "outgoing__state").first()
    if found is not None:
        text, quote_at, state = found  # what is quoted below it is the customer's
        is_in_it = " ".join(typed.split()) in " ".join(text[: quote_at or None].split())
        raise AnswerSent(has_all=is_in_it and state != OutgoingMail.State.CANCELLED)


def _check_still_mine(row: Conversation, agent: Agent, mark: uuid.UUID) -> None:
    """A window that was left open when the draft went to a colleague must not bring the draft back."""
    there = row.drafts.filter(token=mark).exclude(agent=agent).select_related("agent__user").first()
    if there is not None:
        raise DraftGone(
            _(
                "%(agent)s has this conversation now, and your draft with it. What you type here stays in "
                "this browser alone: copy it, or leave it as a note."
            )
            % {"agent": there.agent}
        )


def _check_not_timed(draft: Draft | None) -> None:
    """What somebody may send with one click must not change unseen, by a window that was left open."""
    if draft is not None and draft.send_at is not None:
        raise ActionRefused("This answer waits for its time: choose “Edit” to change it.")
    if draft is not None and draft.held_why:
        raise ActionRefused("This answer was held and waits for your word: choose “Edit” to change it.")


def _token(token: str | uuid.UUID) -> uuid.UUID:
    try:
        return token if isinstance(token, uuid.UUID) else uuid.UUID(token) if token else uuid.uuid4()
    except ValueError as error:
        raise ActionRefused("The form is broken: load the page again.") from error


def draft_of(actor: User, conversation: Conversation, *, is_outside: bool = False) -> Draft | None:
    """The user's own draft in a conversation, to the customer or to outside."""
    rows = Draft.objects.filter(conversation=conversation, agent__user=actor, is_outside=is_outside)
    return rows.select_related("about", "agent__user", "handed_by__user").prefetch_related("files").first()


@whole
def discard_draft(
    actor: User,
    conversation: Conversation,
    *,
    token: str | uuid.UUID,
    is_outside: bool = False,
    window: Window | None = None,
) -> None:
    """Throw the user's draft away, files and all, if it is the one on the screen.

    :param token: of the compose form.
    :param window: who throws it away; None knows whatever is there.

    Raises:
        DraftConflict: another window has saved something else since this one looked.
        ActionRefused: it waits for its time.
    """
    rows = Draft.objects.filter(conversation=conversation, agent__user=actor, is_outside=is_outside)
    draft = rows.select_for_update(of=("self",)).first()
    _check_not_timed(draft)
    if draft is None:
        return
    is_known = draft.token == _token(token) and (window is None or window.knows(draft))
    if not is_known and (draft.text.strip() or draft.html or draft.files.exists()):
        raise DraftConflict(draft.text, draft.version)
    draft.delete()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file for a draft; `is_picture`: it is to stand within the text, if it is one."""

    name: str
    type: str
    data: bytes = field(repr=False)
    is_picture: bool = False


@whole
def add_draft_file(
    actor: User,
    conversation: Conversation,
    file: NewFile,
    *,
    token: str | uuid.UUID = "",
    is_outside: bool = False,
) -> DraftFile:
    """Put a file to the user's draft, which is made when there is none.

    :param token: of the compose form, for a draft that is made now.

    Raises:
        ActionRefused: more than a mail can carry, or than the sender's server takes; or the mail has left.
    """
    row = lock_for(actor, conversation)
    if token:
        _check_still_mine(row, profile(actor), _token(token))
    if token and row.messages.filter(compose_token=str(token)).exists():
        raise ActionRefused("This answer was sent already.")
    draft, _ = Draft.objects.get_or_create(
        conversation=row,
        agent=profile(actor),
        is_outside=is_outside,
        defaults={"token": _token(token), "version": first_version()},
    )
    _check_not_timed(draft)
    return DraftFile.objects.create(draft=draft, **checked_file(draft, row.queue, file))


def checked_file(draft: Draft | FirstDraft, queue: EmailQueue | None, file: NewFile) -> dict[str, Any]:
    """What is stored of a file that is put to a draft.

    :param queue: that the mail leaves from; None if it is not chosen yet.

    Raises:
        ActionRefused: more than a mail can carry, or than the sender's server takes.
    """
    sizes = list(draft.files.values_list("size", flat=True))
    most = room(queue.sender if queue else None)
    if len(sizes) >= MOST_FILES or sum(sizes) + len(file.data) > most:
        raise ActionRefused(
            f"“{file.name}” doesn't fit: at most {MOST_FILES} files and {most / 1e6:.0f} MB go into a mail."
        )
    if queue is not None:
        cards.check_files(queue, [OutFile(file.name, file.type, file.data)])
    kind = picture_type(file.data) if file.is_picture else ""
    return {
        "name": _picture_name(draft, kind) if kind else clean_file_name(file.name) or "file",
        "type": kind or file.type[:200],
        "size": len(file.data),
        "data": file.data,
        "content_id": f"{uuid.uuid4().hex}@picture" if kind else "",
    }


def _picture_name(draft: Draft | FirstDraft, kind: str) -> str:
    """A name of its own, as the text says by it where the picture stands."""
    taken = set(draft.files.values_list("name", flat=True))
    ending = kind.removeprefix("image/").replace("jpeg", "jpg")
    return next(name for number in count(1) if (name := f"picture-{number}.{ending}") not in taken)


def remove_draft_file(actor: User, file_id: int) -> None:
    """Take a file out of the user's draft; one that is gone already is no error."""
    DraftFile.objects.filter(
        pk=file_id, draft__agent__user=actor, draft__send_at=None, draft__held_why=""
    ).delete()


def out_files(draft: Draft | FirstDraft) -> tuple[OutFile, ...]:
    """The files of a draft as a mail takes them."""
    files = draft.files.all()
    return tuple(OutFile(file.name, file.type, bytes(file.data), file.content_id) for file in files)


def check_latest(conversation: Conversation, agent: Agent, answer: Reply) -> None:
    """What another window has saved of this answer since must not go unseen with the draft when it is sent.

    Raises:
        DraftConflict: it has, and the words or the people are others.
        ActionRefused: they wait for their time.
    """
    draft = conversation.drafts.filter(agent=agent, is_outside=answer.is_outside).first()
    if draft is None or str(draft.token) != answer.token:
        return
    try:
        check_same(draft, answer.window, _kept(conversation, answer.text, answer.html, answer.to, answer.cc))
    except DraftConflict:
        _check_not_timed(draft)
        raise


def drop(conversation: Conversation, agent: Agent, token: str) -> None:
    """The answer with this token is sent: its draft goes; a draft of another answer stays."""
    rows = Draft.objects.filter(conversation=conversation, agent=agent)
    for draft in rows:
        if str(draft.token) == token:
            draft.delete()


def is_timed(conversation: Conversation, agent: Agent, token: str) -> bool:
    """Whether the answer with this token waits for its time."""
    rows = Draft.objects.filter(conversation=conversation, agent=agent, send_at__isnull=False)
    return bool(token) and token in map(str, rows.values_list("token", flat=True))


@dataclass(frozen=True, slots=True)
class Typed:
    """How many characters at the beginning of a mail are the agent's own, in each of its shapes."""

    text: int
    html: int = 0


def restore(
    conversation: Conversation, agent: Agent, message: Message, typed: Typed, about_id: int | None = None
) -> Draft:
    """Make a draft of an answer that was taken back, above what the agent has typed since.

    :param typed: how much of the mail the agent wrote.
    :param about_id: of a mail to outside, what it forwarded or answered.
    """
    draft, is_new = Draft.objects.get_or_create(
        conversation=conversation,
        agent=agent,
        is_outside=message.is_outside,
        defaults={"token": uuid.uuid4(), "about_id": about_id, "version": first_version()},
    )
    draft.send_at = None  # there is more in it now than was to be sent then
    draft.version, draft.window = draft.version + 1, ""
    text, html = message.text[: typed.text], authored.tidy(message.html[: typed.html])
    if not is_new and (html or draft.html):
        html = (html or authored.from_text(text)) + (draft.html or authored.from_text(draft.text))
    draft.text = text if is_new or not draft.text else f"{text}\n\n{draft.text}"
    draft.html = html
    draft.to = [_shown(person) for person in message.to]
    draft.cc = [_shown(person) for person in message.cc]
    draft.save(update_fields=["text", "html", "to", "cc", "send_at", "version", "window", "saved_at"])
    _restore_files(draft, message)
    return draft


def _shown(person: dict[str, str]) -> str:
    name = person["name"].replace('"', "'")
    return f'"{name}" <{person["email"]}>' if name else person["email"]


def _restore_files(draft: Draft, message: Message) -> None:
    raw = message.raw.as_bytes() if message.raw else b""
    for attachment in message.attachments.all():
        try:
            data = part_bytes(raw, attachment.part)
        except PartNotFound:  # our own mail is whole; a restored database might not be
            continue
        DraftFile.objects.create(
            draft=draft,
            name=attachment.name,
            type=attachment.type,
            size=len(data),
            data=data,
            content_id=attachment.content_id[:100] if attachment.inline else "",
        )
