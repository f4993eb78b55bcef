"""What lists show of a conversation, made anew from its messages when some have come, gone or been undone."""

from django.db.models import QuerySet

from mailsenders.models import OutgoingMail
from queues.models import Attachment, Conversation, Message
from queues.posting import preview

SUMMED_UP = [
    *("messages_count", "last_message_at", "last_direction", "preview", "has_attachments", "has_cards"),
    "stripped_at",
]


def kept(conversation: Conversation) -> QuerySet[Message]:
    """The messages of a conversation without those that were taken back."""
    return conversation.messages.exclude(outgoing__state=OutgoingMail.State.CANCELLED)


def sum_up(conversation: Conversation) -> None:
    """Set the fields `SUMMED_UP`; the caller writes them.

    Machine mail of ours counts, but neither it nor what a machine sends us is what the list shows.
    """
    messages = kept(conversation)
    by_people = messages.filter(automatic="no")
    last = by_people.order_by("-pk").first() or messages.order_by("pk").first()
    conversation.messages_count = messages.count()
    conversation.stripped_at = None  # what was put into it may have words
    conversation.has_attachments = Attachment.objects.filter(message__in=messages).exists()
    conversation.has_cards = messages.filter(has_cards=True).exists()
    if last is None:
        conversation.preview = ""
        return
    conversation.last_direction, conversation.preview = last.direction, preview(last)
    newest = messages.exclude(direction=Message.Direction.OUT, automatic="auto_reply").order_by("-created_at")
    conversation.last_message_at = newest.values_list("created_at", flat=True).first() or last.created_at
