"""What every page for supervisors shares: who may open it, and what stands around it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from agents.rights import agent_of, is_administrator, is_supervisor
from queues.presentation import person
from queues.views.account import presence_menu
from queues.views.gate import DeskRequest, signed_in

P = ParamSpec("P")
View = Callable[Concatenate[DeskRequest, P], HttpResponse]
Guarded = Callable[Concatenate[HttpRequest, P], HttpResponse]
LONGEST_NUMBER = 19  # digits


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation; `key` is what is pressed after g."""

    name: str
    label: str
    url: str
    icon: str
    key: str


PAGES = (
    Entry("board", _("Board"), "/board/", "board", "b"),
    Entry("skills", _("Skills"), "/board/skills/", "skills", "k"),
    Entry("shifts", _("Shifts"), "/board/shifts/", "snoozed", "s"),
    Entry("forecast", _("Forecast"), "/board/forecast/", "forecast", "f"),
    Entry("what-if", _("What if"), "/board/what-if/", "whatif", "w"),
    Entry("trace", _("Mail trace"), "/board/trace/", "search", "t"),
)
"""All pages for supervisors, in the order of the navigation."""


def supervisors(view: View[P]) -> Guarded[P]:
    """Let supervisors and administrators in; for everybody else there is no such page."""

    @wraps(view)
    def guarded(request: DeskRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not is_supervisor(request.user):
            raise Http404("There is nothing here that you may see.")
        return view(request, *args, **kwargs)

    return signed_in(cast(View[P], guarded))


def frame(request: DeskRequest, page: str) -> dict[str, Any]:
    """What `reports/base.html` needs; `page` is the name of one of `PAGES`."""
    agent = agent_of(request.user)
    return {
        "pages": [
            asdict(entry) | {"label": gettext(entry.label), "current": entry.name == page} for entry in PAGES
        ],
        "title": gettext(next(entry.label for entry in PAGES if entry.name == page)),
        "page": page,
        "me": person(request.user.get_full_name() or request.user.get_username()),
        "agent": agent,
        "is_administrator": is_administrator(request.user),
        **presence_menu(agent),
    }


def number(text: str) -> int | None:
    """The number of a row that an address or a form gives; None when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < LONGEST_NUMBER else None
