"""Who may see what: one gate to conversations, mails and files, for pages, API and live updates alike.

A row that the user may not see raises `Http404`, the same as a row that isn't there.
"""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404

from agents.rights import Person, agent_of, is_administrator
from queues.models import Attachment, Conversation, EmailQueue, Message

Row = TypeVar("Row", bound=Model)


def queues_for(user: Person) -> QuerySet[EmailQueue]:
    """The queues that a user works in: administrators in all, others where they are a member."""
    if is_administrator(user):
        return EmailQueue.objects.all()
    agent = agent_of(user) if user.is_active else None
    return EmailQueue.objects.filter(members=agent) if agent else EmailQueue.objects.none()


def conversations_for(user: Person) -> QuerySet[Conversation]:
    """The conversations that a user may see."""
    if is_administrator(user):
        return Conversation.objects.all()
    return Conversation.objects.filter(queue__in=queues_for(user))


def listed_for(user: Person) -> QuerySet[Conversation]:
    """Those of them that lists show: all but what was merged into another one."""
    return conversations_for(user).filter(merged_into=None)


def conversation(user: Person, pk: int) -> Conversation:
    """One conversation with its queue, contact and agent, or `Http404`."""
    return one(_whole(user).filter(pk=pk))


def followed(user: Person, pk: int) -> Conversation:
    """The same; of one that was merged, the one where everything of it is, if the user may see that."""
    row = conversation(user, pk)
    while row.merged_into_id is not None:
        into = _whole(user).filter(pk=row.merged_into_id).first()
        if into is None:
            break
        row = into
    return row


def _whole(user: Person) -> QuerySet[Conversation]:
    return conversations_for(user).select_related("queue__sender", "contact__organisation", "agent__user")


def message(user: Person, pk: int) -> Message:
    """One message with its conversation, raw mail and outgoing mail, or `Http404`."""
    rows = Message.objects.filter(conversation__in=conversations_for(user))
    return one(rows.select_related("conversation__queue", "outgoing", "raw", "agent__user").filter(pk=pk))


def attachment(user: Person, pk: int) -> Attachment:
    """One file with its message and raw mail, or `Http404`."""
    rows = Attachment.objects.filter(message__conversation__in=conversations_for(user))
    return one(rows.select_related("message__raw", "message__conversation").filter(pk=pk))


def one(rows: QuerySet[Row]) -> Row:
    """The only row of the query, or `Http404`."""
    row = rows.first()
    if row is None:
        raise Http404("There is nothing here that you may see.")
    return row
