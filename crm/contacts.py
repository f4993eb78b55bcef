"""What is known of a contact is changed here, and it is said by whom."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from crm import fields
from crm.addresses import address_key, keep_address
from crm.changes import Kind, flat, note_change
from crm.facts import PLAIN, clean, clean_name, facts, named, value_now
from crm.locking import lock_whole
from crm.models import Contact, Organisation
from crm.refusals import ContactConflict, ContactRefused
from mailstore.feed import Type, tell


def together() -> AbstractContextManager[object]:
    """Several changes are made together, or none."""
    return transaction.atomic()


def make(user: User | None, name: str, email: str) -> Contact:
    """Make a contact by hand.

    Raises:
        ContactRefused: no such address; `AddressTaken` when somebody has it.
    """
    key = address_key(email)
    with transaction.atomic():
        contact = Contact.objects.create(name=clean_name(name))
        keep_address(contact, key, is_primary=True)
        note_change(Kind.MADE, user, contact=contact)
        tell(Type.CONTACT_CREATED, contact_id=contact.pk)
    return contact


@transaction.atomic
def change(
    user: User | None,
    pk: int,
    wanted: Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
    version: int | None = None,
) -> Contact:
    """Change what is wanted of a contact; what is the same already is no change.

    :param wanted: names of `PLAIN`, and `fields` with values of own fields by their keys.
    :param base: what the user saw when they began: what they left as it was is not theirs to change, and what
        somebody else has changed since is not overwritten.
    :param version: the only version of the contact that may be changed.
    Raises:
        ContactRefused: a value can't be; `ContactConflict` when somebody was faster.
    """
    row = lock_whole(pk)
    if version is not None and version != row.version:
        raise ContactConflict(_conflict(row, ()))
    given = _touched(row, wanted, base) if base is not None else dict(wanted)
    after = {name: clean(name, given[name]) for name in PLAIN if name in given}
    own = given.get("fields")
    if own is not None:
        after["fields"] = fields.cleaned(own, row.fields, fields.definitions())
    before = facts(row)
    changed = {name: [before[name], value] for name, value in after.items() if before[name] != value}
    if not changed:
        return row
    _write(row, {name: pair[1] for name, pair in changed.items()})
    note_change(Kind.CHANGED, user, contact=row, data=_told(changed))
    return row


def _touched(row: Contact, wanted: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """What the user has changed themselves, of what they saw."""
    before, found, stale = facts(row), {}, []
    for name in PLAIN:
        value = clean(name, wanted[name]) if name in wanted else before[name]
        seen_value = base.get(name, before[name])
        if name in wanted and value != seen_value:
            found[name] = value
            if before[name] not in (seen_value, value):
                stale.append(name)
    own, seen = {}, base.get("fields", {})
    for key, value in wanted.get("fields", {}).items():
        if value != fields.plain(seen.get(key)):
            own[key] = value
            if row.fields.get(key) != seen.get(key) and fields.plain(row.fields.get(key)) != value:
                stale.append(key)
    if stale:
        raise ContactConflict(_conflict(row, stale), stale[0])
    return found | {"fields": own}  # even if empty: what is required must be there


def _conflict(row: Contact, names: Sequence[str]) -> str:
    """Who was faster, in words."""
    last = row.changes.select_related("user").filter(kind=Kind.CHANGED).first()
    who = (last.user.get_full_name() or last.user.get_username()) if last and last.user else _("Somebody")
    if not names:
        said = _("%(who)s has changed the contact meanwhile: load it again, then change what is left.")
        return said % {"who": who}
    labels = {each.key: each.label for each in fields.definitions()}
    values = [f"{labels.get(name) or named(name)}: “{value_now(row, name)}”" for name in names]
    said = _("%(who)s has changed the same meanwhile. It is now %(values)s. Nothing of yours was stored.")
    return said % {"who": who, "values": ", ".join(values)}


def _write(row: Contact, changes: dict[str, Any]) -> None:
    if "organisation" in changes:
        row.organisation_id = changes.pop("organisation")
        changes["organisation_id"] = row.organisation_id
    if "language" in changes:
        changes["language_is_set"] = bool(changes["language"])
    for name, value in changes.items():
        setattr(row, name, value)
    row.version += 1
    names = [name.removesuffix("_id") if name == "organisation_id" else name for name in changes]
    try:
        with transaction.atomic():
            row.save(update_fields=[*names, "version"])
    except IntegrityError as error:
        said = _("Another contact has the id “%(id)s” of the CRM.") % {"id": row.external_id}
        raise ContactRefused(said, "external_id") from error
    if "organisation_id" in changes:
        row.organisation = Organisation.objects.filter(pk=row.organisation_id or 0).first()


def _told(changed: dict[str, list[Any]]) -> dict[str, Any]:
    """Organisations by their names, as they may be gone when it is read."""
    told = flat(changed)
    if "organisation" in told:
        rows = Organisation.objects.filter(pk__in=[pk for pk in told["organisation"] if pk])
        names = dict(rows.values_list("pk", "name"))
        told["organisation"] = [names.get(pk, "") for pk in told["organisation"]]
    return told
