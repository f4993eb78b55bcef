"""The other conversations that the page of one tells about: siblings, and those that its history names."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from queues.happenings import Links
from queues.models import Conversation, Event
from queues.named import others
from queues.sayings import told
from queues.siblings import Sibling, siblings
from queues.timeline import Entry
from queues.views.gate import DeskRequest
from queues.views.lists import Place

State = Conversation.State


@dataclass(frozen=True, slots=True)
class Related:
    """Ready for the page; as far as the user may know of them."""

    links: Links
    siblings: list[dict[str, Any]]


def address(row: Conversation, where: Place) -> str:
    """The page of a conversation beside this list."""
    return reverse("conversation", args=[row.pk]) + where.query


def related(
    request: DeskRequest, row: Conversation, where: Place, entries: list[Entry], *, may_merge: bool
) -> Related:
    """Read them; the number of queries doesn't depend on how many there are.

    :param may_merge: whether a hint offers to merge.
    """
    twins = siblings(request.user, row)
    rows = others(request.user, [entry.item for entry in entries if isinstance(entry.item, Event)])
    known = {each.conversation.pk for each in twins if each.conversation}
    whole = {pk for pk, each in rows.items() if each.merged_into_id is None}
    mergeable = frozenset(whole - known if may_merge else ())
    links = Links(rows=rows, here=row.pk, query=where.query, mergeable=mergeable)
    return Related(links, [_told(each, where) for each in twins])


def _told(twin: Sibling, where: Place) -> dict[str, Any]:
    found = twin.conversation
    if found is None:
        return {"queue": twin.queue}
    agent = found.agent if found.state == State.ASSIGNED else None
    return {
        "queue": twin.queue,
        "number": found.number,
        "url": address(found, where),
        "state": _("assigned to %(agent)s") % {"agent": agent}
        if agent
        else told(found.get_state_display().lower()),
    }
