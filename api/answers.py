"""Who would get an answer, answers that leave later, and mails that are forwarded to somebody else."""

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Header, Router
from ninja.errors import HttpError

from agents.rights import working_agent
from api import present
from api.auth import caller
from api.conversations import file_of
from api.shapes import ForwardIn, MessageOut, RecipientsOut
from queues import actions, inbox
from queues.letters import from_whom
from queues.outside import files_of
from queues.recipients import Mode, answered, computed_recipients, unanswerable

router = Router(tags=["conversations"])


@router.get("conversations/{int:conversation_id}/recipients", response=RecipientsOut, by_alias=True)
def recipients(
    request: HttpRequest, conversation_id: int, mode: Literal["reply", "all"] = "all"
) -> dict[str, Any]:
    """Whom an answer would go to now, and which address of ours it would come from."""
    user = caller(request)
    row = inbox.conversation(user, conversation_id)
    message = answered(row)
    people = computed_recipients(message, Mode(mode))
    sender = from_whom(row, message, working_agent(user))
    return {
        "from_": {"name": sender.name, "email": sender.email},
        "to": [{"name": each.name, "email": each.email} for each in people.to],
        "cc": [{"name": each.name, "email": each.email} for each in people.cc],
        "warning": unanswerable(people),
    }


@router.post("messages/{int:message_id}/forward", response={201: MessageOut}, by_alias=True)
def forward(
    request: HttpRequest, message_id: int, payload: ForwardIn, idempotency_key: Header[str] = ""
) -> tuple[int, dict[str, Any]]:
    """Forward a message to somebody who is not the customer; what they answer joins, apart from the customer.

    Of a message that came from there it is the answer.
    """
    user = caller(request)
    message = inbox.message(user, message_id)
    row = message.conversation
    missing = set(payload.enclosed) - set(message.attachments.values_list("pk", flat=True))
    if missing:
        raise HttpError(422, f"enclosed: message {message.pk} has no attachment {min(missing)}.")
    files = (*map(file_of, payload.attachments), *files_of(row, payload.enclosed))
    answer = actions.Reply(
        text=payload.text,
        to=tuple(payload.to),
        cc=tuple(payload.cc),
        files=files,
        undo_seconds=payload.undo if payload.undo is not None else 0,
        token=idempotency_key,
        is_outside=True,
        about_id=message.pk,
    )
    return 201, present.message(actions.reply(user, row, answer))


@router.post(
    "conversations/{int:conversation_id}/timed/{int:timed_id}/send", response={201: MessageOut}, by_alias=True
)
def send_now(request: HttpRequest, conversation_id: int, timed_id: int) -> tuple[int, dict[str, Any]]:
    """Send an answer now that was to leave later, or that is held because somebody wrote meanwhile."""
    user = caller(request)
    row = inbox.conversation(user, conversation_id)
    newest = row.messages.order_by("-pk").values_list("pk", flat=True).first()
    return 201, present.message(actions.send_now(user, row, timed_id, newest))


@router.delete("conversations/{int:conversation_id}/timed/{int:timed_id}", response={204: None})
def cancel(request: HttpRequest, conversation_id: int, timed_id: int) -> HttpResponse:
    """Let an answer not leave by itself: it is its author's draft again."""
    user = caller(request)
    actions.cancel(user, inbox.conversation(user, conversation_id), timed_id)
    return HttpResponse(status=204)
