"""What is seen: every read of the desk, the API and the live updates goes through here.

A row that the user may not see raises `Http404`, the same as a row that isn't there.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from django.db.models import Count, Model, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils import timezone

from agents.models import Agent
from agents.rights import Person, agent_of, is_administrator
from crm import tracking
from crm.models import Communication, Contact
from mailsenders.models import OutgoingMail
from queues import kinds, ordering
from queues.abilities import gap, teams
from queues.finding import BadMark, Found, Hit, Search, find, hits_of
from queues.finding_asked import Asked, read
from queues.finding_rows import meant, numbered
from queues.models import Attachment, Conversation, EmailQueue, Event, Message, Note

PAGE = 50
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
State = Conversation.State
Row = TypeVar("Row", bound=Model)


class View(StrEnum):
    """The lists of the desk."""

    MINE = "mine"  # assigned to me, due first
    WAITING = "waiting"  # what I can handle, in the order in which it is offered
    QUEUE = "queue"  # all that is open in one queue
    UNASSIGNED = "unassigned"  # all that waits, able or not
    PENDING = "pending"
    SNOOZED = "snoozed"
    HELD = "held"  # until a person has looked
    CLOSED = "closed"
    ALL = "all"


NOTHING_ASKED = Asked()
WIDE = {View.ALL, View.QUEUE, View.CLOSED}  # may hold very many
DUE_FIRST = {View.MINE, View.WAITING, View.UNASSIGNED}


class BadCursor(ValueError):
    """A page mark that we didn't make."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which conversations a list shows; `after` is the `next` of the page before."""

    view: View = View.MINE
    queue: int | None = None
    text: str = ""
    state: str = ""
    agent: int | None = None
    contact: int | None = None
    after: str = ""
    limit: int = PAGE


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


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Open conversations of one queue."""

    waiting: int = 0
    assigned: int = 0
    pending: int = 0
    snoozed: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers beside the views and the queues."""

    mine: int = 0
    unassigned: int = 0
    pending: int = 0
    snoozed: int = 0
    held: int = 0
    queues: dict[int, QueueCounts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a conversation's story: a message, a note or an event."""

    kind: str
    at: datetime
    item: Message | Note | Event


def queues_for(user: Person) -> QuerySet[EmailQueue]:
    """The queues that a user works in: administrators in all, others where they are a member."""
    if is_administrator(user):
        return EmailQueue.objects.all()
    agent = agent_of(user) if user.is_active else None
    return EmailQueue.objects.filter(members=agent) if agent else EmailQueue.objects.none()


def conversations_for(user: Person) -> QuerySet[Conversation]:
    """The conversations that a user may see."""
    if is_administrator(user):
        return Conversation.objects.all()
    return Conversation.objects.filter(queue__in=queues_for(user))


def listed_for(user: Person) -> QuerySet[Conversation]:
    """Those of them that lists show: all but what was merged into another one."""
    return conversations_for(user).filter(merged_into=None)


def conversation(user: Person, pk: int) -> Conversation:
    """One conversation with its queue, contact and agent, or `Http404`."""
    return _one(_whole(user).filter(pk=pk))


def followed(user: Person, pk: int) -> Conversation:
    """The same; of one that was merged, the one where everything of it is, if the user may see that."""
    row = conversation(user, pk)
    while row.merged_into_id is not None:
        into = _whole(user).filter(pk=row.merged_into_id).first()
        if into is None:
            break
        row = into
    return row


def _whole(user: Person) -> QuerySet[Conversation]:
    return conversations_for(user).select_related("queue__sender", "contact__organisation", "agent__user")


def message(user: Person, pk: int) -> Message:
    """One message with its conversation, raw mail and outgoing mail, or `Http404`."""
    rows = Message.objects.filter(conversation__in=conversations_for(user))
    return _one(rows.select_related("conversation__queue", "outgoing", "raw", "agent__user").filter(pk=pk))


def attachment(user: Person, pk: int) -> Attachment:
    """One file with its message and raw mail, or `Http404`."""
    rows = Attachment.objects.filter(message__conversation__in=conversations_for(user))
    return _one(rows.select_related("message__raw").filter(pk=pk))


def _one(rows: QuerySet[Row]) -> Row:
    row = rows.first()
    if row is None:
        raise Http404("There is nothing here that you may see.")
    return row


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
    due_first = listing.view in DUE_FIRST
    rows = _after(_viewed(user, listing), listing.after, due_first)
    if not asked.is_empty:
        rows = rows.filter(meant(user, asked, queues_for(user)).condition)
    rows = rows.order_by("due", "pk") if due_first else rows.order_by("-last_message_at", "-pk")
    rows = loaded(rows)
    found = list(rows[: listing.limit + 1])
    more = len(found) > listing.limit
    found = found[: listing.limit]
    return Page(found, _mark(found[-1], due_first) if more else "", asked)


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


def hits_in(row: Conversation, asked: Asked) -> list[Hit]:
    """The mails and notes of a conversation, which the caller may see, that match; the newest first."""
    return hits_of(Search(asked, Conversation.objects.filter(pk=row.pk)), row.pk) if asked.marked else []


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
        found = find(Search(asked, rows, queues, scope.is_narrow or said.is_narrow), *part)
    except BadMark as error:
        raise BadCursor(str(error)) from error
    first = by_number if not part[1] else []
    return [*first, *(hit.conversation_id for hit in found.hits)], found


def _is_in_routings_order(user: Person, agent: Agent, listing: Listing) -> bool:
    """Whether the list is what the agent would get next, all of it: what is searched is due first."""
    narrowed = listing.text.strip() or listing.state or listing.queue or listing.agent or listing.contact
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
        case View.PENDING | View.SNOOZED | View.HELD | View.CLOSED:
            return Q(state=listing.view.value)
    return Q()


def _offered_to(user: Person, agent: Agent) -> Q:
    """What the agent can handle; an administrator who is a member of no queue sees all that waits."""
    if is_administrator(user) and not agent.queues.exists():
        return Q()
    kinds.fill()
    return ordering.able_kinds(agent)


def _mark(row: Conversation, due_first: bool) -> str:
    at = (row.due_at or NEVER) if due_first else row.last_message_at
    return f"{(at - EPOCH) // timedelta(microseconds=1)}_{row.pk}"


def _after(rows: QuerySet[Any], mark: str, due_first: bool) -> QuerySet[Any]:
    if not mark:
        return rows
    stamp, _, pk = mark.partition("_")
    try:
        at, last = EPOCH + timedelta(microseconds=int(stamp)), int(pk)
    except (ValueError, OverflowError) as error:
        raise BadCursor(f"“{mark[:50]}” is not a page of this list.") from error
    if due_first:
        return rows.filter(Q(due__gte=at) & (Q(due__gt=at) | Q(pk__gt=last)))
    return rows.filter(Q(last_message_at__lte=at) & (Q(last_message_at__lt=at) | Q(pk__lt=last)))


def counts(user: Person) -> Counts:
    """All numbers of the desk in one query."""
    agent = agent_of(user)
    open_ = conversations_for(user).exclude(state=State.CLOSED).order_by().values("queue")
    found = list(
        open_.annotate(
            waiting=Count("pk", filter=Q(state=State.WAITING)),
            assigned=Count("pk", filter=Q(state=State.ASSIGNED)),
            pending=Count("pk", filter=Q(state=State.PENDING)),
            snoozed=Count("pk", filter=Q(state=State.SNOOZED)),
            held=Count("pk", filter=Q(state=State.HELD)),
            mine=Count("pk", filter=Q(agent=agent, state=State.ASSIGNED)),
        )
    )
    by_queue = {
        row["queue"]: QueueCounts(row["waiting"], row["assigned"], row["pending"], row["snoozed"])
        for row in found
    }
    return Counts(
        mine=sum(row["mine"] for row in found) if agent else 0,
        unassigned=sum(row["waiting"] for row in found),
        pending=sum(row["pending"] for row in found),
        snoozed=sum(row["snoozed"] for row in found),
        held=sum(row["held"] for row in found),
        queues=by_queue,
    )


def timeline(user: Person, conversation: Conversation) -> list[Entry]:
    """Messages, notes and events in the order in which they happened; mails taken back are left out.

    Raises:
        Http404: the user may not see the conversation.
    """
    _one(conversations_for(user).filter(pk=conversation.pk))
    messages = (
        conversation.messages.exclude(outgoing__state=OutgoingMail.State.CANCELLED)
        .defer("search")  # as large as the mail itself
        .select_related("outgoing", "agent__user")
        .prefetch_related("attachments", "outgoing__recipients")
    )
    entries = [Entry("message", message.created_at, message) for message in messages]
    entries += [Entry("note", note.created_at, note) for note in conversation.notes.select_related("user")]
    entries += [Entry("event", event.at, event) for event in conversation.events.select_related("user")]
    return sorted(entries, key=lambda entry: (entry.at, entry.kind != "message", entry.item.pk))


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
