"""The links on the left of the desk, with their numbers."""

from typing import Any

from django.utils.translation import gettext

from agents.rights import is_supervisor
from queues import inbox
from queues.counting import capped
from queues.inbox import Counts, View
from queues.models import EmailQueue, SavedView
from queues.saved_counts import saved_counts
from queues.views.gate import DeskRequest
from queues.views.places import ICONS, LABELS, Place


def navigation(request: DeskRequest, where: Place) -> dict[str, Any]:
    """The links on the left with their numbers; without a queue there is no list that could hold anything."""
    counts = inbox.counts(request.user)
    queues = [_queue_link(queue, counts, where) for queue in inbox.queues_for(request.user)]
    views = [view for view in LABELS if _is_linked(view, counts, where)] if queues else []
    return {
        "views": [_view_link(view, counts, where) for view in views],
        "saved": [_saved_link(view, number, where) for view, number in saved_counts(request.user)],
        "queues": queues,
        "team": is_supervisor(request.user),
    }


def _is_linked(view: View, counts: Counts, where: Place) -> bool:
    rare = {View.HELD: counts.held, View.SPAM: counts.spam}
    return rare.get(view, 1) > 0 or where.view == view


def _view_link(view: View, counts: Counts, where: Place) -> dict[str, Any]:
    numbers = {
        View.MENTIONS: counts.mentions,
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
        "label": str(LABELS[view]),
        "count": capped(numbers.get(view, 0)),
        "strong": view in (View.MINE, View.MENTIONS),
        "current": where.view == view and where.saved is None,
    }


def _queue_link(queue: EmailQueue, counts: Counts, where: Place) -> dict[str, Any]:
    numbers = counts.queues.get(queue.pk, inbox.QueueCounts())
    return {
        "key": f"queue-{queue.pk}",
        "url": f"/?queue={queue.pk}",
        "icon": "queue",
        "label": queue.name,
        "title": gettext("%(queue)s: %(waiting)s waiting, %(assigned)s assigned")
        % {"queue": queue.name, "waiting": numbers.waiting, "assigned": numbers.assigned},
        "strong": capped(numbers.waiting),
        "count": capped(numbers.assigned),
        "current": where.saved is None and where.queue is not None and where.queue.pk == queue.pk,
    }


def _saved_link(view: SavedView, number: int | None, where: Place) -> dict[str, Any]:
    return {
        "key": f"saved-{view.pk}",
        "url": f"/?saved={view.pk}",
        "icon": view.icon,
        "label": view.name,
        "title": f"{view.name} · {view.team.name}" if view.team else view.name,
        "count": capped(number) if number is not None else "",
        "current": where.saved is not None and where.saved.pk == view.pk,
    }
