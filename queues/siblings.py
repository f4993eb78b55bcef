"""One mail to two of our mailboxes is in two queues: its conversations are siblings, and see each other.

Siblings share a mail from outside: the same Message-ID, sender and date. Nothing is stored; what was merged
or moved is a sibling no more. Whoever answers in one tells the others, so that nobody gets two answers.
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import QuerySet

from agents.rights import Person
from queues import inbox, live
from queues.history import Kind, note_event
from queues.models import Conversation, Event, Message
from queues.summary import kept

MOST_MAILS = 50  # of a conversation are compared, the newest
MOST_COPIES = 200


@dataclass(frozen=True, slots=True)
class Sibling:
    """Where the same mail is too; of a conversation that the user may not see, only its queue is told."""

    queue: str
    conversation: Conversation | None


def siblings(user: Person, conversation: Conversation) -> list[Sibling]:
    """The siblings of a conversation, as far as the user may know of them."""
    pks = _with_copies(conversation, _incoming(conversation))
    if not pks:
        return []
    rows = Conversation.objects.filter(pk__in=pks).select_related("queue", "agent__user").order_by("pk")
    seen = set(inbox.conversations_for(user).filter(pk__in=pks).values_list("pk", flat=True))
    told = [Sibling(row.queue.name, row if row.pk in seen else None) for row in rows]
    return list(dict.fromkeys(told))


def _incoming(conversation: Conversation) -> QuerySet[Message]:
    return conversation.messages.filter(direction=Message.Direction.IN).exclude(message_id="")


def _with_copies(conversation: Conversation, mails: QuerySet[Message]) -> list[int]:
    """The other conversations that have one of these mails."""
    fields = ("message_id", "from_email", "sent_at")
    ours = list(mails.order_by("-pk").values_list(*fields)[:MOST_MAILS])
    if not ours:
        return []
    marks = {(message_id, email.lower(), at) for message_id, email, at in ours}
    rows = Message.objects.filter(
        message_id__in=[row[0] for row in ours],
        sent_at__in=[row[2] for row in ours],
        direction=Message.Direction.IN,
    ).exclude(conversation=conversation)
    copies = rows.order_by("-pk").values_list("conversation", *fields)[:MOST_COPIES]
    return sorted({pk for pk, message_id, email, at in copies if (message_id, email.lower(), at) in marks})


def tell_siblings(conversation: Conversation, answer: Message, sentence: str, user: User) -> None:
    """Write into the siblings that the mail which they share was answered."""
    data = {"conversation": conversation.pk, "message": answer.pk}
    for row in _sharing(conversation, answer):
        note_event(row, Kind.ANSWERED_ELSEWHERE, sentence, user, data)
        live.changed(row.pk, row.queue_id, row.agent_id)


def tell_siblings_undone(conversation: Conversation, answer: Message, user: User) -> None:
    """The same when the answer was taken back."""
    sharing = _sharing(conversation, answer)
    told = Event.objects.filter(conversation__in=sharing, kind=Kind.ANSWERED_ELSEWHERE)
    heard = set(told.filter(data__message=answer.pk).values_list("conversation", flat=True))
    data = {"conversation": conversation.pk, "message": answer.pk}
    sentence = f"The answer in #{conversation.number} ({conversation.queue}) was taken back."
    for row in sharing:
        if row.pk in heard:
            note_event(row, Kind.ANSWERED_ELSEWHERE, sentence, user, data)
            live.changed(row.pk, row.queue_id, row.agent_id)


def _sharing(conversation: Conversation, answer: Message) -> list[Conversation]:
    """The siblings by the mails that this answer answers: those since the answer before."""
    ours = kept(conversation).filter(direction=Message.Direction.OUT, automatic="no", pk__lt=answer.pk)
    before = ours.order_by("-pk").values_list("pk", flat=True).first() or 0
    answered = _incoming(conversation).filter(pk__gt=before, pk__lt=answer.pk)
    return list(Conversation.objects.filter(pk__in=_with_copies(conversation, answered)))
