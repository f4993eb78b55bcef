"""What the editor of an answer begins with."""

import uuid
from dataclasses import dataclass
from typing import Any

from mailcore.parsed import Address
from queues import actions
from queues.models import Conversation, Draft, DraftFile
from queues.presentation import size
from queues.views.gate import DeskRequest


@dataclass(frozen=True, slots=True)
class DraftFileRow:
    """A file of a draft."""

    pk: int
    name: str
    size: str


def fresh_token() -> str:
    """The mark of one answer: sending it twice gives one mail."""
    return str(uuid.uuid4())


def shown(address: Address) -> str:
    """An address as the form writes it: a name may hold a comma."""
    name = address.name.replace('"', "'")
    return f'"{name}" <{address.email}>' if name else address.email


def file_row(file: DraftFile) -> DraftFileRow:
    """Format one file."""
    return DraftFileRow(file.pk, file.name, size(file.size))


def editor(request: DeskRequest, row: Conversation) -> dict[str, Any]:
    """The user's draft; else nothing typed yet, to the people who would get an answer."""
    draft = actions.draft_of(request.user, row)
    people = _typed(draft) or _computed(row)
    newest = row.messages.order_by("-pk").values_list("pk", flat=True).first()
    seen = draft.seen_message_id if draft and draft.seen_message_id else newest
    signature = row.queue.signature.strip()
    return people | {
        "token": str(draft.token) if draft else fresh_token(),
        "text": draft.text if draft else "",
        "files": [file_row(each) for each in draft.files.defer("data")] if draft else [],
        "seen": seen or "",
        "sender": row.queue.sender.email_address if row.queue.sender else "no sender yet",
        "signature": f"-- \n{signature}" if signature else "",
    }


def _typed(draft: Draft | None) -> dict[str, Any] | None:
    if draft is None or not (draft.to or draft.cc):
        return None
    return {"to": ", ".join(draft.to), "cc": ", ".join(draft.cc)}


def _computed(row: Conversation) -> dict[str, Any]:
    people = actions.recipients(row)
    return {"to": ", ".join(map(shown, people.to)), "cc": ", ".join(map(shown, people.cc))}
