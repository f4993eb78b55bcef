"""What is sent for an event: the rows as they are now, by the names that the API gives them.

It is made anew at each attempt and never kept, so that what was erased meanwhile is not told, and links are
fresh. Where a queue looks for payment cards, no number leaves here, whatever its rule keeps inside.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import Q

from crm.models import Contact
from mailcore.cards import mask
from mailcore.source import read_source
from mailstore.feed_models import FeedEvent
from mailstore.models import RawMail
from queues.models import Attachment, Conversation, EmailQueue, Message
from webhooks import links
from webhooks.models import Webhook

MOST_TEXT = 100_000  # octets
MOST_HEADERS, MOST_HEADER_TEXT = 200, 32_000  # characters
LONGEST_HEAD = 256 * 1024  # octets that are looked at for them
MOST_PEOPLE = 100
MOST_FILES = 100
LARGEST = 512 * 1024
"""Octets of a whole body: what the limits above add up to, in the longest letters there are."""

Words = Callable[[str], str]


class Erased(Exception):
    """What the event is about is no longer here, so there is nothing to tell; the text says so."""


class Elsewhere(Erased):
    """Its conversation was moved to a queue whose matters are none of this webhook's."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__(f"Conversation {conversation.pk} is in another queue now, so it isn't told here.")


def build(event: FeedEvent, webhook: Webhook) -> dict[str, Any]:
    """The body for one webhook.

    :raises Erased: its mail, conversation or contact was erased.
    :raises Elsewhere: it is in a queue by now that the webhook isn't told of.
    """
    data: dict[str, Any] = dict(event.data)
    conversation = _conversation(event)
    if conversation is not None and webhook.queue_id in (None, conversation.queue_id):
        data["conversation"] = _shown(conversation)
    elif conversation is not None:
        if event.type != FeedEvent.Type.MOVED:
            raise Elsewhere(conversation)
        data["conversation"] = {"id": conversation.pk, "number": conversation.number}  # that it left, no more
    if event.message_id is not None or event.outgoing_id is not None:
        data["message"] = _message(event, webhook)
    if event.type.startswith("contact."):
        data["contact"] = _contact(event)
    return envelope(event.public_id, event.type, event.at.isoformat(), data) | {"number": event.number}


def envelope(public_id: str, type_: str, at: str, data: dict[str, Any]) -> dict[str, Any]:
    """What all bodies have in common."""
    return {"id": public_id, "type": type_, "timestamp": at, "data": data}


def _conversation(event: FeedEvent) -> Conversation | None:
    if event.conversation_id is None:
        return None
    rows = Conversation.objects.select_related("queue", "contact", "agent__user").prefetch_related("tags")
    row = rows.filter(pk=event.conversation_id).first()
    if row is None:
        raise Erased(f"Conversation {event.conversation_id} was erased.")
    return row


def _shown(row: Conversation) -> dict[str, Any]:
    words = _words(row.queue, has_cards=row.has_cards)
    return {
        "id": row.pk,
        "number": row.number,
        "subject": words(row.subject),
        "state": row.state,
        "queue": row.queue.name,
        "contact": {"id": row.contact_id, "name": words(row.contact.name), "email": _address(row.contact)},
        "agent": row.agent.user.get_username() if row.agent else None,
        "language": row.language,
        "priority": row.get_priority_display().lower(),
        "tags": [tag.name for tag in row.tags.all()],
        "due_at": _stamp(row.due_at),
        "created_at": _stamp(row.created_at),
        "url": f"{settings.BASE_URL}/conversations/{row.pk}/",
    }


