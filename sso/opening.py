"""Opening what is sealed: with the right and a typed reason only, and a row in the audit log each time."""

from dataclasses import dataclass

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from audit.acts import Act
from audit.log import record

RIGHT = "sso.open_sealed"
SHORTEST_REASON, LONGEST_REASON = 5, 500


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is to be opened.

    :param what: its words, as they follow “Open ”.
    :param back: the page to go back to.
    """

    row: Model
    what: str
    back: str


def may(request: HttpRequest) -> bool:
    """Whether who asks has the right."""
    return request.user.has_perm(RIGHT)


def reason(request: HttpRequest, sealed: Sealed) -> str | HttpResponse:
    """Why somebody opens it, once that is in the audit log; until then the page that asks for it.

    :raises PermissionDenied: without the right.
    """
    if not may(request):
        raise PermissionDenied
    if request.method != "POST":
        return page(request, sealed)
    typed = " ".join(request.POST.get("reason", "").split())[:LONGEST_REASON]
    if len(typed) < SHORTEST_REASON:
        return page(request, sealed, "Say in a few words why; it is kept in the audit log.")
    record(request.user, Act.OPENED, sealed.row, note=f"Opened {sealed.what}.", reason=typed)
    return typed


def page(request: HttpRequest, sealed: Sealed, wrong: str = "") -> HttpResponse:
    """The question.

    :param wrong: why it is asked again.
    """
    context = {
        **admin.site.each_context(request),
        "opts": sealed.row._meta,
        "title": f"Open {sealed.what}",
        "sealed": sealed,
        "wrong": wrong,
        "longest": LONGEST_REASON,
    }
    return render(request, "admin/open_sealed.html", context, status=400 if wrong else 200)
