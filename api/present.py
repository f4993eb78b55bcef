"""Rows → the shapes of the API."""

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from agents.skillwords import outside
from mailsenders import holds
from mailsenders.models import OutgoingMail
from queues import later
from queues.models import Attachment, Conversation, Draft, EmailQueue, Message
from queues.siblings import Sibling

BASE = "/api/v1.0"
NEXT_TRY = {OutgoingMail.State.HELD, OutgoingMail.State.QUEUED, OutgoingMail.State.RETRY}


def conversation(row: Conversation, address: str) -> dict[str, Any]:
    """One conversation; `address` is the contact's e-mail address."""
    return {
        "id": row.pk,
        "number": row.number,
        "subject": row.subject,
        "state": row.state,
        "queue": row.queue.name,
        "contact": {"name": row.contact.name, "email": address},
        "contact_id": row.contact_id,
        "agent": row.agent.user.get_username() if row.agent else None,
        "language": row.language,
        "language_confidence": row.language_confidence,
        "skills": outside(demanded(row).items()),
        "tags": [tag.name for tag in row.tags.all()],
        "priority": row.get_priority_display().lower(),
        "due_at": row.due_at,
        "created_at": row.created_at,
        "last_message_at": row.last_message_at,
        "messages_count": row.messages_count,
        "snoozed_until": row.snoozed_until,
    }


def sibling(row: Sibling) -> dict[str, Any]:
    """Where the same mail is too; no more than the queue, where the caller may not see the conversation."""
    found = row.conversation
    return {
        "queue": row.queue,
        "id": found.pk if found else None,
        "number": found.number if found else None,
        "state": found.state if found else None,
        "agent": found.agent.user.get_username() if found and found.agent else None,
    }


def demanded(row: Conversation) -> dict[str, int]:
    """The queue's demands and the conversation's own; the higher level where both have one."""
    found = skills(row.queue)
    for each in row.skill_demands.all():
        found[each.skill.name] = max(each.level, found.get(each.skill.name, 0))
    return found


def skills(queue: EmailQueue) -> dict[str, int]:
    """What the queue demands of an agent."""
    return {demand.skill.name: demand.level for demand in queue.skill_demands.all()}


def _state_without(row: Message) -> str:
    """Of what never was in our outbox: mail that came, and what was sent before we were here."""
    return "sent" if row.direction == Message.Direction.OUT else "received"


def message(row: Message) -> dict[str, Any]:
    """One message with its attachments and, for one of ours, its delivery."""
    return {
        "id": row.pk,
        "direction": row.direction,
        "state": row.outgoing.state if row.outgoing else _state_without(row),
        "automatic": row.automatic,
        "sent_at": row.sent_at,
        "from_": {"name": row.from_name, "email": row.from_email},
        "to": row.to,
        "cc": row.cc,
        "subject": row.subject,
        "text": row.text,
        "html": row.html,
        "attachments": [attachment(item) for item in row.attachments.all()],
        "invitations": row.invitations,
        "protection": row.protection,
        "outside": row.is_outside,
        "message_id": row.message_id,
        "in_reply_to": row.in_reply_to,
        "defects": row.defects,
        "agent": row.agent.user.get_username() if row.agent else None,
        "delivery": delivery(row.outgoing) if row.outgoing else None,
    }


def attachment(row: Attachment) -> dict[str, Any]:
    """One file, with the address of its bytes."""
    shape = {key: getattr(row, key) for key in ("id", "name", "type", "size", "inline", "scan", "virus")}
    return shape | {"url": f"{BASE}/attachments/{row.pk}"}


def delivery(mail: OutgoingMail) -> dict[str, Any]:
    """What became of one of our mails."""
    wait = holds.wait_of(mail, timezone.now())
    return {
        "state": mail.state,
        "attempts": mail.attempts,
        "copy_state": mail.copy,
        "folder_note": mail.folder_note,
        "last_answer": mail.last_answer,
        "last_error": mail.last_error,
        "next_attempt_at": (wait.at if wait else mail.not_before) if mail.state in NEXT_TRY else None,
        "waits_for": wait.why if wait else "",
        "recipients": [
            {
                key: getattr(item, key)
                for key in ("email", "state", "answer", "reason", "returned_at", "delay")
            }
            for item in mail.recipients.all()
        ],
    }


def name_of(user: User | None) -> str | None:
    """A user's name for sign-in, or None for the system."""
    return user.get_username() if user else None


def timed(row: Draft, conversation: Conversation) -> dict[str, Any]:
    """An answer that waits for its time, or for a word of its author."""
    return {
        "id": row.pk,
        "agent": row.agent.user.get_username(),
        "send_at": row.send_at,
        "held_why": row.held_why or later.why_held(row, conversation),
        "to": row.to,
        "cc": row.cc,
        "text": row.text,
        "outside": row.is_outside,
    }
