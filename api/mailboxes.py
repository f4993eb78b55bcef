"""The life of a mailbox's source: switch it on, pause it, retire it, move it to another queue."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError

from api.objects import administrator, source_shape
from mailsources import check, lifecycle, moving
from mailsources.lifecycle import By, LifeCycleRefused
from mailsources.models import EmailSource
from mailsources.tasks import look_soon
from queues.models import EmailQueue
from sso import lasttests

T = TypeVar("T")

router = Router(tags=["settings and status"])


class SwitchOn(Schema):
    """How to switch a source on."""

    anyway: bool = False
    """Without a good connection test; the history says so."""


class MoveTo(Schema):
    """Where a source is to deliver from now on."""

    queue: str
    conversations: Literal["stay", "along"] = "stay"
    """What becomes of its open conversations."""


@router.post("sources/{source_id}/activate", response=dict[str, Any])
def activate(request: HttpRequest, source_id: int, payload: SwitchOn) -> dict[str, Any]:
    """Take mail from now on; tested first, unless `anyway`. 409 with the sentence when the test fails."""
    by, source = _acting(request, source_id)
    if not payload.anyway and lifecycle.good_test(source) is None:
        step = check.test_connection(source)[-1]
        lasttests.note(source, step)
        if not step.ok:
            raise HttpError(409, f"The test stops at “{step.name}”: {step.detail}")
    _act(lambda: lifecycle.activate(source_id, by, anyway=payload.anyway))
    if not source.is_forwarding:
        look_soon([source_id])
    return _shown(source_id)


@router.post("sources/{source_id}/pause", response=dict[str, Any])
def pause(request: HttpRequest, source_id: int) -> dict[str, Any]:
    """Take no mail until it is switched on again."""
    by, _ = _acting(request, source_id)
    _act(lambda: lifecycle.pause(source_id, by))
    return _shown(source_id)


@router.post("sources/{source_id}/retire", response=dict[str, Any])
def retire(request: HttpRequest, source_id: int) -> dict[str, Any]:
    """Take no mail any more; 409 names open conversations and unsent replies. `activate` undoes it."""
    by, _ = _acting(request, source_id)
    _act(lambda: lifecycle.retire(source_id, by))
    return _shown(source_id)


@router.post("sources/{source_id}/move", response=dict[str, Any])
def move(request: HttpRequest, source_id: int, payload: MoveTo) -> dict[str, Any]:
    """Deliver to another queue, all at once: new mail, and the open conversations if they go along."""
    by, source = _acting(request, source_id)
    queue = EmailQueue.objects.filter(name=payload.queue).first()
    if queue is None:
        raise HttpError(409, f"There is no queue “{payload.queue}”.")
    along = payload.conversations == "along"
    done = _act(lambda: moving.move(source_id, source.queue_id, queue.pk, by, along=along))
    return _shown(source_id) | {"went_along": done.went, "stayed": done.stayed, "following": done.following}


def _acting(request: HttpRequest, source_id: int) -> tuple[By, EmailSource]:
    by = By(administrator(request))
    source = EmailSource.objects.select_related("queue").filter(pk=source_id).first()
    if source is None:
        raise HttpError(404, f"There is no email source {source_id}.")
    return by, source


def _act(act: Callable[[], T]) -> T:
    try:
        return act()
    except LifeCycleRefused as refused:
        raise HttpError(409, str(refused)) from refused


def _shown(source_id: int) -> dict[str, Any]:
    return source_shape(EmailSource.objects.select_related("queue", "state").get(pk=source_id))
