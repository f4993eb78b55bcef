"""Contacts that are perhaps one person. Shy: the whole name is the same, and something else besides.

the same words of a name, two at least ─┬─ and a domain that is no public one ─┐
                                        ├─ or the organisation                 ├─▶ suggested, 3 at most
                                        └─ or a phone number                   ┘
"""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from crm.locking import lock
from crm.models import Contact, NotTheSame
from crm.names import named, words
from crm.organisations import is_public

FEWEST_WORDS = 2
MOST_LOOKED_AT = 30
MOST_SUGGESTED = 3


def suggestions(contact: Contact, seen: QuerySet[Contact]) -> list[Contact]:
    """Other contacts, of those that the user sees, that may be the same person."""
    mine = sorted(words(contact.name))
    if len(mine) < FEWEST_WORDS or contact.merged_into_id is not None:
        return []
    rows = named(seen.exclude(pk=contact.pk), contact.name, whole=True)
    found = list(rows.prefetch_related("addresses").order_by("-pk")[:MOST_LOOKED_AT])
    likely = [each for each in found if sorted(words(each.name)) == mine and _has_more(contact, each)]
    if not likely:
        return []
    pairs = NotTheSame.objects.filter(Q(one=contact) | Q(other=contact)).values_list("one", "other")
    looked_at = {pk for pair in pairs for pk in pair}
    return [each for each in likely if each.pk not in looked_at][:MOST_SUGGESTED]


def _has_more(one: Contact, other: Contact) -> bool:
    if one.organisation_id and one.organisation_id == other.organisation_id:
        return True
    return bool(_domains(one) & _domains(other) or _numbers(one) & _numbers(other))


def _domains(contact: Contact) -> set[str]:
    found = {each.email.rpartition("@")[2] for each in contact.addresses.all()}
    return {each for each in found if each and not is_public(each)}


def _numbers(contact: Contact) -> set[str]:
    return {"".join(filter(str.isdigit, each))[-9:] for each in contact.phones}


@transaction.atomic
def set_apart(user: User, one: int, other: int) -> None:
    """Somebody knows: these are two people; never suggested again."""
    first, second = sorted((one, other))
    lock({first, second})
    NotTheSame.objects.get_or_create(one_id=first, other_id=second, defaults={"user": user})