def _message(event: FeedEvent, webhook: Webhook) -> dict[str, Any]:
    rows = Message.objects.select_related("conversation__queue", "outgoing")
    is_it = Q(pk=event.message_id or 0) if event.message_id is not None else Q(outgoing=event.outgoing_id)
    row = rows.filter(is_it).first()
    if row is None or is_stripped(row):
        raise Erased("The mail was erased.")
    if webhook.queue_id not in (None, row.conversation.queue_id):
        raise Elsewhere(row.conversation)  # merged or split off since
    words = _words(row.conversation.queue, has_cards=row.has_cards)
    if event.type != FeedEvent.Type.MAIL_RECEIVED:
        return _brief(row, words)
    text, is_cut = _cut(words(row.text))
    more = {
        "text": text,
        "text_is_cut": is_cut,
        "headers": _headers(row, words),
        "attachments": [_file(each, webhook.pk, words) for each in row.attachments.all()[:MOST_FILES]],
    }
    return _brief(row, words) | more


def is_stripped(row: Message) -> bool:
    """Whether its people and words were taken out, so that there is nothing of it to be told."""
    return row.raw_id is None and not row.from_email


def _brief(row: Message, words: Words) -> dict[str, Any]:
    told = {
        "id": row.pk,
        "direction": row.direction,
        "automatic": row.automatic,
        "message_id": row.message_id,
        "in_reply_to": row.in_reply_to,
        "from": {"name": words(row.from_name), "email": row.from_email},
        "to": _people(row.to, words),
        "cc": _people(row.cc, words),
        "reply_to": _people(row.reply_to, words),
        "subject": words(row.subject),
        "sent_at": _stamp(row.sent_at),
        "created_at": _stamp(row.created_at),
    }
    return told | ({"delivery": _delivery(row, words)} if row.outgoing else {})


def _delivery(row: Message, words: Words) -> dict[str, Any]:
    assert row.outgoing is not None
    recipients = row.outgoing.recipients.order_by("id")[:MOST_PEOPLE]
    return {
        "state": row.outgoing.state,
        "recipients": [
            {"email": each.email, "state": each.state, "answer": words(each.answer)[:500]}
            for each in recipients
        ],
    }


def _headers(row: Message, words: Words) -> list[list[str]]:
    """Those of the mail as it is kept, in their order, as many as fit."""
    if row.raw_id is None:
        return []
    found: list[list[str]] = []
    left = MOST_HEADER_TEXT
    for name, value in read_source(RawMail.objects.beginning(row.raw_id, LONGEST_HEAD), 0).fields[
        :MOST_HEADERS
    ]:
        left -= len(name) + len(value)
        if left < 0:
            break
        found.append([name, words(value)])
    return found


def _file(row: Attachment, webhook_id: int, words: Words) -> dict[str, Any]:
    why = links.withheld(row)
    shape = {"id": row.pk, "name": words(row.name), "type": row.type, "size": row.size, "inline": row.inline}
    return shape | {"url": None if why else links.link(webhook_id, row.pk), "withheld": why}


def _contact(event: FeedEvent) -> dict[str, Any]:
    row = Contact.objects.select_related("organisation").filter(pk=event.contact_id or 0).first()
    if row is None:
        raise Erased(f"Contact {event.contact_id} was erased.")
    return {
        "id": row.pk,
        "name": mask(row.name),
        "emails": list(row.addresses.order_by("-is_primary", "id").values_list("email", flat=True)),
        "organisation": row.organisation.name if row.organisation else None,
        "language": row.language,
        "external_id": row.external_id or None,
    }


def _address(contact: Contact) -> str:
    emails = contact.addresses.order_by("-is_primary", "id").values_list("email", flat=True)
    return emails.first() or ""


def _people(rows: Any, words: Words) -> list[dict[str, str]]:
    return [{"name": words(each["name"]), "email": each["email"]} for each in rows[:MOST_PEOPLE]]


def _words(queue: EmailQueue, *, has_cards: bool) -> Words:
    """How words of people are told: without card numbers where anybody looks for them, or did."""
    return mask if has_cards or queue.pci != EmailQueue.PaymentCards.OFF else str


def _cut(text: str) -> tuple[str, bool]:
    octets = text.encode()
    if len(octets) <= MOST_TEXT:
        return text, False
    return octets[:MOST_TEXT].decode(errors="ignore"), True


def _stamp(at: Any) -> str | None:
    return at.isoformat() if at else None
