"""The organisations: a list, and one with its members and its domains."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.rights import is_supervisor
from crm import fields, organisations
from crm.models import ContactField, Organisation
from queues import contacts as seen
from queues.presentation import contact_name, person
from queues.views.contact_gate import contact_page, for_supervisors, frame, gone_to, number
from queues.views.contacts import MOST_CHANGES, own_field, own_values, told_changes
from queues.views.gate import DeskRequest

MOST_SHOWN = 50
MOST_OFFERED = 10


@require_http_methods(["GET", "POST"])
@contact_page
def listed(request: DeskRequest) -> HttpResponse:
    """All that the user sees, by name; a supervisor makes one."""
    if request.method == "POST":
        for_supervisors(request)
        row = organisations.make(request.user, request.POST.get("name", ""))
        return gone_to(reverse("organisation", args=[row.pk]))
    text, after = request.GET.get("q", "").strip()[:100], request.GET.get("after", "")[:200]
    rows = seen.organisations_for(request.user).prefetch_related("domains")
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(domains__domain__startswith=text.lower())).distinct()
    found = list(rows.filter(name__gt=after).order_by("name")[: MOST_SHOWN + 1])
    page = found[:MOST_SHOWN]
    context = {
        "text": text,
        "rows": _with_counts(request, page),
        "next": page[-1].name if len(found) > MOST_SHOWN else "",
        "after": after,
    }
    if request.htmx:
        return render(request, "contacts/organisation_rows.html", context)
    title = _("Organisations")
    return render(request, "contacts/organisations.html", frame(request, "organisations", title) | context)


@require_GET
@contact_page
def names(request: DeskRequest) -> HttpResponse:
    """Organisations whose names begin so, to choose from while one types."""
    text = request.GET.get("organisation", "").strip()[:100]
    rows = seen.organisations_for(request.user).filter(name__istartswith=text)[:MOST_OFFERED]
    found = [row.name for row in rows] if text else []
    return render(request, "contacts/organisation_names.html", {"names": found})


def _with_counts(request: DeskRequest, rows: list[Organisation]) -> list[dict[str, Any]]:
    members = seen.contacts_for(request.user).filter(organisation__in=rows).order_by()
    counts = dict(members.values_list("organisation").annotate(number=Count("pk")))
    return [{"row": row, "count": counts.get(row.pk, 0)} for row in rows]


def _one(request: DeskRequest, pk: int) -> Organisation:
    return get_object_or_404(seen.organisations_for(request.user), pk=pk)


@require_GET
@contact_page
def organisation(request: DeskRequest, pk: int) -> HttpResponse:
    """One organisation; only more of its members when those are asked for."""
    row = _one(request, pk)
    if request.htmx.target == "more-members":
        return render(request, "contacts/members.html", {"organisation": row} | _members(request, row))
    context = frame(request, "organisations", row.name) | _parts(request, row)
    return render(request, "contacts/organisation.html", context)


def _parts(request: DeskRequest, row: Organisation) -> dict[str, Any]:
    defined = fields.definitions(ContactField.Of.ORGANISATION)
    now = timezone.now()
    known = [{"label": _("Id in the CRM"), "text": row.external_id}] if row.external_id else []
    changes = row.changes.select_related("user")[:MOST_CHANGES]
    return {
        "organisation": row,
        "facts": known + fields.told(row.fields, defined),
        "domains": list(row.domains.all()),
        "changes": told_changes(changes, defined, now),
        "may_change": is_supervisor(request.user),
    } | _members(request, row)


def _members(request: DeskRequest, row: Organisation) -> dict[str, Any]:
    """Those that the user sees, the newest first."""
    after = number(request.GET.get("after", ""))
    rows = seen.contacts_for(request.user).filter(organisation=row).prefetch_related("addresses")
    if after is not None:
        rows = rows.filter(pk__lt=after)
    found = list(rows.order_by("-pk")[: MOST_SHOWN + 1])
    page = found[:MOST_SHOWN]
    members = [
        {
            "pk": each.pk,
            "who": person(contact_name(each)),
            "emails": [address.email for address in each.addresses.all()],
        }
        for each in page
    ]
    return {"members": members, "next": page[-1].pk if len(found) > MOST_SHOWN else 0}


@require_POST
@contact_page
def domain(request: DeskRequest, pk: int) -> HttpResponse:
    """Add a domain or take one away."""
    for_supervisors(request)
    row = _one(request, pk)
    name = request.POST.get("domain", "")
    if request.POST.get("do") == "remove":
        organisations.remove_domain(request.user, row.pk, name)
    else:
        organisations.add_domain(request.user, row.pk, name, adopt="adopt" in request.POST)
    return render(request, "contacts/organisation_parts.html", _parts(request, _one(request, pk)))


@require_http_methods(["GET", "POST"])
@contact_page
def edit(request: DeskRequest, pk: int) -> HttpResponse:
    """The form of an organisation."""
    for_supervisors(request)
    row = _one(request, pk)
    if request.method == "POST":
        given = request.POST
        wanted: dict[str, Any] = {name: given.get(name, "") for name in ("name", "remark", "external_id")}
        version = number(given.get("version", ""))
        organisations.change(request.user, row.pk, wanted | {"fields": own_values(request)}, version=version)
        return gone_to(reverse("organisation", args=[row.pk]))
    defined = fields.definitions(ContactField.Of.ORGANISATION)
    context = {"organisation": row, "own": [own_field(each, row.fields.get(each.key)) for each in defined]}
    page = frame(request, "organisations", row.name) | context
    return render(request, "contacts/organisation_edit.html", page)
