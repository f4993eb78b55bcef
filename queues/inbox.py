"""What is seen: every read of the desk, the API and the live updates goes through here.

`access` decides who may see what; its functions are offered here too, as are the numbers of `counting`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, Func, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents.models import Agent
from agents.rights import Person, agent_of, is_administrator
from crm import tracking
from crm.models import Communication, Contact
from queues import kinds, mentioned, ordering
from queues.abilities import gap, teams
from queues.access import (
    attachment,
    conversation,
    conversations_for,
    followed,
    listed_for,
    message,
    queues_for,
)
from queues.counting import MOST, Counts, QueueCounts, capped, counts
from queues.finding import BadMark, Found, Hit, Search, find, hits_of
from queues.finding_asked import Asked, read
from queues.finding_rows import meant, numbered
from queues.listing import ORDERS, PAGE, BadCursor, Listing, Sort, View, after, mark_of
from queues.models import NEVER, Conversation
from queues.timeline import Entry, timeline

__all__ = [
    "PAGE", "BadCursor", "Counts", "Entry", "Listing", "Page", "QueueCounts", "Sort", "View", "attachment",
    "communications", "conversation", "conversations_for", "counts", "followed", "found", "hits_in",
    "listed_for", "loaded", "message", "narrowed", "page", "queues_for", "size", "timeline", "why_waiting",
]  # fmt: skip

State = Conversation.State
NOTHING_ASKED = Asked()
WIDE = {View.ALL, View.QUEUE, View.CLOSED}  # may hold very many
BY_QUEUE = {View.UNASSIGNED, View.PENDING, View.SNOOZED, View.HELD, View.CLOSED}  # one state each


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a search looks: in one queue, in a list that `is_narrow` and may hold few conversations."""

    queue: int | None = None
    is_narrow: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Conversations (with queue, contact, its addresses and agent loaded) and the mark of the next page.

    Of a search, what was `asked`, the mail or note that each conversation was found by, and how far back it
    `reached`, if it ended early.
    `why` says in few words why one stands where it does, where the order is that of routing.
    """

    rows: list[Conversation]
    next: str = ""
    asked: Asked = NOTHING_ASKED
    hits: dict[int, Hit] = field(default_factory=dict)
    reached: datetime | None = None
    why: dict[int, str] = field(default_factory=dict)


def page(user: Person, listing: Listing) -> Page:
    """One page of a list; the number of queries doesn't depend on the number of rows.

    Raises:
        BadCursor: `listing.after` isn't a mark of ours.
    """
    asked = read(listing.text, timezone.localtime())
    if listing.text.strip() and asked.is_empty and not asked.notes:
        return Page([], asked=asked)
    if asked.of_mails or asked.number is not None:
        return _found(user, listing, asked)
    agent = agent_of(user)
    if agent is not None and _is_in_routings_order(user, agent, listing):
        return _offered(user, agent, listing)
    order = listing.order
    rows = after(_viewed(user, listing), listing.after, order)
    if not asked.is_empty:
        rows = rows.filter(meant(user, asked, queues_for(user)).condition)
    rows = rows.order_by(*ORDERS[order])
    if _is_by_queue(user, listing):
        rows = _firsts(user, rows, order, listing.limit + 1)
    rows = loaded(rows)
    found = list(rows[: listing.limit + 1])
    more = len(found) > listing.limit
    found = found[: listing.limit]
    return Page(found, mark_of(found[-1], order) if more else "", asked)


def size(user: Person, listing: Listing) -> str:
    """How many a list holds, as it is told ("999+"); "" where only looking through all mails would say."""
    rows = narrowed(user, listing)
    return "" if rows is None else capped(len(rows.order_by().values_list("pk", flat=True)[:MOST]))


def narrowed(user: Person, listing: Listing) -> QuerySet[Any] | None:
    """What a list holds, unless words of mails are searched in it."""
    asked = read(listing.text, timezone.localtime())
    if asked.of_mails or asked.number is not None:
        return None
    rows = _viewed(user, listing)
    return rows if asked.is_empty else rows.filter(meant(user, asked, queues_for(user)).condition)


def _is_by_queue(user: Person, listing: Listing) -> bool:
    """Whether it is one state in each of many queues."""
    if listing.queue is not None:
        return False
    return listing.view in BY_QUEUE or (listing.view == View.WAITING and _sees_all_that_waits(user))


def _sees_all_that_waits(user: Person) -> bool:
    """An administrator who is a member of no queue, or has no work profile."""
    agent = agent_of(user)
    return agent is None or (is_administrator(user) and not agent.queues.exists())


def _firsts(user: Person, rows: QuerySet[Any], order: Sort, limit: int) -> QuerySet[Any]:
    """The first of these rows, which an index gives in order for each queue, however many there are.

    Asked for at once, the planner would rather read all rows of all queues, and join them with everything.
    """
    here = rows.filter(queue=OuterRef("pk")).values("pk")[:limit]
    of_each = Func(ArraySubquery(here), function="unnest", output_field=BigIntegerField())
    every = Conversation.objects.annotate(due=Coalesce("due_at", NEVER)).order_by(*ORDERS[order])
    first = every.filter(pk__in=queues_for(user).order_by().values_list(of_each))
    return every.filter(pk__in=list(first.values_list("pk", flat=True)[:limit]))


def loaded(rows: QuerySet[Any]) -> QuerySet[Any]:
    """With what a row of a list shows: queue, contact and its addresses, agent, tags."""
    return rows.select_related("queue", "contact", "kind", "agent__user").prefetch_related(
        "contact__addresses", "tags"
    )


def _found(user: Person, listing: Listing, asked: Asked) -> Page:
    """A page of what a search finds in this list, newest hit first."""
    rows = _viewed(user, listing)
    is_narrow = listing.view not in WIDE or listing.agent is not None or listing.contact is not None
    scope = Scope(listing.queue, is_narrow)
    pks, found = _search(user, rows, asked, scope, (listing.limit, listing.after))
    known = loaded(rows).in_bulk(pks)
    hits = {hit.conversation_id: hit for hit in found.hits}
    return Page([known[pk] for pk in pks if pk in known], found.next, asked, hits, found.reached)


def found(
    user: Person, rows: QuerySet[Conversation], text: str, limit: int, after: str = ""
) -> tuple[list[Conversation], str]:
    """A page of those of the conversations that match a search, and the mark of the next page.

    Raises:
        BadCursor: `after` isn't a mark of ours.
        TooBroad: it takes too long.
    """
    asked = read(text, timezone.localtime())
    pks, page_ = _search(user, rows, asked, Scope(), (limit, after))
    known = rows.in_bulk(pks)
    return [known[pk] for pk in pks if pk in known], page_.next


def hits_in(user: Person, row: Conversation, asked: Asked) -> list[Hit]:
    """The mails and notes of a conversation, which the caller may see, that match; the newest first."""
    search = Search(asked, Conversation.objects.filter(pk=row.pk), user=user)
    return hits_of(search, row.pk) if asked.marked else []


def _search(
    user: Person, rows: QuerySet[Conversation], asked: Asked, scope: Scope, part: tuple[int, str]
) -> tuple[list[int], Found]:
    """The ids of a page, first the conversation whose number was asked for; `part` is its length and mark."""
    if asked.is_empty:
        return [], Found()
    said = meant(user, asked, queues_for(user))
    allowed = None if is_administrator(user) else frozenset(queues_for(user).values_list("pk", flat=True))
    here = None if scope.queue is None else frozenset([scope.queue])
    wanted = [each for each in (allowed, here, said.queues) if each is not None]
    queues = tuple(frozenset.intersection(*wanted)) if wanted else None
    rows = rows.filter(said.condition)
    by_number = list(rows.filter(pk__in=numbered(asked.number)).values_list("pk", flat=True))
    rows = rows.exclude(pk__in=by_number)
    try:
        found = find(Search(asked, rows, queues, scope.is_narrow or said.is_narrow, user), *part)
    except BadMark as error:
        raise BadCursor(str(error)) from error
    first = by_number if not part[1] else []
    return [*first, *(hit.conversation_id for hit in found.hits)], found


def _is_in_routings_order(user: Person, agent: Agent, listing: Listing) -> bool:
    """Whether the list is what the agent would get next, all of it: what is searched is due first."""
    narrowed = listing.text.strip() or listing.state or listing.queue or listing.agent or listing.contact
    narrowed = narrowed or listing.sort
    if listing.view != View.WAITING or narrowed:
        return False
    return not is_administrator(user) or agent.queues.exists()


def _offered(user: Person, agent: Agent, listing: Listing) -> Page:
    """A page in the order of routing."""
    kinds.fill()
    try:
        mark = ordering.read_mark(listing.after) if listing.after else ordering.Mark(timezone.now())
    except ValueError as error:
        raise BadCursor(f"“{listing.after[:50]}” is not a page of this list.") from error
    found = ordering.page(agent, mark, listing.limit + 1)
    shown = {place.conversation_id: place for place in found[: listing.limit]}
    rows = listed_for(user).filter(state=State.WAITING)
    known = loaded(rows).in_bulk(list(shown))
    last = found[listing.limit - 1] if len(found) > listing.limit else None
    after = ordering.Mark(mark.at, last.effective, last.due_tick, last.conversation_id) if last else ""
    why = {pk: place.sentence for pk, place in shown.items() if place.sentence}
    return Page([known[pk] for pk in shown if pk in known], str(after), why=why)


def _viewed(user: Person, listing: Listing) -> QuerySet[Any]:
    rows: QuerySet[Any] = listed_for(user).filter(_in_view(user, listing))
    rows = rows.annotate(due=Coalesce("due_at", NEVER))
    wanted = {"queue": listing.queue, "agent": listing.agent, "contact": listing.contact}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    if listing.state:
        rows = rows.filter(state=listing.state)
    return rows


def _in_view(user: Person, listing: Listing) -> Q:
    agent = agent_of(user)
    match listing.view:
        case View.MINE:
            return Q(agent=agent, state=State.ASSIGNED) if agent else Q(pk__in=[])
        case View.WAITING:
            return Q(state=State.WAITING) & (_offered_to(user, agent) if agent else Q())
        case View.QUEUE:
            return ~Q(state=State.CLOSED) & ~Q(state=State.HELD)
        case View.UNASSIGNED:
            return Q(state=State.WAITING)
        case View.CLOSED:
            return Q(state=State.CLOSED, spam_at=None)
        case View.SPAM:
            return Q(spam_at__isnull=False)
        case View.PENDING | View.SNOOZED | View.HELD:
            return Q(state=listing.view.value)
        case View.MENTIONS:
            return mentioned.of(agent) if agent else Q(pk__in=[])
    return Q()


def _offered_to(user: Person, agent: Agent) -> Q:
    """What the agent can handle; an administrator who is a member of no queue sees all that waits."""
    if _sees_all_that_waits(user):
        return Q()
    kinds.fill()
    return ordering.able_kinds(agent)


def communications(
    user: Person, contact: Contact, limit: int = PAGE, before: Communication | None = None
) -> list[Communication]:
    """The contact's timeline, as far as the user may see the conversations in it."""
    allowed = None if is_administrator(user) else conversations_for(user).values("pk")
    return tracking.timeline(contact, limit, before, allowed)


def why_waiting(conversation: Conversation) -> str:
    """Why nobody can handle a waiting conversation now, in a sentence; "" when somebody can."""
    if conversation.state != State.WAITING:
        return ""
    team = teams([conversation.queue_id])[conversation.queue_id]
    own = conversation.skill_demands.values_list("skill__name", "level")
    return gap(conversation.language, team, own)
