"""What the pages of contacts and organisations share: who may open them, what stands around them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from agents.rights import agent_of, is_administrator, is_supervisor
from crm.refusals import ContactRefused
from queues.presentation import person
from queues.views.account import presence_menu
from queues.views.gate import DeskRequest, refused, signed_in

P = ParamSpec("P")
View = Callable[Concatenate[DeskRequest, P], HttpResponse]
Guarded = Callable[Concatenate[HttpRequest, P], HttpResponse]
REFUSAL = "form-refusal"
LONGEST_NUMBER = 19  # digits


def contact_page(view: View[P]) -> Guarded[P]:
    """Let users in; what can't be done is told as a toast, or in the form that has a place for it."""

    @wraps(view)
    def guarded(request: DeskRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ContactRefused as refusal:
            return told(request, refusal.sentence)

    return signed_in(cast(View[P], guarded))


def told(request: DeskRequest, sentence: str) -> HttpResponse:
    """409 with the sentence."""
    if request.htmx.target != REFUSAL:
        return refused(request, sentence)
    response = render(request, "desk/refusal.html", {"sentence": sentence}, status=409)
    response["HX-Retarget"], response["HX-Reswap"] = f"#{REFUSAL}", "innerHTML"
    return response


def for_supervisors(request: DeskRequest) -> None:
    """For everybody else there is no such page."""
    if not is_supervisor(request.user):
        raise Http404("There is nothing here that you may see.")


def for_administrators(request: DeskRequest) -> None:
    """For everybody else there is no such page."""
    if not is_administrator(request.user):
        raise Http404("There is nothing here that you may see.")


def gone_to(url: str) -> HttpResponse:
    """The answer to a form that was accepted: the browser goes there."""
    return HttpResponse(status=204, headers={"HX-Redirect": url})


def frame(request: DeskRequest, page: str, title: str) -> dict[str, Any]:
    """What `contacts/base.html` needs; `page` is the name of an address in the navigation."""
    agent = agent_of(request.user)
    return {
        "pages": [
            {
                "name": name,
                "label": label,
                "url": reverse(name),
                "icon": icon,
                "key": key,
                "current": name == page,
            }
            for name, label, icon, key in _pages(request.user)
        ],
        "title": title,
        "me": person(request.user.get_full_name() or request.user.get_username()),
        "agent": agent,
        "is_administrator": is_administrator(request.user),
        "is_supervisor": is_supervisor(request.user),
        **presence_menu(agent),
    }


def _pages(user: User) -> list[tuple[str, str, str, str]]:
    found = [
        ("contacts", _("Contacts"), "contact", "c"),
        ("organisations", _("Organisations"), "board", "o"),
    ]
    return [*found, ("contact-imports", _("Import"), "download", "i")] if is_administrator(user) else found


def number(text: str) -> int | None:
    """The number of a row that an address or a form gives; None when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < LONGEST_NUMBER else None
