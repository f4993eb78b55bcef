"""Contacts and organisations: read, made, changed, merged; the mails with them over all queues."""

from datetime import datetime
from typing import Any

from django.db.models import Count
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema
from ninja.errors import HttpError

from agents.rights import is_supervisor
from api.auth import caller
from api.paging import page
from api.shapes import ObjectPage, Text
from crm import addresses, fields, notes, organisations
from crm import contacts as changing
from crm.links import links
from crm.models import Communication, Contact, ContactField, ContactMerge, ContactNote, Organisation
from queues import contact_merging
from queues import contacts as seen
from queues.contacts import Asked

router = Router(tags=["contacts"])

PRIORITIES = {"urgent": 1, "high": 2, "none": 3, "low": 4}
_WORDS = {number: word for word, number in PRIORITIES.items()}


class ContactIn(Schema):
    """What is to be changed of a contact; what is left out stays."""

    name: str | None = None
    emails: list[str] | None = Field(None, description="All of them, the primary one first.", max_length=50)
    organisation: str | None = Field(None, description="By its name, made if there is none; empty for none.")
    language: str | None = None
    time_zone: str | None = None
    priority: str | None = Field(None, description="urgent, high, none or low.")
    standing: str | None = Field(None, description="person, machine or blocked.")
    phones: list[str] | None = Field(None, max_length=10)
    external_id: str | None = None
    remark: str | None = None
    fields: dict[str, Any] | None = Field(None, description="Own fields by their keys; null empties one.")
    version: int | None = Field(None, description="Refuse if the contact is not of this version any more.")


class OrganisationIn(Schema):
    """What is to be changed of an organisation; what is left out stays."""

    name: str | None = None
    domains: list[str] | None = Field(None, max_length=100)
    external_id: str | None = None
    remark: str | None = None
    fields: dict[str, Any] | None = None
    version: int | None = None


class ContactMergeIn(Schema):
    """The contact that stays."""

    into: int


class ContactNoteIn(Schema):
    """A note about a contact."""

    text: str = Field(max_length=5000)


def _supervisor(request: HttpRequest) -> None:
    if not is_supervisor(caller(request)):
        raise HttpError(403, "This needs the key of a supervisor.")


@router.get("contacts", response=ObjectPage)
def contacts(
    request: HttpRequest, email: Text = "", external_id: Text = "", q: Text = "", organisation: Text = ""
) -> dict[str, Any]:
    """The contacts who wrote to queues that the caller works in.

    `email` and `external_id` find one, `q` by words of the name, `organisation` by its name.
    """
    rows = seen.contacts_for(caller(request))
    if email:
        rows = rows.filter(addresses__email=email.lower())
    if external_id:
        rows = rows.filter(external_id=external_id)
    if organisation:
        rows = rows.filter(organisation__name__iexact=organisation)
    if q:
        rows = seen.searched(rows, q)
    rows = rows.select_related("organisation").prefetch_related("addresses")
    return page(request, rows, "id", lambda found: [_contact(row) for row in found])


@router.get("contacts/{int:contact_id}", response=dict[str, Any])
def contact(request: HttpRequest, contact_id: int) -> dict[str, Any]:
    """One contact; of one that was merged, the one that it is now."""
    return _whole(seen.contact(caller(request), contact_id))


@router.post("contacts", response={201: dict[str, Any]})
def make(request: HttpRequest, payload: ContactIn) -> tuple[int, dict[str, Any]]:
    """Make a contact; a supervisor's key is needed, as nobody has written yet."""
    _supervisor(request)
    if not payload.emails:
        raise HttpError(422, "emails: give one address at least.")
    with changing.together():
        row = changing.make(caller(request), payload.name or "", payload.emails[0])
        return 201, _whole(_changed(request, row, payload))


@router.patch("contacts/{int:contact_id}", response=dict[str, Any])
def change(request: HttpRequest, contact_id: int, payload: ContactIn) -> dict[str, Any]:
    """Change a contact; 409 says who was faster, or whose the address is."""
    return _whole(_changed(request, seen.contact(caller(request), contact_id), payload))


def _changed(request: HttpRequest, row: Contact, payload: ContactIn) -> Contact:
    user = caller(request)
    wanted = _given(payload, {"emails", "version", "organisation", "priority"})
    if payload.priority is not None:
        wanted["priority"] = PRIORITIES.get(payload.priority, payload.priority)
    with changing.together():
        if payload.organisation is not None:
            firm = seen.organisation_named(user, payload.organisation)
            wanted["organisation"] = firm.pk if firm else None
        changing.change(user, row.pk, wanted, version=payload.version)
        if payload.emails is not None:
            addresses.keep_only(user, row.pk, payload.emails)
    return seen.contact(user, row.pk)


@router.get("contacts/{int:contact_id}/communications", response=dict[str, Any])
def communications(
    request: HttpRequest, contact_id: int, direction: Text = "", queue: int | None = None, text: Text = ""
) -> dict[str, Any]:
    """The mails with a contact in the queues that the caller sees; `hidden` counts the others."""
    user = caller(request)
    row = seen.contact(user, contact_id)
    asked = Asked(direction=direction, queue=queue, text=text, limit=1)
    rows = seen.trail_rows(user, row, asked)
    found = page(request, rows, "at", lambda each: [_communication(one) for one in each])
    return found | {"hidden": seen.hidden_from(user, row)}


@router.post("contacts/{int:contact_id}/notes", response={201: dict[str, Any]})
def note(request: HttpRequest, contact_id: int, payload: ContactNoteIn) -> tuple[int, dict[str, Any]]:
    """Write a note about a contact."""
    user = caller(request)
    return 201, _note(notes.add(user, seen.contact(user, contact_id).pk, payload.text))


