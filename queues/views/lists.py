"""The desk: its views and queues, and the list of conversations in one of them."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from django.views.decorators.http import require_GET

from agents.rights import agent_of, is_administrator, is_supervisor
from queues import bulk, first_steps, inbox, keyboard
from queues.abilities import gap, teams
from queues.finding import TooBroad
from queues.finding_shown import marked, marks_of
from queues.finding_shown import shown as shown_lines
from queues.inbox import Listing, Page, View
from queues.models import Conversation
from queues.presentation import Columns, Row, day, person, row
from queues.sayings import told
from queues.sender_standing import banner
from queues.views.account import presence_menu
from queues.views.gate import DeskRequest, refused, signed_in
from queues.views.navigation import navigation
from queues.views.places import ICONS, LABELS, SORTS, Place, place

__all__ = ["LABELS", "Place", "desk", "frame", "listed", "navigation", "place", "rows", "show"]

EMPTY = {
    View.MINE: (
        _("Nothing on your desk"),
        _("Take the next conversation, or look what is waiting."),
    ),
    View.WAITING: (
        _("Nothing waits for you"),
        _("Everything that you can handle is in somebody’s hands."),
    ),
    View.MENTIONS: (
        _("Nobody has mentioned you"),
        _("Notes with your name after an @ bring a conversation here."),
    ),
    View.UNASSIGNED: (
        _("Nothing waits"),
        _("Every conversation is in somebody’s hands."),
    ),
    View.PENDING: (
        _("Nobody owes us an answer"),
        _("Conversations that you have answered wait here for the customer."),
    ),
    View.SNOOZED: (
        _("Nothing is snoozed"),
        _("Snoozed conversations come back by themselves."),
    ),
    View.HELD: (
        _("Nothing is held"),
        _("What one sender sends too much of waits here for a person."),
    ),
    View.CLOSED: (
        _("Nothing is closed yet"),
        _("Closed conversations stay here and can be reopened."),
    ),
    View.SPAM: (
        _("No spam"),
        _("What somebody says is spam stays here, and more from its sender is held."),
    ),
    View.ALL: (_("No conversations yet"), _("They appear as soon as mail arrives.")),
    View.QUEUE: (_("This queue is empty"), _("New mail appears here by itself.")),
}
MOST_ROWS = 1000  # read again at once by a live update; static/desk/main.js shows no more


@require_GET
@signed_in
def desk(request: DeskRequest) -> HttpResponse:
    """The desk without an open conversation."""
    return show(request, place(request))


def show(request: DeskRequest, where: Place, conversation: dict[str, Any] | None = None) -> HttpResponse:
    """The whole desk, or its panes when the page stands already."""
    context = frame(request, where) | listed(request, where.listing(), where) | (conversation or {})
    if conversation is None:
        context["beginning"] = first_steps.beginning(request.user)
    return render(request, "desk/panes.html" if request.htmx else "desk/page.html", context)


@require_GET
@signed_in
def rows(request: DeskRequest) -> HttpResponse:
    """The list alone: searched, continued, or brought up to date together with the numbers."""
    where = place(request)
    wanted = request.GET.get("rows", "")
    limit = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 9 else inbox.PAGE
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
    nav = navigation(request, where)
    may_work = bool(nav["queues"]) and (agent is not None or is_administrator(request.user))
    name, value = where.parameter
    return {
        "nav": nav,
        "me": person(request.user.get_full_name() or request.user.get_username()),
        "agent": agent,
        "is_administrator": is_administrator(request.user),
        **presence_menu(agent),
        "title": where.title,
        "text": where.text,
        "sort": where.sort,
        "sorts": [(value, gettext(label)) for value, label in SORTS],
        "keyboard": keyboard.columns(is_supervisor=is_supervisor(request.user)),
        "bulk_running": bulk.latest(request.user),
        "scope": where.scope,
        "scope_name": name,
        "scope_value": value,
        "may_work": may_work,
        "may_compose": may_work,
        "banner": told(banner(where.queue, timezone.now())) if where.queue else "",
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
        state=where.view in (View.QUEUE, View.ALL, View.MENTIONS) or bool(where.text),
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
    title = gettext("That is too much to look through")
    return {"key": "search", "icon": "search", "title": title, "text": told(sentence)}


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
            gettext("Nothing found for “%(text)s”") % {"text": where.text},
            gettext("All words must stand in one mail or note. You searched in %(list)s.")
            % {"list": where.title},
        )
        return {"key": "search", "icon": "search", "title": title, "text": text} | (
            {
                "link": f"/?{urlencode({'view': 'all', 'q': where.text})}",
                "link_label": gettext("Search everywhere"),
            }
            if where.view != View.ALL
            else {}
        )
    if not inbox.queues_for(request.user).exists():
        return _no_queue(request)
    title, text = map(gettext, EMPTY[where.view])
    return {"key": where.scope, "icon": ICONS.get(where.view, where.view.value), "title": title, "text": text}


def _no_queue(request: DeskRequest) -> dict[str, str]:
    base = {"key": "no-queue", "icon": "queue"}
    if is_administrator(request.user):
        return base | {
            "title": gettext("There is no email queue yet"),
            "text": gettext(
                "Add one, then an email source that fills it and an email sender for the answers."
            ),
            "link": reverse("admin:queues_emailqueue_add"),
            "link_label": gettext("+ add email queue"),
        }
    return base | {
        "title": gettext("You are a member of no queue"),
        "text": gettext("Ask your administrator to add you to one."),
    }
