"""The desk: its views and queues, and the list of conversations in one of them."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.rights import agent_of, is_administrator, is_supervisor
from queues import inbox
from queues.abilities import gap, teams
from queues.finding import TooBroad
from queues.finding_shown import marked, marks_of
from queues.finding_shown import shown as shown_lines
from queues.inbox import Counts, Listing, Page, View
from queues.models import Conversation, EmailQueue
from queues.presentation import Columns, Row, day, person, row
from queues.sender_standing import banner
from queues.views.account import presence_menu
from queues.views.gate import DeskRequest, refused, signed_in

LABELS = {
    View.MINE: "Mine",
    View.WAITING: "Waiting for me",
    View.UNASSIGNED: "Unassigned",
    View.PENDING: "Customer’s turn",
    View.SNOOZED: "Snoozed",
    View.HELD: "Held",
    View.CLOSED: "Closed",
    View.ALL: "All",
}
ICONS = {View.WAITING: "waiting", View.ALL: "all"}
EMPTY = {
    View.MINE: ("Nothing on your desk", "Take the next conversation, or look what is waiting."),
    View.WAITING: ("Nothing waits for you", "Everything that you can handle is in somebody’s hands."),
    View.UNASSIGNED: ("Nothing waits", "Every conversation is in somebody’s hands."),
    View.PENDING: (
        "Nobody owes us an answer",
        "Conversations that you have answered wait here for the customer.",
    ),
    View.SNOOZED: ("Nothing is snoozed", "Snoozed conversations come back by themselves."),
    View.HELD: (
        "Nothing is held",
        "What one sender sends too much of waits here for a person.",
    ),
    View.CLOSED: ("Nothing is closed yet", "Closed conversations stay here and can be reopened."),
    View.ALL: ("No conversations yet", "They appear as soon as mail arrives."),
    View.QUEUE: ("This queue is empty", "New mail appears here by itself."),
}
MOST_ROWS = 200  # read again at once by a live update


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the desk somebody is: one view or one queue, and what they search there."""

    view: View
    queue: EmailQueue | None
    text: str

    @property
    def title(self) -> str:
        """The heading of the list."""
        return self.queue.name if self.queue else LABELS[self.view]

    @property
    def scope(self) -> str:
        """The same for the same list: what may be patched, not replaced."""
        return f"queue-{self.queue.pk}" if self.queue else self.view.value

    @property
    def parameter(self) -> tuple[str, str]:
        """Name and value that lead here."""
        return ("queue", str(self.queue.pk)) if self.queue else ("view", self.view.value)

    @property
    def query(self) -> str:
        """The same as the end of an address."""
        return "?" + urlencode([self.parameter, *([("q", self.text)] if self.text else [])])

    def listing(self, **extra: Any) -> Listing:
        """What to ask `inbox` for."""
        listing = Listing(view=self.view, queue=self.queue.pk if self.queue else None, text=self.text)
        return replace(listing, **extra)


def place(request: DeskRequest) -> Place:
    """Read it from the address; what makes no sense is the start page."""
    asked: QueryDict = request.GET
    text = asked.get("q", "").strip()[:200]
    pk = asked.get("queue", "")
    queue = (
        inbox.queues_for(request.user).filter(pk=int(pk)).first() if pk.isascii() and pk.isdigit() else None
    )
    if queue is not None:
        return Place(View.QUEUE, queue, text)
    start = View.MINE if agent_of(request.user) else View.UNASSIGNED
    known = {view.value: view for view in LABELS}
    return Place(known.get(asked.get("view", ""), start), None, text)


@require_GET
@signed_in
def desk(request: DeskRequest) -> HttpResponse:
    """The desk without an open conversation."""
    return show(request, place(request))


def show(request: DeskRequest, where: Place, conversation: dict[str, Any] | None = None) -> HttpResponse:
    """The whole desk, or its panes when the page stands already."""
    context = frame(request, where) | listed(request, where.listing(), where) | (conversation or {})
    return render(request, "desk/panes.html" if request.htmx else "desk/page.html", context)


@require_GET
@signed_in
def rows(request: DeskRequest) -> HttpResponse:
    """The list alone: searched, continued, or brought up to date together with the numbers."""
    where = place(request)
    wanted = request.GET.get("rows", "")
    limit = int(wanted) if wanted.isascii() and wanted.isdigit() else inbox.PAGE
    listing = where.listing(after=request.GET.get("after", ""), limit=min(max(limit, inbox.PAGE), MOST_ROWS))
    try:
        context = listed(request, listing, where)
    except inbox.BadCursor as error:
        return refused(request, str(error))
    if request.htmx.trigger == "refresh":
        context |= {"nav": navigation(request, where), "is_administrator": is_administrator(request.user)}
        return render(request, "desk/refresh.html", context)
    return render(request, "desk/rows.html", context)


def frame(request: DeskRequest, where: Place) -> dict[str, Any]:
    """What stands around the list."""
    agent = agent_of(request.user)
    may_work = agent is not None or is_administrator(request.user)
    name, value = where.parameter
    return {
        "nav": navigation(request, where),
        "me": person(request.user.get_full_name() or request.user.get_username()),
        "agent": agent,
        "is_administrator": is_administrator(request.user),
        **presence_menu(agent),
        "title": where.title,
        "text": where.text,
        "scope": where.scope,
        "scope_name": name,
        "scope_value": value,
        "may_work": may_work,
        "may_compose": may_work,
        "banner": banner(where.queue, timezone.now()) if where.queue else "",
    }


def navigation(request: DeskRequest, where: Place) -> dict[str, Any]:
    """The links on the left with their numbers."""
    counts = inbox.counts(request.user)
    return {
        "views": [_view_link(view, counts, where) for view in LABELS if _is_linked(view, counts, where)],
        "queues": [_queue_link(queue, counts, where) for queue in inbox.queues_for(request.user)],
        "team": is_supervisor(request.user),
    }


