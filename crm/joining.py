"""Two contacts become one person, and one becomes two again: everything of it on this floor.

    gone: addresses, mails, notes ──▶ stays          undo: what was moved goes back, and what is unchanged of
    gone.merged_into = stays                         the facts that were taken over is taken back

What the one that stays doesn't know it takes over; what both know it keeps. Conversations are moved by the
floor above, in the same transaction, after both contacts were locked here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from crm import facts
from crm.addresses import check_known, let_one_be_first
from crm.changes import Kind, note_change
from crm.models import Contact, ContactMerge, NotTheSame
from crm.refusals import ContactRefused
from mailstore.feed import Type, tell

SIMPLE = ("name", "organisation", "language", "time_zone", "external_id")
LONGEST_REMARK = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What merging does to the facts of the one that stays.

    :param taken: fact → value that it takes over.
    :param dropped: (fact, value of the one that goes, value that is kept instead).
    """

    taken: dict[str, Any] = field(default_factory=dict)
    dropped: list[tuple[str, Any, Any]] = field(default_factory=list)


def plan(gone: Contact, stays: Contact) -> Plan:
    """Compare the facts of both; a question that has no effect."""
    theirs, ours = facts.facts(gone), facts.facts(stays)
    made = Plan()
    for name in SIMPLE:
        _compare(made, name, theirs[name], ours[name])
    if theirs["priority"] < ours["priority"]:  # the more urgent one
        made.taken["priority"] = theirs["priority"]
    if ours["standing"] == Contact.Standing.PERSON != theirs["standing"]:
        made.dropped.append(("standing", theirs["standing"], ours["standing"]))
    phones = [each for each in theirs["phones"] if each not in ours["phones"]]
    if phones:
        made.taken["phones"] = [*ours["phones"], *phones]
    if theirs["remark"] and theirs["remark"] not in ours["remark"]:
        both = "\n\n".join(each for each in (ours["remark"], theirs["remark"]) if each)
        made.taken["remark"] = both[:LONGEST_REMARK]
    own = dict(ours["fields"])
    for key, value in theirs["fields"].items():
        if key not in own:
            own[key] = value
        elif own[key] != value:
            made.dropped.append((f"fields.{key}", value, own[key]))
    if own != ours["fields"]:
        made.taken["fields"] = own
    return made


def _compare(made: Plan, name: str, theirs: Any, ours: Any) -> None:
    if theirs and not ours:
        made.taken[name] = theirs
    elif theirs and theirs != ours:
        made.dropped.append((name, theirs, ours))


def check(gone: Contact, stays: Contact) -> None:
    """Refuse what can't be one.

    Raises:
        ContactRefused: the same, merged already, or the contact of all mail without a sender.
    """
    if gone.pk == stays.pk:
        raise ContactRefused(_("A contact can't be merged into itself: choose another one."))
    for row in (gone, stays):
        if row.merged_into_id is not None:
            said = _("“%(name)s” was merged into another contact already.")
            raise ContactRefused(said % {"name": row})
        check_known(row)


def join(user: User, gone: Contact, stays: Contact, now: datetime) -> ContactMerge:
    """Move everything of this floor; both are locked, `check` was passed."""
    made = plan(gone, stays)
    before = {name: value for name, value in facts.facts(stays).items() if name in made.taken}
    moved = {
        "addresses": list(gone.addresses.values_list("email", flat=True)),
        "primary": gone.addresses.filter(is_primary=True).values_list("email", flat=True).first() or "",
        "communications": _ids(gone.communications),
        "notes": _ids(gone.notes),
        "external_id": gone.external_id,
        "before": before,
        "taken": made.taken,
        "conversations": [],
    }
    gone.addresses.update(contact=stays, is_primary=False)
    gone.communications.update(contact=stays)
    gone.notes.update(contact=stays)
    let_one_be_first(stays)
    gone.merged_into, gone.external_id = stays, ""  # which is unique
    gone.version += 1
    gone.save(update_fields=["merged_into", "external_id", "version"])
    _set(stays, made.taken)
    NotTheSame.objects.filter(one__in=[gone, stays], other__in=[gone, stays]).delete()
    note_change(Kind.MERGED, user, contact=stays, data={"contact": gone.pk, "name": str(gone)})
    note_change(Kind.MERGED_AWAY, user, contact=gone, data={"contact": stays.pk, "name": str(stays)})
    tell(Type.CONTACT_MERGED, {"into_contact": stays.pk}, contact_id=gone.pk)
    return ContactMerge.objects.create(gone=gone, stays=stays, user=user, at=now, moved=moved)


def _ids(rows: Any) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _set(contact: Contact, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(contact, "organisation_id" if name == "organisation" else name, value)
    contact.version += 1
    contact.save(update_fields=[*values, "version"])


def separate(user: User, merge: ContactMerge, gone: Contact, stays: Contact, now: datetime) -> list[str]:
    """Take a merge back, on this floor; both are locked. Returns the addresses that went back.

    Raises:
        ContactRefused: it was taken back already, or the one that stays was merged away itself.
    """
    if merge.undone_at is not None:
        raise ContactRefused(_("The merge was undone already."))
    if stays.merged_into_id is not None:
        said = _("“%(name)s” was merged into another contact since: undo that first.")
        raise ContactRefused(said % {"name": stays})
    moved = merge.moved
    addresses = list(stays.addresses.filter(email__in=moved["addresses"]).values_list("email", flat=True))
    stays.addresses.filter(email__in=addresses).update(contact=gone, is_primary=False)
    gone.addresses.filter(email=moved["primary"]).update(is_primary=True)
    let_one_be_first(gone)
    let_one_be_first(stays)
    stays.communications.filter(pk__in=moved["communications"]).update(contact=gone)
    stays.notes.filter(pk__in=moved["notes"]).update(contact=gone)
    now_known = facts.facts(stays)
    back = {n: v for n, v in moved["before"].items() if now_known[n] == moved["taken"][n]}
    _set(stays, back)
    gone.merged_into, gone.external_id = None, _free_id(moved["external_id"])
    gone.version += 1
    gone.save(update_fields=["merged_into", "external_id", "version"])
    merge.undone_at, merge.undone_by = now, user
    merge.save(update_fields=["undone_at", "undone_by"])
    note_change(Kind.UNMERGED, user, contact=stays, data={"contact": gone.pk, "name": str(gone)})
    note_change(Kind.UNMERGED, user, contact=gone, data={"contact": stays.pk, "name": str(stays)})
    tell(Type.CONTACT_SEPARATED, {"from_contact": stays.pk}, contact_id=gone.pk)
    return addresses


def _free_id(external_id: str) -> str:
    taken = Contact.objects.filter(external_id=external_id).exists() if external_id else False
    return "" if taken else external_id


def move_communications(pks: Iterable[int], before: Contact, after: Contact, since: datetime) -> None:
    """The records of mails in these conversations since then are the other contact's."""
    rows = before.communications.filter(conversation_id__in=list(pks), at__gte=since)
    rows.update(contact=after)


def leftovers(merge: ContactMerge) -> bool:
    """Take along what came for the one that went while it was merged; returns whether there was anything."""
    rows = merge.gone.communications.all()
    pks = _ids(rows)
    if not pks:
        return False
    rows.filter(pk__in=pks).update(contact=merge.stays_id)
    merge.moved["communications"] = [*merge.moved["communications"], *pks]
    return True
