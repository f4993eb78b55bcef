"""The contacts: a list that is searched, one contact with all mail of it, its form."""

import json
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from agents.models import Language
from agents.rights import is_supervisor
from audit.acts import Act
from audit.log import Subject, record
from crm import contacts as changing
from crm import duplicates, exporting, facts, fields, wording
from crm.links import links
from crm.models import Communication, Contact, ContactChange, ContactField, Organisation
from crm.zones import zones
from queues import contact_merging, inbox
from queues import contacts as seen
from queues.contacts import Asked
from queues.presentation import NO_SUBJECT, age, clock, contact_name, language_name, person
from queues.views.contact_gate import contact_page, for_supervisors, frame, gone_to, number
from queues.views.gate import DeskRequest

MOST_CHANGES = 30
TRAIL = 30


@require_GET
@contact_page
def listed(request: DeskRequest) -> HttpResponse:
    """All that the user sees, or what is searched; only the rows when those are asked for."""
    text = request.GET.get("q", "").strip()[:100]
    after = number(request.GET.get("after", "")) or 0
    found, following = seen.found(request.user, text, after)
    context = {"text": text, "rows": [_line(row) for row in found], "next": following, "after": after}
    if request.htmx:
        return render(request, "contacts/rows.html", context)
    return render(request, "contacts/list.html", frame(request, "contacts", _("Contacts")) | context)


def _line(row: Contact) -> dict[str, Any]:
    emails = [each.email for each in row.addresses.all() if each.email]
    return {
        "pk": row.pk,
        "who": person(contact_name(row)),
        "emails": emails,
        "organisation": row.organisation,
        "language": language_name(row.language),
        "standing": row.standing,
        "standing_label": row.get_standing_display(),
    }