def _is_linked(view: View, counts: Counts, where: Place) -> bool:
    return view != View.HELD or counts.held > 0 or where.view == View.HELD


def _view_link(view: View, counts: Counts, where: Place) -> dict[str, Any]:
    numbers = {
        View.MINE: counts.mine,
        View.UNASSIGNED: counts.unassigned,
        View.PENDING: counts.pending,
        View.SNOOZED: counts.snoozed,
        View.HELD: counts.held,
    }
    return {
        "key": view.value,
        "url": f"/?view={view.value}",
        "icon": ICONS.get(view, view.value),
        "label": LABELS[view],
        "count": numbers.get(view, 0),
        "strong": view == View.MINE,
        "current": where.view == view,
    }


def _queue_link(queue: EmailQueue, counts: Counts, where: Place) -> dict[str, Any]:
    numbers = counts.queues.get(queue.pk, inbox.QueueCounts())
    return {
        "key": f"queue-{queue.pk}",
        "url": f"/?queue={queue.pk}",
        "icon": "queue",
        "label": queue.name,
        "title": f"{queue.name}: {numbers.waiting} waiting, {numbers.assigned} assigned",
        "strong": numbers.waiting,
        "count": numbers.assigned,
        "current": where.queue is not None and where.queue.pk == queue.pk,
    }


def listed(request: DeskRequest, listing: Listing, where: Place) -> dict[str, Any]:
    """The rows of a list, formatted.

    Raises:
        BadCursor: `listing.after` is no mark of ours.
    """
    try:
        page = inbox.page(request.user, listing)
    except TooBroad as error:
        return {"rows": [], "query": where.query, "empty": _too_broad(str(error))}
    now = timezone.now()
    needs_somebody = where.view in (View.UNASSIGNED, View.QUEUE)
    reasons = _reasons(page.rows) if needs_somebody else page.why
    columns = Columns(
        queue=where.queue is None,
        state=where.view in (View.QUEUE, View.ALL) or bool(where.text),
        agent=where.view != View.MINE,
    )
    shown = [row(each, now, columns, reasons.get(each.pk, "")) for each in page.rows]
    if where.text:
        shown = _as_found(page, shown)
    return {
        "rows": shown,
        "needs_somebody": needs_somebody,
        "held_here": where.view == View.HELD and bool(shown) and not where.text and not listing.after,
        "may_close_held": is_supervisor(request.user),
        "next": page.next,
        "after": listing.after,
        "query": where.query,
        "empty": _empty(request, where) if not shown and not page.next else None,
        "reached": day(page.reached, now) if page.reached else "",
    } | (_understood(page, where) if where.text and not listing.after else {})


def _as_found(page: Page, shown: list[Row]) -> list[Row]:
    """The rows with the words that were asked for marked, and the line of the mail in which they stand."""
    marks = marks_of(page.asked.marked)
    if not marks:
        return shown
    lines = shown_lines(page.hits.values(), marks)
    return [
        replace(
            each,
            name=marked(each.name, marks),
            subject=marked(each.subject, marks),
            preview=(lines[each.pk].line if each.pk in lines else "") or marked(each.preview, marks),
            in_note=each.pk in lines and lines[each.pk].is_note,
        )
        for each in shown
    ]


def _understood(page: Page, where: Place) -> dict[str, Any]:
    """What the question was taken for, and the question that asks for the other order."""
    asked = page.asked
    text = " ".join(word for word in where.text.split() if not word.lower().startswith("sort:"))
    can_sort = bool(page.rows) and asked.of_mails and bool(asked.marked)
    return {
        "understood": [] if asked.is_plain else asked.understood,
        "other_order": (text if asked.is_best_first else f"{text} sort:best") if can_sort else "",
        "is_best_first": asked.is_best_first,
    }


def _too_broad(sentence: str) -> dict[str, str]:
    return {"key": "search", "icon": "search", "title": "That is too much to look through", "text": sentence}


def _reasons(rows: list[Conversation]) -> dict[int, str]:
    """Why nobody can handle a row now; queries depend on the number of queues at most."""
    waiting = [each for each in rows if each.state == Conversation.State.WAITING]
    known = teams({each.queue_id for each in waiting}) if waiting else {}
    return {each.pk: gap(each.language, known[each.queue_id], _demands(each)) for each in waiting}


def _demands(row: Conversation) -> list[tuple[str, int]]:
    return [(name, level) for name, level in row.kind.demands] if row.kind else []


def _empty(request: DeskRequest, where: Place) -> dict[str, str]:
    if where.text:
        title, text = (
            f"Nothing found for “{where.text}”",
            f"All words must stand in one mail or note. You searched in {where.title}.",
        )
        return {"key": "search", "icon": "search", "title": title, "text": text} | (
            {"link": f"/?{urlencode({'view': 'all', 'q': where.text})}", "link_label": "Search everywhere"}
            if where.view != View.ALL
            else {}
        )
    if not inbox.queues_for(request.user).exists():
        return _no_queue(request)
    title, text = EMPTY[where.view]
    return {"key": where.scope, "icon": ICONS.get(where.view, where.view.value), "title": title, "text": text}


def _no_queue(request: DeskRequest) -> dict[str, str]:
    base = {"key": "no-queue", "icon": "queue"}
    if is_administrator(request.user):
        return base | {
            "title": "There is no email queue yet",
            "text": "Add one, then an email source that fills it and an email sender for the answers.",
            "link": reverse("admin:queues_emailqueue_add"),
            "link_label": "+ add email queue",
        }
    return base | {
        "title": "You are a member of no queue",
        "text": "Ask your administrator to add you to one.",
    }
