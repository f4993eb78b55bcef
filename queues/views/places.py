"""Where on the desk somebody is: one list of it, what is searched there and in which order."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.utils.translation import gettext_noop as _

from agents.rights import agent_of
from queues import inbox, saved
from queues.inbox import Listing, Sort, View
from queues.models import EmailQueue, SavedView
from queues.views.gate import DeskRequest

LABELS = {
    View.MINE: gettext_lazy("Mine"),
    View.WAITING: gettext_lazy("Waiting for me"),
    View.MENTIONS: gettext_lazy("Mentions"),
    View.UNASSIGNED: gettext_lazy("Unassigned"),
    View.PENDING: gettext_lazy("Customer’s turn"),
    View.SNOOZED: pgettext_lazy("conversations", "Snoozed"),
    View.HELD: pgettext_lazy("conversations", "Held"),
    View.CLOSED: pgettext_lazy("conversations", "Closed"),
    View.SPAM: gettext_lazy("Spam"),
    View.ALL: gettext_lazy("All"),
}
ICONS = {View.WAITING: "waiting", View.ALL: "all"}
SORTS = (
    ("", _("Usual order")),
    (Sort.DUE, _("Due first")),
    (Sort.NEWEST, _("Newest first")),
    (Sort.OLDEST, _("Oldest first")),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the desk somebody is: one view or one queue, and what they search there."""

    view: View
    queue: EmailQueue | None
    text: str
    sort: str = ""
    saved: SavedView | None = None

    @property
    def title(self) -> str:
        """The heading of the list."""
        if self.saved:
            return self.saved.name
        return self.queue.name if self.queue else str(LABELS[self.view])

    @property
    def scope(self) -> str:
        """The same for the same list: what may be patched, not replaced."""
        if self.saved:
            return f"saved-{self.saved.pk}"
        return f"queue-{self.queue.pk}" if self.queue else self.view.value

    @property
    def parameter(self) -> tuple[str, str]:
        """Name and value that lead here."""
        if self.saved:
            return ("saved", str(self.saved.pk))
        return ("queue", str(self.queue.pk)) if self.queue else ("view", self.view.value)

    @property
    def query(self) -> str:
        """The same as the end of an address."""
        text = self.saved.text if self.saved else ""
        sort = self.saved.sort if self.saved else ""
        more = [("q", self.text)] if self.text != text else []
        more += [("sort", self.sort)] if self.sort != sort else []
        return "?" + urlencode([self.parameter, *more])

    def listing(self, **extra: Any) -> Listing:
        """What to ask `inbox` for."""
        pk = self.queue.pk if self.queue else None
        listing = Listing(view=self.view, queue=pk, text=self.text, sort=self.sort)
        return replace(listing, **extra)


def place(request: DeskRequest) -> Place:
    """Read it from the address; what makes no sense is the start page."""
    asked: QueryDict = request.GET
    text, sort = asked.get("q", "").strip()[:200], asked.get("sort", "")
    sort = sort if sort in list(Sort) else ""
    pk = _number(asked.get("saved", ""))
    kept = saved.visible(request.user).filter(pk=pk).first() if pk else None
    if kept is not None:
        return _saved(kept, asked, text, sort)
    pk = _number(asked.get("queue", ""))
    queue = inbox.queues_for(request.user).filter(pk=pk).first() if pk else None
    if queue is not None:
        return Place(View.QUEUE, queue, text, sort)
    known = {view.value: view for view in LABELS}
    view = known.get(asked.get("view", ""))
    if view is not None:
        return Place(view, None, text, sort)
    return _start(request, asked, text, sort)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _saved(view: SavedView, asked: QueryDict, text: str, sort: str) -> Place:
    """What was saved, unless the address says something else to search or another order."""
    text = text if "q" in asked else view.text
    sort = sort if "sort" in asked else view.sort
    known = {each.value: each for each in (*LABELS, View.QUEUE)}
    return Place(known.get(view.view, View.ALL), view.queue, text, sort, view)


def _start(request: DeskRequest, asked: QueryDict, text: str, sort: str) -> Place:
    chosen = saved.start(request.user) if not text else None
    if chosen is not None and chosen.saved is not None:
        return _saved(chosen.saved, asked, text, sort)
    known = {view.value: view for view in LABELS}
    usual = View.MINE if agent_of(request.user) else View.UNASSIGNED
    return Place(known.get(chosen.view, usual) if chosen else usual, None, text, sort)
