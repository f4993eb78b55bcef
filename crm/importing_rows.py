"""The rows of a batch of an import: read together, written together."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.db.models.functions import Lower

from crm.changes import flat
from crm.importing_lines import Known, Line
from crm.models import Contact, ContactAddress, ContactChange, Organisation, OrganisationDomain
from mailstore.feed import Type, tell_of_contacts

WRITTEN = (
    *("name", "organisation", "language", "language_is_set", "time_zone", "priority", "standing", "phones"),
    *("external_id", "remark", "fields", "version"),
)


def known_of(lines: list[Line]) -> Known:
    """The contacts that these lines may be about, locked, and their organisations, in five queries."""
    emails = {each for line in lines for each in line.emails}
    ids = {line.values["external_id"] for line in lines if line.values.get("external_id")}
    owners = dict(ContactAddress.objects.filter(email__in=emails).values_list("email", "contact"))
    by_id = Contact.objects.filter(external_id__in=ids).values_list("pk", flat=True)
    wanted = {*owners.values(), *by_id}
    rows = Contact.objects.select_for_update(no_key=True, of=("self",)).select_related("organisation")
    found = {row.pk: row for row in rows.filter(pk__in=wanted, merged_into=None).order_by("pk")}
    firms = {line.values["organisation"] for line in lines if "organisation" in line.values}
    # By its very name, too: the database and Python don't agree on the small letters of all alphabets.
    same = Q(lower__in={each.lower() for each in firms}) | Q(name__in=firms)
    there = Organisation.objects.annotate(lower=Lower("name")).filter(same)
    domains = OrganisationDomain.objects.select_related("organisation")
    ours = domains.filter(domain__in={each.rpartition("@")[2] for each in emails})
    return Known(
        firms={row.name.lower(): row for row in there},
        domains={row.domain: row.organisation for row in ours},
        by_email={email: found[pk] for email, pk in owners.items() if pk in found},
        by_id={row.external_id: row for row in found.values() if row.external_id},
    )


@dataclass(slots=True)
class Writing:
    """What a batch makes and changes, until it is written."""

    user: User | None
    import_id: int
    known: Known
    new: list[Contact] = field(default_factory=list)
    changed: dict[int, Contact] = field(default_factory=dict)
    addresses: list[ContactAddress] = field(default_factory=list)
    history: list[ContactChange] = field(default_factory=list)

    def make(self, line: Line) -> Contact:
        """A new contact."""
        contact = Contact()
        self.new.append(contact)
        self._set(contact, {name: [None, value] for name, value in line.values.items()})
        contact.fields = {key: value for key, value in line.own.items() if value is not None}
        contact.version = 1
        self._address(contact, line.emails, has_none=True)
        if contact.organisation is None:
            found = (self.known.domains.get(each.rpartition("@")[2]) for each in line.emails)
            contact.organisation = next((each for each in found if each is not None), None)
        return contact

    def change(self, contact: Contact, found: dict[str, list[Any]], more: list[str]) -> None:
        """Change these facts of one that is known, and give it more addresses."""
        self._set(contact, found)
        self._address(contact, more, has_none=False)
        if contact._state.adding:
            return
        contact.version += 1
        self.changed[contact.pk] = contact
        if found:
            self._note(contact, ContactChange.Kind.CHANGED, flat(found))
        for email in more:
            self._note(contact, ContactChange.Kind.ADDRESS_ADDED, {"email": email})

    def addresses_of(self, contact: Contact) -> int:
        """How many addresses it will have, with those that are not written yet."""
        there = 0 if contact._state.adding else contact.addresses.count()
        return there + sum(each.contact is contact for each in self.addresses)

    def flush(self) -> None:
        """Write everything."""
        for firm in self.known.firms.values():
            if firm._state.adding:
                firm.save()
        for contact in self.new:
            self._note(contact, ContactChange.Kind.MADE, {"import": self.import_id})
        Contact.objects.bulk_create(self.new)
        tell_of_contacts(Type.CONTACT_CREATED, [contact.pk for contact in self.new])
        Contact.objects.bulk_update(list(self.changed.values()), WRITTEN)
        ContactAddress.objects.bulk_create(self.addresses)
        ContactChange.objects.bulk_create(self.history)

    def _set(self, contact: Contact, found: dict[str, list[Any]]) -> None:
        for name, (_before, value) in found.items():
            setattr(contact, name, self._firm(value) if name == "organisation" else value)
        if "language" in found:
            contact.language_is_set = True
        if contact.external_id:
            self.known.by_id[contact.external_id] = contact

    def _address(self, contact: Contact, emails: list[str], *, has_none: bool) -> None:
        for place, email in enumerate(emails):
            is_primary = has_none and place == 0
            self.addresses.append(ContactAddress(contact=contact, email=email, is_primary=is_primary))
            self.known.by_email[email] = contact

    def _note(self, contact: Contact, kind: str, data: dict[str, Any]) -> None:
        self.history.append(ContactChange(contact=contact, user=self.user, kind=kind, data=data))

    def _firm(self, name: str) -> Organisation:
        return self.known.firms.setdefault(name.lower(), Organisation(name=name))
