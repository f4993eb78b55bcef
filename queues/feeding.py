"""What programs outside are told of a conversation's history: its moments as events of the feed.

Nearly each kind of the history is one type of event; some say what they mean only together with the state
that the conversation is in by now.
"""

from typing import Any

from mailstore.feed import Type, tell
from queues.models import Conversation

State = Conversation.State

SAME = {  # kinds of the history
    "opened": Type.CREATED,
    "held": Type.HELD,
    "let_go": Type.LET_GO,
    "offered": Type.ASSIGNED,
    "taken": Type.ASSIGNED,
    "assigned": Type.ASSIGNED,
    "released": Type.RELEASED,
    "returned": Type.RELEASED,
    "missed": Type.RELEASED,
    "pending": Type.PENDING,
    "snoozed": Type.SNOOZED,
    "woke": Type.WOKE,
    "closed": Type.CLOSED,
    "spam": Type.CLOSED,
    "reopened": Type.REOPENED,
    "not_spam": Type.REOPENED,
    "tagged": Type.TAGGED,
    "breached": Type.LATE,
    "bounced": Type.MAIL_RETURNED,
}
BY_STATE = {
    State.WAITING: Type.RELEASED,
    State.ASSIGNED: Type.ASSIGNED,
    State.PENDING: Type.PENDING,
    State.SNOOZED: Type.SNOOZED,
    State.CLOSED: Type.CLOSED,
    State.HELD: Type.HELD,
}
TAKEN_BACK = ("undone", "put_back")


def tell_of_event(conversation: Conversation, kind: str, data: dict[str, Any]) -> None:
    """Tell of what was just noted, in its transaction; of most that only people are to know, nothing."""
    type_ = SAME.get(kind) or _by_state(conversation, kind, data)
    if type_ is not None:
        _tell(conversation, type_, {"how": kind} | _others(kind, data), data.get("message"))


def tell_of_move(conversation: Conversation, left_id: int) -> None:
    """It is in another queue."""
    _tell(conversation, Type.MOVED, {"from_queue": left_id})


def tell_of_mail(conversation: Conversation, message_id: int, automatic: str) -> None:
    """A mail came into it."""
    _tell(conversation, Type.MAIL_RECEIVED, {} if automatic == "no" else {"automatic": automatic}, message_id)


def tell_of_moved_mail(message_id: int, before: Conversation, after: Conversation) -> None:
    """A mail belongs to another conversation."""
    _tell(after, Type.SPLIT, {"from_conversation": before.pk, "how": "moved"}, message_id)


def _by_state(conversation: Conversation, kind: str, data: dict[str, Any]) -> Type | None:
    state = State(conversation.state)
    if kind == "replied":  # with "closed", that is told by itself
        return Type.PENDING if state == State.PENDING else None
    if kind == "received" and "was" in data:
        return Type.REOPENED if data["was"] == State.CLOSED else Type.WOKE
    if kind == "merged":  # noted at both, told of the one that ends
        return Type.MERGED if conversation.merged_into_id is not None else None
    if kind == "split":
        return Type.SPLIT if data.get("is_new") else Type.CREATED
    return BY_STATE[state] if kind in TAKEN_BACK else None


def _others(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """What else of the history's data is told: ids of conversations."""
    names = {
        "merged": "into_conversation",
        "split": "into_conversation" if "is_new" in data else "from_conversation",
    }
    return {names[kind]: data["conversation"]} if kind in names and "conversation" in data else {}


def _tell(
    conversation: Conversation, type_: Type, more: dict[str, Any], message_id: int | None = None
) -> None:
    data = {"state": str(conversation.state)} | more
    if conversation.agent_id is not None:
        data["agent"] = conversation.agent_id
    tell(
        type_,
        data,
        queue_id=conversation.queue_id,
        conversation_id=conversation.pk,
        message_id=message_id,
        contact_id=conversation.contact_id,
    )
