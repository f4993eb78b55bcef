"""The event feed: what happened, numbered, from any number on."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError

from agents.rights import is_administrator
from api.auth import caller
from api.shapes import Text
from mailstore.models import FeedEvent
from queues import contacts, inbox
from webhooks import sequence
from webhooks.models import last_number

router = Router(tags=["events"])

LARGEST = 2**63 - 1
MOST = 500


class EventOut(Schema):
    """One event: what happened to what. It holds ids; the objects are asked for by themselves."""

    id: str
    number: int
    type: str
    at: Any
    queue: int | None = None
    conversation: int | None = None
    message: int | None = None
    contact: int | None = None
    data: dict[str, Any]


class EventPage(Schema):
    """Events in their order; `last` is the number to go on after."""

    results: list[EventOut]
    next: str | None
    last: int


class EventFilter(Schema):
    """Which events are asked for."""

    after: int = Field(0, ge=0, le=LARGEST, description="Only what has a greater number.")
    type: Text = Field("", description="Types, separated by commas.")
    queue: Text = Field("", description="One queue, by its name.")
    limit: int = Field(100, ge=1, le=MOST)


@router.get("events", response=EventPage)
def events(request: HttpRequest, wanted: Query[EventFilter]) -> dict[str, Any]:
    """What happened after a number, oldest first: remember `last`, and nothing is missed.

    Events of queues that the caller doesn't work in are left out; all are kept for 30 days.
    """
    user = caller(request)
    sequence.number_new()
    newest = last_number()
    rows = _seen(user).filter(number__gt=wanted.after, number__lte=newest)
    if wanted.type:
        rows = rows.filter(type__in=_types(wanted.type))
    if wanted.queue:
        rows = rows.filter(_of_queues([_queue(user, wanted.queue)]))
    found = list(rows.order_by("number")[: wanted.limit + 1])
    shown = found[: wanted.limit]
    has_more = len(found) > len(shown)
    # Of what is left out, nothing need be asked for again.
    last = (shown[-1].number or 0) if has_more else max(newest, wanted.after)
    return {
        "results": [_event(each) for each in shown],
        "next": _next(request, last) if has_more else None,
        "last": last,
    }


def _seen(user: User) -> QuerySet[FeedEvent]:
    if is_administrator(user):
        return FeedEvent.objects.all()
    is_of_contact = Q(conversation_id=None, contact_id__in=contacts.all_for(user).values("pk"))
    return FeedEvent.objects.filter(
        _of_queues(list(inbox.queues_for(user).values_list("pk", flat=True))) | is_of_contact
    )


def _of_queues(pks: list[int]) -> Q:
    """What happened while the conversation was in one of them; so also that it left for another one.

    What has been moved since is not left out: events hold ids alone, and who has read up to a number must
    find neither more nor less before it afterwards. The objects are asked for by right as it is now.
    """
    return Q(queue_id__in=pks) | Q(type=FeedEvent.Type.MOVED, data__from_queue__in=pks)


def _types(text: str) -> list[str]:
    found = [each.strip() for each in text.split(",") if each.strip()]
    for each in found:
        if each not in FeedEvent.Type.values:
            raise HttpError(422, f"type: “{each[:40]}” is no type of event.")
    return found


def _queue(user: User, name: str) -> int:
    row = inbox.queues_for(user).filter(name=name).first()
    if row is None:
        raise Http404(f"There is no email queue “{name}” that you may see.")
    return row.pk


def _event(row: FeedEvent) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "number": row.number,
        "type": row.type,
        "at": row.at,
        "queue": row.queue_id,
        "conversation": row.conversation_id,
        "message": row.message_id,
        "contact": row.contact_id,
        "data": row.data,
    }


def _next(request: HttpRequest, last: int) -> str:
    query = request.GET.copy()
    query["after"] = str(last)
    return f"{settings.BASE_URL}{request.path}?{query.urlencode()}"
