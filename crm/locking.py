"""Locks on contacts, taken before those on conversations, in the order of ids.

They are such that mail may come in meanwhile: a new row may name a contact that is locked so.
"""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from crm.models import Contact
from crm.refusals import ContactRefused


def lock(pks: Iterable[int]) -> dict[int, Contact]:
    """Lock these contacts until the end of the transaction, and return them as they are now.

    Raises:
        ContactRefused: one of them was erased.
    """
    wanted = set(pks)
    rows = Contact.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=wanted).order_by("pk")
    found = {row.pk: row for row in rows}
    if len(found) < len(wanted):
        raise ContactRefused(_("The contact was erased meanwhile."))
    return found


def lock_whole(pk: int) -> Contact:
    """Lock one that was not merged into another.

    Raises:
        ContactRefused: it was erased or merged.
    """
    row = lock([pk])[pk]
    if row.merged_into_id is not None:
        raise ContactRefused(_("The contact was merged into another one meanwhile: go on there."))
    return row
