"""Acts with many conversations at once, as the desk does them: begun, looked at, stopped, undone."""

import hashlib
import secrets
from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Header, Router, Schema, Status
from ninja.errors import HttpError

from agents.models import Agent
from api.auth import caller
from api.shapes import Id, Text
from queues import bulk, inbox
from queues.inbox import Listing
from queues.listing import View
from queues.models import BulkAct

router = Router(tags=["conversations"])


class ListIn(Schema):
    """All conversations of a list, as the desk shows it."""

    view: Literal["mine", "waiting", "unassigned", "pending", "snoozed", "held", "closed", "spam", "all"]
    queue: Text | None = Field(None, description="Only of this queue, by its name.")
    text: Text = Field("", max_length=500, description="A search, as in the desk.")


class BulkIn(Schema):
    """What to do, with which conversations, and what that needs."""

    verb: Literal[
        "take", "release", "assign", "transfer", "pending", "snooze", "close", "reopen", "tag", "untag",
        "spam", "not_spam",
    ]  # fmt: skip
    ids: list[Id] = Field([], max_length=bulk.MOST_TICKED)
    listing: ListIn | None = Field(None, description="Instead of ids.")
    until: datetime | None = Field(None, description="For snooze.")
    tag: Text = Field("", max_length=50, description="For tag and untag.")
    queue: Text = Field("", description="For transfer: the name of a queue.")
    agent: Text = Field("", description="For assign: the user name of an agent.")
    note: Text = Field("", description="For transfer.")


class RefusedOut(Schema):
    """Why it was not done, and with how many."""

    sentence: str
    times: int


class BulkOut(Schema):
    """How far it is; `total` grows while the conversations of a list are collected."""

    id: int
    verb: str
    state: str = Field(description="running, done or cancelled.")
    total: int
    done: int
    refused: int
    reasons: list[RefusedOut]
    created_at: datetime
    finished_at: datetime | None


def _told(act: BulkAct) -> dict[str, Any]:
    far = bulk.progress(act)
    plain = {name: getattr(act, name) for name in ("id", "verb", "state", "created_at", "finished_at")}
    counts = {"total": far.total, "done": far.done, "refused": far.refused}
    return plain | counts | {"reasons": [{"sentence": text, "times": n} for text, n in far.sentences]}


def _values(request: HttpRequest, payload: BulkIn) -> dict[str, Any]:
    found: dict[str, Any] = {"tag": payload.tag, "note": payload.note}
    if payload.until is not None:
        found["until"] = payload.until.isoformat()
    if payload.queue:
        found["queue"] = _queue(request, payload.queue)
    if payload.agent:
        agent = Agent.objects.filter(user__username=payload.agent).first()
        found["agent"] = agent.pk if agent else 0
    return found


def _queue(request: HttpRequest, name: str) -> int:
    queue = inbox.queues_for(caller(request)).filter(name=name).first()
    if queue is None:
        raise HttpError(409, f"There is no queue “{name}” among those that you may use.")
    return queue.pk


def _chosen(request: HttpRequest, payload: BulkIn) -> bulk.Chosen:
    if payload.listing is None:
        return bulk.Chosen(ids=tuple(payload.ids))
    if payload.ids:
        raise HttpError(422, "ids: give ids or a listing, not both.")
    queue = _queue(request, payload.listing.queue) if payload.listing.queue else None
    listing = Listing(view=View(payload.listing.view), queue=queue, text=payload.listing.text)
    return bulk.Chosen(listing=listing)


def _own(request: HttpRequest, act_id: int) -> BulkAct:
    found = bulk.of_user(caller(request), act_id)
    if found is None:
        raise Http404
    return found


@router.post("bulk", response={202: BulkOut})
def begin(request: HttpRequest, payload: BulkIn, idempotency_key: Header[str] = "") -> Any:
    """Do something with many conversations; a worker goes on with what takes longer than a moment.

    Each is done by itself: what is refused for one of them is told, and the others go on.
    """
    token = hashlib.sha256(idempotency_key.encode()).hexdigest() if idempotency_key else secrets.token_hex(16)
    act = bulk.begin(
        caller(request), payload.verb, _values(request, payload), _chosen(request, payload), token
    )
    return Status(202, _told(act))


@router.get("bulk/{int:act_id}", response=BulkOut)
def one(request: HttpRequest, act_id: int) -> Any:
    """How far one of the caller's own is."""
    return _told(_own(request, act_id))


@router.post("bulk/{int:act_id}/stop", response=BulkOut)
def stop(request: HttpRequest, act_id: int) -> Any:
    """Go no further; what was done stays done."""
    bulk.cancel(caller(request), _own(request, act_id))
    return _told(_own(request, act_id))


@router.post("bulk/{int:act_id}/undo", response={202: BulkOut})
def undo(request: HttpRequest, act_id: int) -> Any:
    """Put back what nothing has happened to since; another act, which is returned."""
    return Status(202, _told(bulk.undo(caller(request), _own(request, act_id))))
