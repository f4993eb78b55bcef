"""What an agent decides of a mail that failed, or of which nobody knows whether it was sent."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from api import present
from api.auth import caller
from api.shapes import MessageOut
from queues import actions, inbox

router = Router(tags=["conversations"])


@router.post("messages/{int:message_id}/resend", response=MessageOut, by_alias=True)
def resend(request: HttpRequest, message_id: int) -> dict[str, Any]:
    """Send a failed or uncertain mail again: the same bytes, to those who haven't got it."""
    user = caller(request)
    actions.resend(user, inbox.message(user, message_id))
    return present.message(inbox.message(user, message_id))


@router.post("messages/{int:message_id}/mark-sent", response=MessageOut, by_alias=True)
def mark_sent(request: HttpRequest, message_id: int) -> dict[str, Any]:
    """Note that an uncertain mail did arrive; the next one of its conversation may leave."""
    user = caller(request)
    actions.mark_sent(user, inbox.message(user, message_id))
    return present.message(inbox.message(user, message_id))
