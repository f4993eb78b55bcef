"""The tags of the installation, and those of a conversation."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from api.auth import caller
from api.conversations import shown
from api.shapes import ConversationOut, TagOut, TagsIn
from queues import inbox
from queues.models import Tag
from queues.tagging import tag

router = Router(tags=["conversations"])


@router.get("tags", response=list[TagOut])
def tags(request: HttpRequest) -> list[Tag]:
    """All tags, by name."""
    caller(request)
    return list(Tag.objects.all())


@router.post("conversations/{int:conversation_id}/tags", response=ConversationOut)
def change_tags(request: HttpRequest, conversation_id: int, payload: TagsIn) -> dict[str, Any]:
    """Put tags on a conversation and take tags off; a supervisor's key makes those that there aren't."""
    user = caller(request)
    tag(user, inbox.conversation(user, conversation_id), payload.add, payload.remove)
    return shown(user, conversation_id)
