"""The tags of a conversation."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from api.auth import caller
from api.conversations import shown
from api.shapes import ConversationOut, TagsIn
from queues import inbox
from queues.tagging import tag

router = Router(tags=["conversations"])


@router.post("conversations/{int:conversation_id}/tags", response=ConversationOut)
def change_tags(request: HttpRequest, conversation_id: int, payload: TagsIn) -> dict[str, Any]:
    """Put tags on a conversation and take tags off; a supervisor's key makes those that there aren't."""
    user = caller(request)
    tag(user, inbox.conversation(user, conversation_id), payload.add, payload.remove)
    return shown(user, conversation_id)
