"""What is done on the page of a contact: addresses, notes, merging and its undoing."""

from typing import Any
from uuid import UUID, uuid4

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from agents.rights import is_supervisor
from crm import addresses, duplicates, notes, wording
from crm.columns import OWN
from crm.facts import named
from crm.fields import definitions
from crm.models import Contact, Organisation
from crm.refusals import AddressTaken, ContactRefused
from queues import contact_merging
from queues import contacts as seen
from queues.contact_merging import Foreseen
from queues.presentation import contact_name, language_name, person
from queues.views.contact_gate import contact_page, for_supervisors, frame, gone_to, number
from queues.views.contacts import shown
from queues.views.gate import DeskRequest, with_event

MOST_CHOICES = 8


@require_POST
@contact_page
def address(request: DeskRequest, pk: int) -> HttpResponse:
    """Add an address, remove one, or let one stand first."""
    row = seen.contact(request.user, pk)
    email, what = request.POST.get("email", ""), request.POST.get("do", "add")
    acts = {"add": addresses.add, "remove": addresses.remove, "primary": addresses.make_primary}
    try:
        acts.get(what, addresses.add)(request.user, row.pk, email)
    except AddressTaken as taken:
        return _taken(request, row, taken)
    return shown(request, row.pk)


def _taken(request: DeskRequest, row: Contact, taken: AddressTaken) -> HttpResponse:
    """Who has the address, if the user may know, and the way to merge the two."""
    other = seen.contacts_for(request.user).filter(pk=taken.contact_id).first()
    if other is None:
        raise taken
    context = {"sentence": taken.sentence, "other": other, "other_name": contact_name(other), "contact": row}
    context["can_merge"] = is_supervisor(request.user)
    response = render(request, "contacts/taken.html", context, status=409)
    response["HX-Retarget"], response["HX-Reswap"] = "#address-refusal", "innerHTML"
    return response


@require_POST
@contact_page
def note(request: DeskRequest, pk: int) -> HttpResponse:
    """Write a note, or remove one."""
    row = seen.contact(request.user, pk)
    removed = number(request.POST.get("remove", ""))
    if removed is not None:
        notes.remove(request.user, row.pk, removed, may_all=is_supervisor(request.user))
        return shown(request, row.pk)
    notes.add(request.user, row.pk, request.POST.get("text", ""), _token(request))
    return with_event(shown(request, row.pk), "contact:noted", {"token": str(uuid4())})


def _token(request: DeskRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("token", ""))
    except ValueError:
        return None


@require_POST
@contact_page
def apart(request: DeskRequest, pk: int) -> HttpResponse:
    """Two people who only have the same name."""
    for_supervisors(request)
    row = seen.contact(request.user, pk)
    other = seen.contact(request.user, number(request.POST.get("other", "")) or 0)
    duplicates.set_apart(request.user, row.pk, other.pk)
    return shown(request, row.pk)


@require_http_methods(["GET", "POST"])
@contact_page
def merge(request: DeskRequest, pk: int) -> HttpResponse:
    """Choose the contact that is to have everything of this one; see what that does; do it."""
    for_supervisors(request)
    row = seen.contact(request.user, pk)
    asked = number((request.POST if request.method == "POST" else request.GET).get("into", ""))
    chosen = seen.contact(request.user, asked) if asked else None
    if request.method == "POST":
        if chosen is None:
            raise ContactRefused(_("Choose a contact first."))
        done = contact_merging.merge(request.user, row, chosen)
        return gone_to(reverse("contact", args=[done.stays_id]))
    context: dict[str, Any] = {"contact": row, "contact_name": contact_name(row), "chosen": chosen}
    if request.htmx.target == "merge-choices":
        context["choices"] = _choices(request, row)
        return render(request, "contacts/merge_choices.html", context)
    if chosen is not None:
        context |= {"chosen_name": contact_name(chosen)} | _told(request, row, chosen)
    if request.htmx.target == "merge-foreseen":
        return render(request, "contacts/merge_foreseen.html", context)
    context["choices"] = _choices(request, row, chosen)
    title = _("Merge %(name)s") % {"name": contact_name(row)}
    return render(request, "contacts/merge.html", frame(request, "contacts", title) | context)


def _choices(request: DeskRequest, row: Contact, chosen: Contact | None = None) -> list[dict[str, Any]]:
    """What is searched; before that, who is probably the same."""
    text = request.GET.get("find", "").strip()[:100]
    if text:
        found, _next = seen.found(request.user, text, limit=MOST_CHOICES + 1)
    else:
        found = [*([chosen] if chosen else []), *duplicates.suggestions(row, seen.contacts_for(request.user))]
    unique = {each.pk: each for each in found if each.pk != row.pk}
    return [
        {
            "pk": each.pk,
            "who": person(contact_name(each)),
            "emails": [address.email for address in each.addresses.all() if address.email],
        }
        for each in list(unique.values())[:MOST_CHOICES]
    ]


def _told(request: DeskRequest, gone: Contact, stays: Contact) -> dict[str, Any]:
    try:
        found = contact_merging.foresee(request.user, gone, stays)
    except ContactRefused as refusal:
        return {"refusal": refusal.sentence}
    return {"foreseen": found, "taken": _taken_over(found), "dropped": _dropped(found)}


def _taken_over(found: Foreseen) -> list[tuple[str, str]]:
    labels = {each.key: each.label for each in definitions()}
    told: list[tuple[str, str]] = []
    for name, value in found.plan.taken.items():
        if name == "fields":
            told += [(labels.get(key, key), wording.value_of(OWN + key, each)) for key, each in value.items()]
        else:
            told.append((named(name), _worded(name, value)))
    return told


def _dropped(found: Foreseen) -> list[tuple[str, str, str]]:
    labels = {OWN + each.key: each.label for each in definitions()}
    return [
        (labels.get(name) or named(name), _worded(name, theirs), _worded(name, ours))
        for name, theirs, ours in found.plan.dropped
    ]


def _worded(name: str, value: Any) -> str:
    if name == "organisation":
        return Organisation.objects.filter(pk=value).values_list("name", flat=True).first() or ""
    if name == "language":
        return language_name(str(value))
    return wording.value_of(name, value)


@require_POST
@contact_page
def undo(request: DeskRequest, pk: int) -> HttpResponse:
    """Take a merge back."""
    for_supervisors(request)
    done = contact_merging.undo(request.user, seen.merge(request.user, pk))
    return gone_to(reverse("contact", args=[done.gone_id]))
