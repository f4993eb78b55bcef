"""Answers being written: saved while the agent types, gone when sent, back when the answer is taken back."""

import uuid
from collections.abc import Sequence

from django.contrib.auth.models import User

from agents.models import Agent
from mailcore.clean import clean_file_name, clean_text
from mailcore.compose import OutFile
from mailcore.parse import PartNotFound, part_bytes
from queues.letters import MOST_BYTES, MOST_FILES
from queues.models import Conversation, Draft, DraftFile, Message
from queues.ownership import lock_for, profile
from queues.refusals import ActionRefused
from queues.transactions import whole

LONGEST_TEXT = 1_000_000


@whole
def save_draft(  # noqa: PLR0913 - what a draft consists of
    actor: User,
    conversation: Conversation,
    text: str,
    *,
    to: Sequence[str] = (),
    cc: Sequence[str] = (),
    token: str | uuid.UUID = "",
    seen_message_id: int | None = None,
) -> Draft:
    """Save what the agent has typed; each agent has one draft in a conversation.

    :param to: addresses as typed; empty means as computed.
    :param token: of the compose form; a new one is made when empty.

    Raises:
        ActionRefused: the answer with this token was sent already, or the text is too long.
    """
    row = lock_for(actor, conversation)  # a late save must not bring back what was sent a moment ago
    mark = _token(token)
    if row.messages.filter(compose_token=str(mark)).exists():
        raise ActionRefused("This answer was sent already.")
    if len(text) > LONGEST_TEXT:
        raise ActionRefused(f"The text is too long: at most {LONGEST_TEXT:,} characters.")
    seen = row.messages.filter(pk=seen_message_id).first() if seen_message_id else None
    draft, _ = Draft.objects.update_or_create(
        conversation=row,
        agent=profile(actor),
        defaults={
            "text": clean_text(text),
            "to": [clean_text(each) for each in to],
            "cc": [clean_text(each) for each in cc],
            "token": mark,
            "seen_message": seen,
        },
    )
    return draft


def _token(token: str | uuid.UUID) -> uuid.UUID:
    try:
        return token if isinstance(token, uuid.UUID) else uuid.UUID(token) if token else uuid.uuid4()
    except ValueError as error:
        raise ActionRefused("The form is broken: load the page again.") from error


def draft_of(actor: User, conversation: Conversation) -> Draft | None:
    """The user's own draft in a conversation."""
    rows = Draft.objects.filter(conversation=conversation, agent__user=actor)
    return rows.prefetch_related("files").first()


def discard_draft(actor: User, conversation: Conversation) -> None:
    """Throw the user's draft away, files and all."""
    Draft.objects.filter(conversation=conversation, agent__user=actor).delete()


@whole
def add_draft_file(
    actor: User,
    conversation: Conversation,
    name: str,
    content_type: str,
    data: bytes,
    *,
    token: str | uuid.UUID = "",
) -> DraftFile:
    """Put a file to the user's draft, which is made when there is none.

    :param token: of the compose form, for a draft that is made now.

    Raises:
        ActionRefused: more than a mail can carry.
    """
    row = lock_for(actor, conversation)
    draft, _ = Draft.objects.get_or_create(
        conversation=row, agent=profile(actor), defaults={"token": _token(token)}
    )
    sizes = list(draft.files.values_list("size", flat=True))
    if len(sizes) >= MOST_FILES or sum(sizes) + len(data) > MOST_BYTES:
        raise ActionRefused(
            f"“{name}” doesn't fit: at most {MOST_FILES} files and {MOST_BYTES // 1_000_000} MB "
            "go into a mail."
        )
    return DraftFile.objects.create(
        draft=draft,
        name=clean_file_name(name) or "file",
        type=content_type[:200],
        size=len(data),
        data=data,
    )


def remove_draft_file(actor: User, file_id: int) -> None:
    """Take a file out of the user's draft; one that is gone already is no error."""
    DraftFile.objects.filter(pk=file_id, draft__agent__user=actor).delete()


def out_files(draft: Draft) -> tuple[OutFile, ...]:
    """The files of a draft as a mail takes them."""
    return tuple(OutFile(file.name, file.type, bytes(file.data)) for file in draft.files.all())


def drop(conversation: Conversation, agent: Agent, token: str) -> None:
    """The answer with this token is sent: its draft goes; a draft of another answer stays."""
    rows = Draft.objects.filter(conversation=conversation, agent=agent)
    for draft in rows:
        if str(draft.token) == token:
            draft.delete()


def restore(conversation: Conversation, agent: Agent, message: Message, typed: int) -> Draft:
    """Make a draft of an answer that was taken back, above what the agent has typed since."""
    draft, is_new = Draft.objects.get_or_create(
        conversation=conversation, agent=agent, defaults={"token": uuid.uuid4()}
    )
    text = message.text[:typed]
    draft.text = text if is_new or not draft.text else f"{text}\n\n{draft.text}"
    draft.to = [_shown(person) for person in message.to]
    draft.cc = [_shown(person) for person in message.cc]
    draft.save(update_fields=["text", "to", "cc", "saved_at"])
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
            draft=draft, name=attachment.name, type=attachment.type, size=len(data), data=data
        )
