"""Webhooks, for administrators: read, made, changed, tested, replayed; and what was delivered."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema
from ninja.errors import HttpError

from api.auth import caller
from api.objects import administrator
from api.paging import page
from api.shapes import Id, ObjectPage, Text
from audit.acts import Act
from audit.log import record
from audit.pictures import differences, picture, stored
from mailsources.models import EmailSource
from queues.models import EmailQueue
from webhooks import repeats, trial
from webhooks.models import Delivery, Webhook
from webhooks.post import Verdict

router = Router(tags=["webhooks"])

OURS = Webhook.objects.filter(kind=Webhook.Kind.WEBHOOK)  # connections to a CRM are set up by people


class WebhookIn(Schema):
    """What is to be changed; what is left out stays. Without a secret a new webhook gets a good one."""

    name: Text | None = None
    url: Text | None = None
    secret: Text | None = Field(None, description="At least 16 characters, or whsec_ with base64.")
    events: list[Text] | None = Field(None, max_length=100)
    queue: Text | None = Field(None, description="By its name; empty for all.")
    source: Text | None = Field(None, description="By its name; empty for all.")
    active: bool | None = None


class WebhookOut(Schema):
    """A webhook; the secret is there only in the answer that made it up."""

    id: Id
    name: str
    url: str
    events: list[str]
    queue: str | None
    source: str | None
    active: bool
    state: str
    cursor: int
    last_success: Any
    last_error: str
    secret: str | None = None


class ReplayIn(Schema):
    """The first number of the feed that is sent again."""

    number: int = Field(ge=0, lt=2**62)


class TestOut(Schema):
    """What came of a test."""

    ok: bool
    sentence: str
    status: int | None
    latency_ms: int | None
    answer: str


@router.get("webhooks", response=ObjectPage)
def webhooks(request: HttpRequest) -> dict[str, Any]:
    """All webhooks, without their secrets."""
    administrator(request)
    rows = OURS.select_related("queue", "source").defer("secret")
    return page(request, rows, "id", lambda found: [_shown(row) for row in found])


@router.get("webhooks/{int:webhook_id}", response=WebhookOut)
def webhook(request: HttpRequest, webhook_id: int) -> dict[str, Any]:
    """One webhook, without its secret."""
    return _shown(_one(request, webhook_id))


@router.post("webhooks", response={201: WebhookOut})
def make(request: HttpRequest, payload: WebhookIn) -> tuple[int, dict[str, Any]]:
    """Make a webhook: it is told of what happens from now on."""
    administrator(request)
    row = _filled(Webhook(), payload)
    is_made_up = not row.secret
    with transaction.atomic():
        row.save()
        record(caller(request), Act.INSERTED, row, changes=differences({}, stored(row)))
    return 201, _shown(row) | {"secret": row.secret if is_made_up else None}


@router.patch("webhooks/{int:webhook_id}", response=WebhookOut)
def change(request: HttpRequest, webhook_id: int, payload: WebhookIn) -> dict[str, Any]:
    """Change a webhook."""
    row = _filled(_one(request, webhook_id), payload)  # asks for the host's addresses: not while it is locked
    given = ["is_active" if name == "active" else name for name in payload.dict(exclude_unset=True)]
    with transaction.atomic():
        if not OURS.select_for_update(no_key=True).filter(pk=webhook_id).exists():
            raise Http404
        before = stored(row)
        row.save(update_fields=given)
        if changes := differences(before, stored(row)):
            record(caller(request), Act.CHANGED, row, changes=changes)
    return _shown(row)


@router.delete("webhooks/{int:webhook_id}", response={204: None})
def delete(request: HttpRequest, webhook_id: int) -> tuple[int, None]:
    """Delete a webhook with its log."""
    row = _one(request, webhook_id)
    with transaction.atomic():
        record(caller(request), Act.DELETED, row, changes=differences(picture(row), {}))
        row.delete()
    return 204, None


@router.post("webhooks/{int:webhook_id}/test", response=TestOut)
def test(request: HttpRequest, webhook_id: int) -> dict[str, Any]:
    """Send a test now, and say what came of it."""
    outcome = trial.send_test(_one(request, webhook_id))
    names = ("sentence", "status", "latency_ms", "answer")
    return {"ok": outcome.verdict is Verdict.TAKEN} | {name: getattr(outcome, name) for name in names}


@router.post("webhooks/{int:webhook_id}/resume", response=WebhookOut)
def resume(request: HttpRequest, webhook_id: int) -> dict[str, Any]:
    """Go on with a webhook that was paused after days of failure."""
    row = _one(request, webhook_id)
    repeats.resume(row)
    record(caller(request), Act.DID, row, note="Resumed.")
    return _shown(_one(request, webhook_id))


@router.post("webhooks/{int:webhook_id}/replay", response=WebhookOut)
def replay(request: HttpRequest, webhook_id: int, payload: ReplayIn) -> dict[str, Any]:
    """Send everything again from a number of the feed on; the ids stay the same."""
    row = _one(request, webhook_id)
    repeats.replay(row, payload.number)
    record(caller(request), Act.DID, row, note=f"Replayed from number {payload.number}.")
    return _shown(_one(request, webhook_id))


@router.get("webhooks/{int:webhook_id}/deliveries", response=ObjectPage)
def deliveries(request: HttpRequest, webhook_id: int, state: Text = "") -> dict[str, Any]:
    """The log of a webhook, newest first; `state` narrows it."""
    rows = _one(request, webhook_id).deliveries.select_related("event")
    if state:
        if state not in Delivery.State.values:
            raise HttpError(422, f"state: give one of {', '.join(Delivery.State.values)}.")
        rows = rows.filter(state=state)
    return page(request, rows, "id", lambda found: [_delivery(row) for row in found])


@router.post("webhooks/{int:webhook_id}/deliveries/{int:delivery_id}/again", response={202: None})
def again(request: HttpRequest, webhook_id: int, delivery_id: int) -> tuple[int, None]:
    """Send one again; 409 while it is being sent."""
    if not _one(request, webhook_id).deliveries.filter(pk=delivery_id).exists():
        raise Http404
    if not repeats.send_again(delivery_id):
        raise HttpError(409, "It is being sent at this moment.")
    return 202, None


def _one(request: HttpRequest, pk: int) -> Webhook:
    administrator(request)
    row = OURS.select_related("queue", "source").filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _filled(row: Webhook, payload: WebhookIn) -> Webhook:
    given = payload.dict(exclude_unset=True)
    for name in ("name", "url", "secret", "events"):
        if given.get(name) is not None:
            setattr(row, name, given[name])
    if given.get("active") is not None:
        row.is_active = given["active"]
    if "queue" in given:
        row.queue = _named(EmailQueue, "queue", given["queue"])
    if "source" in given:
        row.source = _named(EmailSource, "source", given["source"])
    try:
        row.full_clean()
    except ValidationError as error:
        told = "; ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())
        raise HttpError(422, told) from error
    return row


def _named(model: Any, key: str, name: str | None) -> Any:
    if not name:
        return None
    row = model.objects.filter(name=name).first()
    if row is None:
        raise HttpError(422, f"{key}: there is none of the name “{name[:80]}”.")
    return row


def _shown(row: Webhook) -> dict[str, Any]:
    state = (
        "off" if not row.is_active else "paused" if row.paused_at else "failing" if row.is_failing else "ok"
    )
    return {
        "id": row.pk,
        "name": row.name,
        "url": row.url,
        "events": list(row.events),
        "queue": row.queue.name if row.queue else None,
        "source": row.source.name if row.source else None,
        "active": row.is_active,
        "state": state,
        "cursor": row.cursor,
        "last_success": row.last_success_at,
        "last_error": row.last_error,
    }


def _delivery(row: Delivery) -> dict[str, Any]:
    plain = ("id", "number", "state", "attempts", "status", "latency_ms", "answer", "error")
    shape = {name: getattr(row, name) for name in plain}
    waits = row.state == Delivery.State.WAITING
    return shape | {
        "event": row.event.public_id,
        "type": row.event.type,
        "next_attempt": row.next_attempt_at if waits else None,
        "settled": row.settled_at,
    }
