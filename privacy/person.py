"""Who is to be erased or told, and what there is of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import In
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from crm.models import Communication, Contact, ContactAddress, ContactNote
from mailsenders.models import OutgoingMail
from mailsources.lifecycle import UNSENT
from mailsources.models import FetchedMail
from privacy.stripping import NOBODY
from privacy.words import Words
from queues.models import Attachment, Conversation, Draft, Message, Note, NoteDraft

MOST_NAMED = 5
LINK = '<a class="ucs-link" href="{}">#{}</a>'


@dataclass(frozen=True)
class Person:
    """A contact with those that were merged into it.

    :param contacts: their ids, the one that is left first.
    """

    contacts: tuple[int, ...]
    words: Words

    def as_json(self) -> dict[str, Any]:
        """For the row of the job."""
        return {
            "contacts": list(self.contacts),
            "emails": list(self.words.emails),
            "names": list(self.words.names),
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Person":
        """Back from the row."""
        words = Words(tuple(told["emails"]), tuple(told["names"]))
        return cls(tuple(told["contacts"]), words)

    @property
    def conversations(self) -> QuerySet[Conversation]:
        """Those that are theirs, by id."""
        return Conversation.objects.filter(contact__in=self.contacts).order_by("pk")

    @property
    def mails(self) -> QuerySet[Message]:
        """Mails in their conversations, and mails of theirs in others'."""
        rows = Message.objects.order_by()
        own = rows.filter(conversation__contact__in=self.contacts).values("pk")
        # Each half has an index; both in one condition would read every mail there is.
        return Message.objects.filter(
            pk__in=own.union(rows.filter(written_by(self.words.emails)).values("pk"))
        ).order_by("pk")

    def is_told(self, message: Message) -> bool:
        """Whether they are told what stands in a mail: they wrote it, or it was sent to them."""
        emails = set(self.words.emails)
        if not emails:
            return True
        if message.direction == Message.Direction.IN and message.from_email.lower() in {"", *emails}:
            return True
        return any(each.get("email", "").lower() in emails for each in [*message.to, *message.cc])


def written_by(emails: Iterable[str]) -> Q:
    """Mails from these addresses, which are in lower case: mails have them as they were typed."""
    return Q(In(Lower("from_email"), list(emails)), direction=Message.Direction.IN)


def person_of(contact: Contact) -> Person:
    """The person who this contact is."""
    pks = [contact.pk]
    while (
        more := Contact.objects.filter(merged_into__in=pks).exclude(pk__in=pks).values_list("pk", flat=True)
    ):
        pks += list(more)
    rows = Contact.objects.filter(pk__in=pks)
    emails = ContactAddress.objects.filter(contact__in=pks).exclude(email="").values_list("email", flat=True)
    names = {name for name in rows.values_list("name", flat=True) if name.strip()}
    told = Message.objects.filter(written_by(emails)).values_list("from_name", flat=True)
    names |= {name for name in told.order_by("from_name").distinct()[:20] if name.strip()}
    return Person(tuple(pks), Words(tuple(sorted(emails)), tuple(sorted(names))))


def counts(person: Person) -> dict[str, int]:
    """What there is, by the words of the page."""
    mails = person.mails
    conversations = person.conversations
    return {
        "conversations": conversations.count(),
        "mails": mails.count(),
        "files in mails": Attachment.objects.filter(message__in=mails).count(),
        "mails in mailboxes' ledgers": FetchedMail.objects.filter(
            Q(message__in=mails) | Q(sender__in=person.words.emails)
        ).count(),
        "outgoing mails": OutgoingMail.objects.filter(message__in=mails).count(),
        "notes of colleagues": Note.objects.filter(conversation__in=conversations).count(),
        "drafts": sum(
            model.objects.filter(conversation__in=conversations).count() for model in (Draft, NoteDraft)
        ),
        "records of communication": Communication.objects.filter(contact__in=person.contacts).count(),
        "notes about the contact": ContactNote.objects.filter(contact__in=person.contacts).count(),
        "addresses": len(person.words.emails),
    }


def counted(counts: dict[str, int]) -> list[tuple[int, str]]:
    """The same in their order and the reader's language, each word as its number bends it."""
    told: dict[str, Callable[[int], str]] = {
        "conversations": lambda n: ngettext("conversation", "conversations", n),
        "mails": lambda n: ngettext("mail", "mails", n),
        "files in mails": lambda n: ngettext("file in mails", "files in mails", n),
        "mails in mailboxes' ledgers": lambda n: ngettext(
            "mail in mailboxes’ ledgers", "mails in mailboxes’ ledgers", n
        ),
        "outgoing mails": lambda n: ngettext("outgoing mail", "outgoing mails", n),
        "notes of colleagues": lambda n: ngettext("note of colleagues", "notes of colleagues", n),
        "drafts": lambda n: ngettext("draft", "drafts", n),
        "records of communication": lambda n: ngettext(
            "record of communication", "records of communication", n
        ),
        "notes about the contact": lambda n: ngettext("note about the contact", "notes about the contact", n),
        "addresses": lambda n: ngettext("address", "addresses", n),
    }
    return [(counts[name], words(counts[name])) for name, words in told.items() if name in counts]


@dataclass(frozen=True)
class Hindrance:
    """What has to be done first: a sentence, with a place for the conversation that it is about."""

    saying: str
    conversation: Conversation | None = None

    def __str__(self) -> str:
        return self.saying.format(f"#{self.conversation.number}" if self.conversation else "")

    @property
    def shown(self) -> SafeString:
        """The same with a link to the conversation."""
        if self.conversation is None:
            return format_html("{}", self.saying)
        url = reverse("conversation", args=[self.conversation.pk])
        return format_html(self.saying, format_html(LINK, url, self.conversation.number))


def why_not(contact: Contact, person: Person) -> list[Hindrance]:
    """What has to be done before the person can be erased."""
    if contact.external_id == NOBODY or not contact.addresses.exclude(email="").exists():
        return [Hindrance("This contact has no address: there is nobody to erase.")]
    found = []
    held = person.conversations.filter(legal_hold=True)
    still = person.conversations.exclude(state=Conversation.State.CLOSED).filter(legal_hold=False)
    for rows, words in ((held, "is on legal hold: lift that first"), (still, "is open: close it first")):
        found += [Hindrance(f"Conversation {{}} {words}.", row) for row in rows[:MOST_NAMED]]
        if (more := rows.count() - MOST_NAMED) > 0:
            found.append(Hindrance("One more is, too." if more == 1 else f"{more} more are, too."))
    waiting = person.mails.filter(outgoing__state__in=UNSENT).count()
    if waiting:
        answers, they = ("1 answer", "it was") if waiting == 1 else (f"{waiting} answers", "they were")
        found.append(Hindrance(f"Of {answers} it is not known yet whether {they} sent: wait until it is."))
    return found
