"""What a CRM knows of who began a conversation: how urgent it is, which queue and language it belongs to.

It is applied when the answer is there, to what is still open then; who has it in hand keeps it.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from agents.models import Language
from crm.models import Contact
from queues import clocks, customers, kinds, nudges, states
from queues.history import Kind, note_event
from queues.models import Conversation, EmailQueue

State = Conversation.State
PRIORITIES = {each.label.lower(): each for each in Conversation.Priority}


@dataclass(frozen=True, slots=True)
class Wanted:
    """By name; "" leaves it as it is."""

    priority: str = ""
    queue: str = ""
    language: str = ""


@transaction.atomic
def apply(conversation_id: int, wanted: Wanted, who: str) -> str:
    """Set what is wanted and isn't so yet, and tell what was set; names that we don't have are told, too."""
    try:
        row = states.lock_following(conversation_id)
    except Conversation.DoesNotExist:
        return ""
    if row.state == State.CLOSED:
        return "It was closed already."
    told = [
        _language(row, wanted.language, who),
        _priority(row, wanted.priority, who),
        _queue(row, wanted.queue, who),
    ]
    return " ".join(each for each in told if each)


def _language(row: Conversation, tag: str, who: str) -> str:
    if not tag or tag == row.language:
        return ""
    if not Language.objects.filter(pk=tag).exists():
        return f"There is no language “{tag[:40]}”."
    before = row.language
    row.language, row.language_confidence = tag, customers.SURE
    row.kind_id = kinds.of(row)
    states.save(row, ["language", "language_confidence", "kind"])
    sentence = f"{who} says that it is written in {tag}{f', not {before}' if before else ''}."
    note_event(row, Kind.LANGUAGE, sentence, data={"was": before, "is": tag})
    if row.state == State.WAITING:
        nudges.suits_others(row)
    return f"Its language is {tag}."


def _priority(row: Conversation, name: str, who: str) -> str:
    """Of the contact, so also of what it writes next; what was promised for this one stays."""
    if not name:
        return ""
    wanted = PRIORITIES.get(name.lower())
    if wanted is None:
        return f"There is no priority “{name[:40]}”."
    contact = row.contact
    if contact.priority != wanted:
        customers.change_contact(None, contact, "priority", int(wanted))
        label = Contact.Priority(wanted).label.lower()
        sentence = f"{who} set the priority of new conversations with {contact}: {label}."
        note_event(row, Kind.CONTACT_PRIORITY, sentence, data={"was": contact.priority, "is": int(wanted)})
    if row.priority == wanted:
        return ""
    row.priority = wanted
    clocks.plan(row)
    states.save(row, [*clocks.CLOCK, "priority"])
    return f"Its priority is {wanted.label.lower()}."


def _queue(row: Conversation, name: str, who: str) -> str:
    if not name or name == row.queue.name:
        return ""
    queue = EmailQueue.objects.filter(name=name).first()
    if queue is None:
        return f"There is no queue “{name[:40]}”."
    if row.state != State.WAITING:
        return "It stays in its queue, as it isn't waiting any more."
    left = row.queue
    states.move(row, queue, timezone.now())
    sentence = f"{who} moved it from {left} to {queue}."
    note_event(row, Kind.TRANSFERRED, sentence, data={"from": left.pk, "to": queue.pk})
    nudges.waits(row)
    return f"It is in {queue}."
