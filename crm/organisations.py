"""Organisations: their facts, their domains, and who belongs to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from crm import fields
from crm.changes import Kind, note_change
from crm.models import Contact, ContactField, Organisation, OrganisationDomain
from crm.refusals import ContactConflict, ContactRefused
from mailcore.freemail import FREE_MAIL
from mailcore.wording import listed

# Where anybody gets an address besides free mail for people: providers, throw-away mail, alumni.
PUBLIC = FREE_MAIL | frozenset(
    listed(
        "aim.com|att.net|bellsouth.net|bigpond.com|blueyonder.co.uk|btinternet.com|chello.at|comcast.net|"
        "cox.net|duck.com|fastmail.com|fastmail.fm|gmx.com|hey.com|hispeed.ch|hushmail.com|live.co.uk|"
        "live.de|live.nl|mailbox.org|mailinator.com|ntlworld.com|outlook.es|outlook.fr|outlook.it|"
        "passport.com|pobox.com|pm.me|posteo.de|rocketmail.com|seznam.sk|sky.com|telefonica.net|tiscali.cz|"
        "tutanota.com|tuta.io|verizon.net|yandex.com|yahoo.ca|yahoo.in|yahoo.com.br|zoho.com"
    )
)
LABEL = 63
LONGEST = 253
ADOPT = """
UPDATE crm_contact SET organisation_id = %s, version = version + 1
WHERE organisation_id IS NULL AND merged_into_id IS NULL
  AND id IN (SELECT contact_id FROM crm_contactaddress WHERE email LIKE %s)
"""


def named(name: str) -> Organisation | None:
    """The one that has this name, in whatever letters."""
    return Organisation.objects.filter(name__iexact=_clean(name)).first()


def _clean(name: str) -> str:
    return " ".join(name.replace("\x00", "").split())[:200]


@transaction.atomic
def make(user: User | None, name: str) -> Organisation:
    """Make an organisation, or return the one that has the name.

    Raises:
        ContactRefused: no name.
    """
    clean = _clean(name)
    if not clean:
        raise ContactRefused(_("Give the organisation a name."), "name")
    if there := named(clean):
        return there
    row, made = Organisation.objects.get_or_create(name=clean)
    if made:
        note_change(Kind.MADE, user, organisation=row)
    return row


@transaction.atomic
def change(user: User | None, pk: int, wanted: Mapping[str, Any], version: int | None = None) -> Organisation:
    """Change name, remark, id in the CRM or own `fields`.

    Raises:
        ContactRefused: a value can't be; `ContactConflict` when it is not of this `version` any more.
    """
    row = _lock(pk)
    if version is not None and version != row.version:
        raise ContactConflict(_("Somebody has changed the organisation meanwhile: load it again."))
    after: dict[str, Any] = {}
    for name, most in (("name", 200), ("remark", 5000), ("external_id", 200)):
        if name in wanted:
            after[name] = str(wanted[name] or "").replace("\x00", "").strip()[:most]
    if after.get("name") == "":
        raise ContactRefused(_("Give the organisation a name."), "name")
    if "fields" in wanted:
        defined = fields.definitions(ContactField.Of.ORGANISATION)
        after["fields"] = fields.cleaned(wanted["fields"], row.fields, defined)
    changed = {
        name: [getattr(row, name), value] for name, value in after.items() if getattr(row, name) != value
    }
    if not changed:
        return row
    for name, (_before, value) in changed.items():
        setattr(row, name, value)
    row.version += 1
    try:
        with transaction.atomic():
            row.save(update_fields=[*changed, "version"])
    except IntegrityError as error:
        said = _("Another organisation has this name, or this id of the CRM.")
        raise ContactRefused(said, "name") from error
    note_change(Kind.CHANGED, user, organisation=row, data=changed)
    return row


def domain_key(domain: str) -> str:
    """A domain as it is stored: lower case, in its ASCII form.

    Raises:
        ContactRefused: it is none, or anybody may have an address there.
    """
    name = domain.strip().lower().rpartition("@")[2].rstrip(".")
    try:
        key = name.encode("idna").decode()
    except UnicodeError:
        key = ""
    labels = key.split(".")
    if len(labels) < 2 or len(key) > LONGEST or not all(map(_is_label, labels)):
        said = _("“%(domain)s” is no domain: write it like example.com.")
        raise ContactRefused(said % {"domain": domain[:100]}, "domain")
    if is_public(key):
        said = _("Anybody may have an address at %(domain)s: it says nothing about a firm.")
        raise ContactRefused(said % {"domain": key}, "domain")
    return key


def is_public(domain: str) -> bool:
    """Whether anybody may have an address there."""
    labels = domain.split(".")
    return any(".".join(labels[at:]) in PUBLIC for at in range(len(labels) - 1))


def _is_label(label: str) -> bool:
    plain = label.replace("-", "")
    return 0 < len(label) <= LABEL and plain.isascii() and plain.isalnum() and label.strip("-") == label


@transaction.atomic
def add_domain(user: User | None, pk: int, domain: str, *, adopt: bool = False) -> int:
    """Let new contacts from this domain belong to the organisation.

    :param adopt: those, too, who are contacts already and belong to none.
    :return: how many of them there were.
    Raises:
        ContactRefused: a public domain, none, or another organisation's.
    """
    key = domain_key(domain)
    row = _lock(pk)
    try:
        with transaction.atomic():
            OrganisationDomain.objects.create(organisation=row, domain=key)
    except IntegrityError as error:
        there = OrganisationDomain.objects.select_related("organisation").filter(domain=key).first()
        if there is None or there.organisation_id != pk:
            owner = there.organisation.name if there else ""
            said = _("%(domain)s is a domain of “%(owner)s” already: take it away there first.")
            raise ContactRefused(said % {"domain": key, "owner": owner}, "domain") from error
    adopted = _adopt(row, key) if adopt else 0
    note_change(Kind.DOMAIN_ADDED, user, organisation=row, data={"domain": key, "adopted": adopted})
    return adopted


def _adopt(row: Organisation, domain: str) -> int:
    pattern = "%@" + domain.replace("_", r"\_")
    with connection.cursor() as cursor:
        cursor.execute(ADOPT, [row.pk, pattern])
        return int(cursor.rowcount)


@transaction.atomic
def remove_domain(user: User | None, pk: int, domain: str) -> None:
    """New contacts from there belong to nobody by that; who belongs already stays."""
    row = _lock(pk)
    if row.domains.filter(domain=domain).delete()[0]:
        note_change(Kind.DOMAIN_REMOVED, user, organisation=row, data={"domain": domain})


@transaction.atomic
def keep_only(user: User | None, pk: int, domains: Sequence[str]) -> None:
    """Let the organisation have these domains and no other.

    Raises:
        ContactRefused: one of them can't be.
    """
    wanted = set(map(domain_key, domains))
    there = set(OrganisationDomain.objects.filter(organisation=pk).values_list("domain", flat=True))
    for domain in sorted(there - wanted):
        remove_domain(user, pk, domain)
    for domain in sorted(wanted - there):
        add_domain(user, pk, domain)


def _lock(pk: int) -> Organisation:
    row = Organisation.objects.select_for_update(no_key=True).filter(pk=pk).first()
    if row is None:
        raise ContactRefused(_("The organisation was erased meanwhile."))
    return row


def members(row: Organisation) -> Any:
    """The contacts that belong to it, by name."""
    return Contact.objects.filter(organisation=row, merged_into=None).order_by("name", "pk")