@require_GET
@contact_page
def export(request: DeskRequest) -> HttpResponse:
    """The contacts that a supervisor sees, as a table."""
    for_supervisors(request)
    record(request.user, Act.EXPORTED, Subject("crm.contact", "contacts as CSV"))
    name = f"contacts-{timezone.localdate():%Y-%m-%d}.csv"
    answer = StreamingHttpResponse(
        exporting.table(seen.contacts_for(request.user)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    return cast(HttpResponse, answer)


@require_http_methods(["GET", "POST"])
@contact_page
def new(request: DeskRequest) -> HttpResponse:
    """Make a contact by hand."""
    for_supervisors(request)
    if request.method == "POST":
        row = changing.make(request.user, request.POST.get("name", ""), request.POST.get("email", ""))
        return gone_to(reverse("contact", args=[row.pk]))
    return render(request, "contacts/new.html", frame(request, "contacts", _("New contact")))


@require_GET
@contact_page
def contact(request: DeskRequest, pk: int) -> HttpResponse:
    """One contact with everything about it."""
    row = seen.contact(request.user, pk)
    if row.pk != pk:
        return redirect("contact", row.pk)
    context = frame(request, "contacts", contact_name(row)) | parts(request, row)
    return render(request, "contacts/contact.html", context)


def shown(request: DeskRequest, pk: int) -> HttpResponse:
    """The parts of a contact's page as they are now, after something was done."""
    row = seen.contact(request.user, pk)
    return render(request, "contacts/contact_parts.html", parts(request, row))


def parts(request: DeskRequest, row: Contact) -> dict[str, Any]:
    """Everything that the page of a contact says; the number of queries doesn't depend on how much it is."""
    now = timezone.now()
    addresses = list(row.addresses.all())
    emails = [each.email for each in addresses if each.email]
    defined = fields.definitions()
    can_merge = is_supervisor(request.user) and bool(emails)
    twins = duplicates.suggestions(row, seen.contacts_for(request.user)) if can_merge else []
    return {
        "contact": row,
        "who": person(contact_name(row)),
        "addresses": addresses,
        "is_known": bool(emails) or not addresses,
        "facts": _facts(row, defined, now),
        "links": links(row, emails),
        "note_token": uuid4(),
        "notes": [_note(each, request, now) for each in row.notes.select_related("user")[:50]],
        "changes": _changes(row, defined, now),
        "merges": contact_merging.merges_of(request.user, row),
        "twins": [_line(each) for each in twins],
        "can_merge": can_merge,
        "queues": list(inbox.queues_for(request.user)),
    } | trail_of(request, row)


def _facts(row: Contact, defined: list[ContactField], now: datetime) -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = [
        {"label": facts.named("organisation"), "text": row.organisation, "url": _firm(row.organisation)},
        *({"label": _("Phone"), "text": each, "tel": each} for each in row.phones),
        {"label": facts.named("language"), "text": language_name(row.language)},
        {"label": facts.named("time_zone"), "text": row.time_zone, "zone": row.time_zone},
        {"label": facts.named("external_id"), "text": row.external_id},
    ]
    if row.priority != Contact.Priority.NONE:
        known.append({"label": _("New mail is"), "text": row.get_priority_display()})
    known += fields.told(row.fields, defined)
    known.append({"label": _("First seen"), "text": clock(row.created_at), "iso": _iso(row.created_at)})
    return [each for each in known if each["text"] or each.get("missing")]


def _firm(organisation: Organisation | None) -> str:
    return reverse("organisation", args=[organisation.pk]) if organisation else ""


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _note(note: Any, request: DeskRequest, now: datetime) -> dict[str, Any]:
    name = (
        (note.user.get_full_name() or note.user.get_username()) if note.user else _("Somebody who has left")
    )
    return {
        "pk": note.pk,
        "who": person(name),
        "text": note.text,
        "at": clock(note.at),
        "iso": _iso(note.at),
        "age": age(note.at, now),
        "may_remove": note.user_id == request.user.pk or is_supervisor(request.user),
    }


def _changes(row: Contact, defined: list[ContactField], now: datetime) -> list[dict[str, Any]]:
    return told_changes(row.changes.select_related("user")[:MOST_CHANGES], defined, now)


def told_changes(rows: Any, defined: list[ContactField], now: datetime) -> list[dict[str, Any]]:
    """The history of a contact or an organisation, in words."""
    labels = {each.key: each.label for each in defined}
    found: list[ContactChange] = list(rows)
    return [
        {
            "who": wording.who(each),
            "sentence": wording.sentence(each, labels),
            "at": clock(each.at),
            "iso": _iso(each.at),
            "age": age(each.at, now),
        }
        for each in found
    ]


@require_GET
@contact_page
def trail(request: DeskRequest, pk: int) -> HttpResponse:
    """The mails of a contact: filtered, searched, continued."""
    row = seen.contact(request.user, pk)
    return render(request, "contacts/trail.html", {"contact": row} | trail_of(request, row))


def trail_of(request: DeskRequest, row: Contact) -> dict[str, Any]:
    """A page of the mails with a contact over all queues that the user sees."""
    given = request.GET
    wanted = Asked(
        direction=given.get("direction", ""),
        queue=number(given.get("queue", "")),
        text=given.get("text", "").strip()[:100],
        before=_mark(given.get("before", "")),
        limit=TRAIL,
    )
    found = seen.trail(request.user, row, wanted)
    now = timezone.now()
    last = found.rows[-1] if found.has_more else None
    return {
        "trail": [_mail(each, now) for each in found.rows],
        "before": f"{_iso_exact(last.at)}_{last.pk}" if last else "",
        "is_first": wanted.before is None,
        "is_narrowed": bool(wanted.direction or wanted.queue or wanted.text),
        "hidden": found.hidden,
        "hidden_is_most": found.hidden >= seen.MOST_COUNTED,
        "asked": wanted,
    }


def _iso_exact(at: datetime) -> str:
    return at.astimezone(timezone.get_default_timezone()).isoformat()


def _mark(text: str) -> tuple[datetime, int] | None:
    stamp, _sep, pk = text.rpartition("_")
    try:
        at, last = datetime.fromisoformat(stamp), number(pk)
    except ValueError:
        return None
    return (at, last) if last is not None and at.tzinfo is not None else None


def _mail(each: Communication, now: datetime) -> dict[str, Any]:
    writer = (each.user.get_full_name() or each.user.get_username()) if each.user else ""
    return {
        "pk": each.pk,
        "url": reverse("conversation", args=[each.conversation_id]),
        "is_out": each.direction == Communication.Direction.OUT,
        "subject": each.subject or str(NO_SUBJECT),
        "preview": each.preview,
        "number": each.conversation_number,
        "queue": each.queue_name,
        "writer": writer,
        "at": clock(each.at),
        "iso": _iso(each.at),
        "age": age(each.at, now),
    }


@require_http_methods(["GET", "POST"])
@contact_page
def edit(request: DeskRequest, pk: int) -> HttpResponse:
    """The form of a contact; what a colleague has changed meanwhile is not overwritten."""
    row = seen.contact(request.user, pk)
    if request.method == "POST":
        with changing.together():
            changing.change(request.user, row.pk, _wanted(request), base=_base(request))
        return gone_to(reverse("contact", args=[row.pk]))
    spoken = list(Language.objects.values_list("tag", flat=True))
    tags = sorted({*spoken, row.language} - {""})
    context = {
        "contact": row,
        "base": json.dumps(facts.facts(row)),
        "languages": [(tag, language_name(tag)) for tag in tags],
        "zones": zones(),
        "priorities": Contact.Priority.choices,
        "standings": Contact.Standing.choices,
        "own": [own_field(each, row.fields.get(each.key)) for each in fields.definitions()],
    }
    return render(request, "contacts/edit.html", frame(request, "contacts", contact_name(row)) | context)


def own_field(field: ContactField, value: Any) -> dict[str, Any]:
    """An own field for a form."""
    text = fields.plain(value)
    choices = [*field.choices, *([text] if text and text not in field.choices else [])]
    return {
        "field": field,
        "value": text,
        "choices": choices if field.kind == ContactField.Kind.CHOICE else [],
    }


def _wanted(request: DeskRequest) -> dict[str, Any]:
    given = request.POST
    names = ("name", "language", "time_zone", "priority", "standing", "phones", "external_id", "remark")
    found: dict[str, Any] = {name: given[name] for name in names if name in given}
    if "organisation" in given:
        firm = seen.organisation_named(request.user, given["organisation"])
        found["organisation"] = firm.pk if firm else None
    return found | {"fields": own_values(request)}


def own_values(request: DeskRequest) -> dict[str, str]:
    """What a form says of own fields, by their keys."""
    return {name[4:]: str(request.POST[name]) for name in request.POST if name.startswith("own.")}


def _base(request: DeskRequest) -> dict[str, Any]:
    try:
        found = json.loads(request.POST.get("base", "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("fields", {}), dict) else {}
