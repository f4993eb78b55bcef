"""Links from a contact to its page in another system."""

from dataclasses import dataclass

from crm import fields, templates
from crm.models import Contact, CrmLink


@dataclass(frozen=True, slots=True)
class Link:
    """Ready for a page; opened apart from ours."""

    name: str
    url: str


def links(contact: Contact, emails: list[str]) -> list[Link]:
    """Those whose places can be filled, in their order.

    :param emails: the contact's addresses, the primary one first.
    """
    rows = list(CrmLink.objects.all())
    if not rows:
        return []
    values = {key: fields.plain(value) for key, value in contact.fields.items()}
    values |= {
        "email": emails[0] if emails else "",
        "external_id": contact.external_id,
        "name": contact.name,
        "id": str(contact.pk),
        "organisation": contact.organisation.name if contact.organisation else "",
    }
    filled = ((row.name, templates.fill(row.template, values)) for row in rows)
    return [Link(name, url) for name, url in filled if url]
