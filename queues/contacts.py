"""Who may see which contact, and what of it: one gate for pages and programs.

A contact is seen by who works in a queue that it has written to; one that has never written, because it was
imported or made by hand, by supervisors. Administrators see all. What it wrote to other queues is counted
for the others, and nothing more.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from agents.rights import Person, is_administrator, is_supervisor
from crm import organisations
from crm.models import Communication, Contact, ContactAddress, ContactMerge, Organisation
from crm.names import named
from crm.refusals import ContactRefused
from queues.access import conversations_for, one, queues_for
from queues.models import Conversation

PAGE = 50
MOST_COUNTED = 1000


def contacts_for(user: Person) -> QuerySet[Contact]:
    """The contacts that a user may see, without those that were merged into others."""
    return all_for(user).filter(merged_into=None)


def all_for(user: Person) -> QuerySet[Contact]:
    """The same with those that were merged, as far as what they were merged into is seen."""
    if is_administrator(user):
        return Contact.objects.all()
    queues = queues_for(user).values("pk")
    held = Conversation.objects.filter(contact=OuterRef("pk"), queue__in=queues)
    told = Communication.objects.filter(contact=OuterRef("pk"))
    here = Conversation.objects.filter(pk=OuterRef("conversation_id"), queue__in=queues)
    seen = Q(Exists(held)) | Q(Exists(told.filter(Exists(here))))
    if is_supervisor(user):
        any_ = Conversation.objects.filter(contact=OuterRef("pk"))
        seen |= ~Q(Exists(any_)) & ~Q(Exists(told))
    return Contact.objects.filter(seen)


def contact(user: Person, pk: int) -> Contact:
    """One contact with its organisation; of one that was merged, the one that it is now; or `Http404`."""
    end = pk
    while (into := Contact.objects.filter(pk=end).values_list("merged_into", flat=True).first()) is not None:
        end = into
    return one(contacts_for(user).select_related("organisation").filter(pk=end))


def merge(user: Person, pk: int) -> ContactMerge:
    """One merge of a contact that the user sees, or `Http404`."""
    rows = ContactMerge.objects.select_related("gone", "stays")
    return one(rows.filter(pk=pk, stays__in=all_for(user)))


def organisations_for(user: Person) -> QuerySet[Organisation]:
    """The organisations of contacts that the user sees; supervisors see all, as they look after them."""
    if is_supervisor(user):
        return Organisation.objects.all()
    return Organisation.objects.filter(Exists(contacts_for(user).filter(organisation=OuterRef("pk"))))


def organisation_named(user: User, name: str) -> Organisation | None:
    """The organisation of this name for a contact, made if there is none; None without a name.

    Raises:
        ContactRefused: it is one that the user doesn't see, and would see with the contact in it.
    """
    if not name.strip():
        return None
    there = organisations.named(name)
    if there and not organisations_for(user).filter(pk=there.pk).exists():
        said = _("%(name)s is there, and not yours to see: ask a supervisor to put the contact there.")
        raise ContactRefused(said % {"name": there.name}, "organisation")
    return there or organisations.make(user, name)


def found(user: Person, text: str, after: int = 0, limit: int = PAGE) -> tuple[list[Contact], int]:
    """A page of contacts, the newest first, and where the next one begins (0: there is none).

    :param text: the beginnings of words of the name, of an address or of the organisation; all must occur.
    """
    rows = searched(contacts_for(user), text)
    if after:
        rows = rows.filter(pk__lt=after)
    rows = rows.select_related("organisation").prefetch_related("addresses").order_by("-pk")
    page = list(rows[: limit + 1])
    return page[:limit], page[limit - 1].pk if len(page) > limit else 0


def searched(rows: QuerySet[Contact], text: str) -> QuerySet[Contact]:
    """Those of the contacts that a question finds: all of its words must occur."""
    for word in text.split()[:6]:
        rows = rows.filter(_says(word))
    return rows


def _says(word: str) -> Q:
    by_name = Q(pk__in=named(Contact.objects.order_by(), word).values("pk"))
    addresses = ContactAddress.objects.filter(email__startswith=word.lower())
    firms = Organisation.objects.filter(
        Q(name__istartswith=word) | Q(domains__domain__startswith=word.lower())
    )
    return by_name | Q(pk__in=addresses.values("contact")) | Q(organisation__in=firms.values("pk"))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which mails of a contact are asked for.

    :param before: time and id of the last row of the page before.
    """

    direction: str = ""
    queue: int | None = None
    text: str = ""
    before: tuple[datetime, int] | None = None
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class Trail:
    """A page of the mails with a contact, newest first.

    :param hidden: how many more are in queues that the user doesn't see.
    """

    rows: list[Communication]
    has_more: bool = False
    hidden: int = 0


def trail(user: Person, row: Contact, asked: Asked) -> Trail:
    """A page of the mails with a contact; two queries, however many there are."""
    rows = trail_rows(user, row, asked)
    if asked.before is not None:
        at, pk = asked.before
        rows = rows.filter(Q(at__lte=at) & (Q(at__lt=at) | Q(pk__lt=pk)))
    found_ = list(rows.order_by("-at", "-pk")[: asked.limit + 1])
    hidden = 0 if asked.before is not None else hidden_from(user, row)
    return Trail(found_[: asked.limit], len(found_) > asked.limit, hidden)


def trail_rows(user: Person, row: Contact, asked: Asked) -> QuerySet[Communication]:
    """The mails with a contact over all queues that the user sees, which are asked for."""
    rows = _seen(user, row)
    if asked.direction in Communication.Direction.values:
        rows = rows.filter(direction=asked.direction)
    if asked.queue is not None:
        rows = rows.filter(conversation_id__in=Conversation.objects.filter(queue=asked.queue).values("pk"))
    for word in asked.text.split()[:6]:
        rows = rows.filter(Q(subject__icontains=word) | Q(preview__icontains=word))
    return rows.select_related("user")


def _seen(user: Person, row: Contact) -> QuerySet[Any]:
    rows = row.communications.all()
    return rows if is_administrator(user) else rows.filter(Exists(_here(user)))


def _here(user: Person) -> QuerySet[Conversation]:
    return conversations_for(user).filter(pk=OuterRef("conversation_id"))


def hidden_from(user: Person, row: Contact) -> int:
    """How many mails are in queues that the user doesn't see; counting ends at `MOST_COUNTED`."""
    if is_administrator(user):
        return 0
    return row.communications.order_by().filter(~Exists(_here(user)))[:MOST_COUNTED].count()
