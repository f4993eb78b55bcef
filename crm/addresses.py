"""The e-mail addresses of a contact: whose mail is theirs, and which one stands first."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from crm.changes import Kind, note_change
from crm.locking import lock_whole
from crm.models import Contact, ContactAddress
from crm.refusals import AddressTaken, ContactRefused

MOST_ADDRESSES = 50


def address_key(email: str) -> str:
    """An address as it is stored.

    Raises:
        ContactRefused: it is none.
    """
    key = email.strip().lower()
    try:
        validate_email(key)
    except ValidationError as error:
        said = _("“%(email)s” is no e-mail address.") % {"email": email[:100]}
        raise ContactRefused(said, "email") from error
    return key


@transaction.atomic
def add(user: User | None, pk: int, email: str) -> ContactAddress:
    """Give the contact one more address: mail from there is theirs from now on, and may join their threads.

    Raises:
        ContactRefused: no such address; `AddressTaken` when another contact has it.
    """
    key = address_key(email)
    row = lock_whole(pk)
    check_known(row)
    there = row.addresses.filter(email=key).first()
    if there is not None:
        return there
    if row.addresses.count() >= MOST_ADDRESSES:
        said = _("A contact has %(most)s addresses at most.") % {"most": MOST_ADDRESSES}
        raise ContactRefused(said, "email")
    let_one_be_first(row)
    address = keep_address(row, key, is_primary=not row.addresses.exists())
    _bump(row)
    note_change(Kind.ADDRESS_ADDED, user, contact=row, data={"email": key})
    return address


def keep_address(contact: Contact, key: str, *, is_primary: bool) -> ContactAddress:
    """Write the address; who has it already decides the database.

    Raises:
        AddressTaken: another contact has it.
    """
    try:
        with transaction.atomic():
            return ContactAddress.objects.create(contact=contact, email=key, is_primary=is_primary)
    except IntegrityError as error:
        taken = ContactAddress.objects.filter(email=key).first()
        said = _("“%(email)s” belongs to another contact already: merge the two if they are one person.")
        raise AddressTaken(said % {"email": key}, taken.contact_id if taken else 0) from error


@transaction.atomic
def remove(user: User | None, pk: int, email: str) -> None:
    """Take an address away: whoever writes from there next is a new contact.

    Raises:
        ContactRefused: it is the only one.
    """
    row = lock_whole(pk)
    check_known(row)
    addresses = list(row.addresses.all())
    found = [each for each in addresses if each.email == email]
    if not found:
        return
    if len(addresses) == 1:
        raise ContactRefused(_("It is the only address of the contact: add another one first."), "email")
    found[0].delete()
    _bump(row)
    note_change(Kind.ADDRESS_REMOVED, user, contact=row, data={"email": email})


@transaction.atomic
def keep_only(user: User | None, pk: int, emails: Sequence[str]) -> None:
    """Let the contact have these addresses and no other, the first one as its primary.

    Raises:
        ContactRefused: none is left, or one of them can't be.
    """
    wanted = list(dict.fromkeys(map(address_key, emails)))
    if not wanted:
        raise ContactRefused(_("A contact has one address at least."), "email")
    for email in wanted:
        add(user, pk, email)
    for address in ContactAddress.objects.filter(contact=pk).exclude(email__in=wanted):
        remove(user, pk, address.email)
    make_primary(user, pk, wanted[0])


@transaction.atomic
def make_primary(user: User | None, pk: int, email: str) -> None:
    """Let this address stand first.

    Raises:
        ContactRefused: it was removed meanwhile.
    """
    row = lock_whole(pk)
    address = row.addresses.filter(email=email).first()
    if address is None:
        raise ContactRefused(_("The address was removed meanwhile."), "email")
    if address.is_primary:
        return
    row.addresses.update(is_primary=False)
    row.addresses.filter(pk=address.pk).update(is_primary=True)
    _bump(row)
    note_change(Kind.ADDRESS_PRIMARY, user, contact=row, data={"email": email})


def let_one_be_first(contact: Contact) -> None:
    """The oldest address, if no other one is the primary: mail alone makes none so."""
    if not contact.addresses.filter(is_primary=True).exists():
        first = contact.addresses.order_by("pk").first()
        if first is not None:
            contact.addresses.filter(pk=first.pk).update(is_primary=True)


def _bump(row: Contact) -> None:
    row.version += 1
    row.save(update_fields=["version"])


def check_known(row: Contact) -> None:
    """Refuse the contact that all mail without a sender belongs to.

    Raises:
        ContactRefused: it is that one.
    """
    if row.addresses.filter(email="").exists():
        raise ContactRefused(_("All mail without a sender is kept with this contact: it stays as it is."))
