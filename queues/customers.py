"""What an agent knows better than the machine: the language of a customer, and how urgent their mail is."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import F

from agents.models import Language
from crm.changes import note_change
from crm.models import Contact, ContactChange
from queues import kinds, nudges, states
from queues.history import Kind, note_event
from queues.models import Conversation
from queues.ownership import check_free, check_open, lock_for, profile
from queues.refusals import ActionRefused
from queues.transactions import whole

SURE = 1.0


@whole
def set_language(actor: User, conversation: Conversation, tag: str) -> Conversation:
    """Correct the language of a conversation; the contact keeps it, until somebody says otherwise.

    Raises:
        ActionRefused: no such language, or the conversation is closed or a colleague's.
    """
    row = lock_for(actor, conversation)
    check_open(row)
    check_free(actor, row)
    if not Language.objects.filter(pk=tag).exists():
        raise ActionRefused(f"There is no language “{tag}”: choose one that agents have.")
    before = row.language
    change_contact(actor, row.contact, "language", tag)
    if (before, row.language_confidence) == (tag, SURE):
        return row
    row.language, row.language_confidence = tag, SURE
    row.kind_id = kinds.of(row)
    states.save(row, ["language", "language_confidence", "kind"])
    who = profile(actor)
    sentence = (
        f"{who} says that it is written in {tag}{f', not {before}' if before != tag and before else ''}."
    )
    note_event(row, Kind.LANGUAGE, sentence, actor, {"was": before, "is": tag})
    if row.state == Conversation.State.WAITING:
        nudges.suits_others(row)
    return row


@whole
def set_contact_priority(actor: User, conversation: Conversation, priority: int) -> Contact:
    """How urgent new conversations with this contact are; what is open keeps its own.

    Raises:
        ActionRefused: no such priority, or the conversation is a colleague's.
    """
    row = lock_for(actor, conversation)
    check_free(actor, row)
    if priority not in Contact.Priority.values:
        raise ActionRefused("Choose how urgent new mail of this contact is.")
    contact = row.contact
    if contact.priority != priority:
        change_contact(actor, contact, "priority", priority)
        label = Contact.Priority(priority).label.lower()
        said = f"{profile(actor)} set the priority of new conversations with {contact}: {label}."
        note_event(row, Kind.CONTACT_PRIORITY, said, actor, {"was": contact.priority, "is": priority})
        contact.priority = priority
    return contact


def change_contact(actor: User | None, contact: Contact, name: str, value: Any) -> None:
    """Write it, and into the contact's history if it is new; who has its form open is told."""
    before = getattr(contact, name)
    told = {"language_is_set": True} if name == "language" else {}
    Contact.objects.filter(pk=contact.pk).update(**{name: value}, **told, version=F("version") + 1)
    if before != value:
        note_change(ContactChange.Kind.CHANGED, actor, contact=contact, data={name: [before, value]})