@router.post("contacts/{int:contact_id}/merge", response=dict[str, Any])
def merge(request: HttpRequest, contact_id: int, payload: ContactMergeIn) -> dict[str, Any]:
    """Let everything of the contact be another one's; a supervisor's key is needed."""
    _supervisor(request)
    user = caller(request)
    gone = _unmerged_or_gone(request, contact_id)
    done = contact_merging.merge(user, gone, seen.contact(user, payload.into))
    return {"merge": done.pk, "contact": _whole(seen.contact(user, done.stays_id))}


def _unmerged_or_gone(request: HttpRequest, contact_id: int) -> Contact:
    row = seen.all_for(caller(request)).filter(pk=contact_id).first()
    return row if row is not None else seen.contact(caller(request), contact_id)


@router.post("contact-merges/{int:merge_id}/undo", response=dict[str, Any])
def undo(request: HttpRequest, merge_id: int) -> dict[str, Any]:
    """Take a merge back; returns the contact that is there again."""
    _supervisor(request)
    user = caller(request)
    done: ContactMerge = contact_merging.undo(user, seen.merge(user, merge_id))
    return _whole(Contact.objects.select_related("organisation").get(pk=done.gone_id))


@router.get("contact-fields", response=list[dict[str, Any]])
def contact_fields(request: HttpRequest) -> list[dict[str, Any]]:
    """The own fields of contacts and organisations."""
    caller(request)
    keys = ("key", "label", "of", "kind", "choices", "is_required")
    return [{key: getattr(row, key) for key in keys} for row in ContactField.objects.all()]


@router.get("organisations", response=ObjectPage)
def organisation_list(request: HttpRequest, name: Text = "", domain: Text = "") -> dict[str, Any]:
    """The organisations of contacts that the caller sees; supervisors see all."""
    rows = seen.organisations_for(caller(request)).prefetch_related("domains")
    rows = rows.annotate(count=Count("contacts"))
    if name:
        rows = rows.filter(name__iexact=name)
    if domain:
        rows = rows.filter(domains__domain=domain.lower())
    return page(request, rows, "id", lambda found: [_organisation(row) for row in found])


@router.post("organisations", response={201: dict[str, Any]})
def make_organisation(request: HttpRequest, payload: OrganisationIn) -> tuple[int, dict[str, Any]]:
    """Make an organisation, or change the one that has the name."""
    _supervisor(request)
    return 201, _organisation(
        _firm(request, organisations.make(caller(request), payload.name or ""), payload)
    )


@router.patch("organisations/{int:organisation_id}", response=dict[str, Any])
def change_organisation(
    request: HttpRequest, organisation_id: int, payload: OrganisationIn
) -> dict[str, Any]:
    """Change an organisation; a supervisor's key is needed."""
    _supervisor(request)
    row = Organisation.objects.filter(pk=organisation_id).first()
    if row is None:
        raise Http404
    return _organisation(_firm(request, row, payload))


def _given(payload: Schema, apart: set[str]) -> dict[str, Any]:
    """What is to be changed; null is the same as left out."""
    given = payload.dict(exclude_unset=True, exclude=apart)
    return {name: value for name, value in given.items() if value is not None}


def _firm(request: HttpRequest, row: Organisation, payload: OrganisationIn) -> Organisation:
    user = caller(request)
    wanted = _given(payload, {"domains", "version"})
    with changing.together():
        organisations.change(user, row.pk, wanted, version=payload.version)
        if payload.domains is not None:
            organisations.keep_only(user, row.pk, payload.domains)
    return Organisation.objects.prefetch_related("domains").get(pk=row.pk)


def _contact(row: Contact) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "emails": [address.email for address in row.addresses.all()],
        "phones": row.phones,
        "organisation": row.organisation.name if row.organisation else None,
        "language": row.language,
        "language_is_set": row.language_is_set,
        "time_zone": row.time_zone or None,
        "priority": _WORDS[row.priority],
        "standing": row.standing,
        "external_id": row.external_id or None,
        "fields": row.fields,
        "remark": row.remark,
        "version": row.version,
        "created_at": row.created_at,
    }


def _whole(row: Contact) -> dict[str, Any]:
    told = _contact(row)
    written = row.notes.select_related("user")[:50]
    return told | {
        "links": [{"name": each.name, "url": each.url} for each in links(row, told["emails"])],
        "notes": [_note(each) for each in written],
        "merged": list(row.merges.filter(undone_at=None).values_list("gone", flat=True)),
    }


def _note(row: ContactNote) -> dict[str, Any]:
    author = row.user.get_username() if row.user else None
    return {"id": row.pk, "author": author, "text": row.text, "at": row.at}


def _communication(row: Communication) -> dict[str, Any]:
    return {
        "id": row.pk,
        "direction": row.direction,
        "at": _stamp(row.at),
        "conversation": row.conversation_id,
        "number": row.conversation_number,
        "queue": row.queue_name,
        "subject": row.subject,
        "preview": row.preview,
        "message_id": row.message_id,
        "agent": row.user.get_username() if row.user else None,
    }


def _stamp(at: datetime) -> str:
    return at.isoformat()


def _organisation(row: Organisation) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "domains": [each.domain for each in row.domains.all()],
        "external_id": row.external_id or None,
        "fields": {key: value for key, value in row.fields.items() if fields.plain(value)},
        "remark": row.remark,
        "version": row.version,
    }
