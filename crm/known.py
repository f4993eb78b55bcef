"""What is known of who wrote, for rules: without making a contact."""

from datetime import datetime

from crm import tracking
from crm.models import Contact, Organisation
from mailcore.parsed import Address
from mailcore.rule_facts import Sender


def sender_of(address: Address, before: datetime) -> Sender:
    """What the CRM knows of an address.

    :param before: a contact that was made later, such as by this very mail, is none that was known.
    """
    contact = tracking.find(address)
    if contact is None:
        return Sender(organisation=_of_domain(address.email))
    if tracking.is_new(contact):  # made with what its domain says, which is only in the database yet
        return Sender(organisation=_of_domain(address.email))
    organisation = contact.organisation.name if contact.organisation else ""
    return Sender(contact.created_at < before, organisation, _shown(contact))


def _of_domain(email: str) -> str:
    domain = email.rpartition("@")[2].lower()
    rows = Organisation.objects.filter(domains__domain=domain) if domain else Organisation.objects.none()
    return rows.values_list("name", flat=True).first() or ""


def _shown(contact: Contact) -> dict[str, str]:
    """Own fields as texts: yes and no for booleans."""
    words = {True: "yes", False: "no"}
    return {
        key: words[value] if isinstance(value, bool) else str(value) for key, value in contact.fields.items()
    }
