"""Which conversation a mail is in: merge, split, move; and letting go what is held."""

from typing import Any

from django.http import HttpRequest
from ninja import Router
from ninja.errors import HttpError

from api.auth import caller
from api.conversations import shown
from api.shapes import ConversationOut, MergeIn, MoveIn, SplitIn
from queues import actions, inbox
from queues.models import Conversation

router = Router(tags=["conversations"])


def other(user: Any, pk: int) -> Conversation:
    """A conversation that the request's body names."""
    row = inbox.conversations_for(user).filter(pk=pk).first()
    if row is None:
        raise HttpError(409, f"There is no conversation with the id {pk} among those that this key may see.")
    return row


@router.post("conversations/{int:conversation_id}/merge", response=ConversationOut)
def merge(request: HttpRequest, conversation_id: int, payload: MergeIn) -> dict[str, Any]:
    """Put everything of it into another conversation, which is returned; its own id leads there then."""
    user = caller(request)
    merged = actions.merge(user, inbox.conversation(user, conversation_id), other(user, payload.into))
    return shown(user, merged.pk)


@router.post("conversations/{int:conversation_id}/split", response={201: ConversationOut})
def split(request: HttpRequest, conversation_id: int, payload: SplitIn) -> tuple[int, dict[str, Any]]:
    """Make a new conversation of some of its messages; the same request again returns the same one."""
    user = caller(request)
    row = inbox.conversation(user, conversation_id)
    return 201, shown(user, actions.split(user, row, payload.messages, payload.subject).pk)


@router.post("messages/{int:message_id}/move", response=ConversationOut)
def move(request: HttpRequest, message_id: int, payload: MoveIn) -> dict[str, Any]:
    """Put a message into another conversation, which is returned."""
    user = caller(request)
    target = other(user, payload.to)
    return shown(user, actions.move_message(user, inbox.message(user, message_id), target).pk)


@router.post("conversations/{int:conversation_id}/let-go", response=ConversationOut)
def let_go(request: HttpRequest, conversation_id: int) -> dict[str, Any]:
    """Let a held conversation wait like any other, due from now."""
    user = caller(request)
    actions.let_go(user, inbox.conversation(user, conversation_id))
    return shown(user, conversation_id)
