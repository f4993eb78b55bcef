"""Saved views: lists of the desk that people keep under a name."""

from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from api.auth import caller
from api.shapes import Id, Text
from queues import inbox, saved
from queues.models import EmailQueue, SavedView
from queues.saved import Kept

router = Router(tags=["views"])


class ViewIn(Schema):
    """A list and its name; with `team` all who work in that queue see it, which supervisors may say."""

    name: Text
    view: Text = Field("all", description="mine, waiting, unassigned, pending, snoozed, closed, all …")
    queue: Text | None = Field(None, description="One queue instead: its name.")
    text: Text = Field("", description="What is searched in it.")
    sort: Text = Field("", description="due, newest or oldest; the usual order if left out.")
    icon: Text = "bookmark"
    team: Text | None = Field(None, description="The name of the queue whose members see it.")


class ViewOut(Schema):
    """A saved view that the caller sees."""

    id: Id
    name: str
    view: str
    queue: str | None
    text: str
    sort: str
    icon: str
    team: str | None
    position: int


def _shown(view: SavedView) -> dict[str, Any]:
    names = {"queue": view.queue, "team": view.team}
    plain = {name: getattr(view, name) for name in ("id", "name", "view", "text", "sort", "icon", "position")}
    return plain | {name: queue.name if queue else None for name, queue in names.items()}


def _queue(user: User, name: str | None) -> EmailQueue | None:
    if name is None:
        return None
    found = inbox.queues_for(user).filter(name=name).first()
    if found is None:
        raise Http404(f"There is no email queue “{name}” that you may see.")
    return found


def _kept(user: User, payload: ViewIn) -> Kept:
    return Kept(
        name=payload.name,
        view=payload.view,
        queue=_queue(user, payload.queue),
        text=payload.text,
        sort=payload.sort,
        icon=payload.icon,
        team=_queue(user, payload.team),
    )


def _one(user: User, pk: int) -> SavedView:
    found = saved.visible(user).filter(pk=pk).first()
    if found is None:
        raise Http404("There is nothing here that you may see.")
    return found


@router.get("views", response=list[ViewOut])
def views(request: HttpRequest) -> list[dict[str, Any]]:
    """One's own, and those shared with one's queues, in their order."""
    return [_shown(view) for view in saved.visible(caller(request))]


@router.post("views", response={201: ViewOut})
def save(request: HttpRequest, payload: ViewIn) -> tuple[int, dict[str, Any]]:
    """Keep a list under a name."""
    user = caller(request)
    return 201, _shown(saved.save(user, _kept(user, payload)))


@router.put("views/{int:view_id}", response=ViewOut)
def change(request: HttpRequest, view_id: int, payload: ViewIn) -> dict[str, Any]:
    """Change one that is one's own, or, as a supervisor, the team's."""
    user = caller(request)
    return _shown(saved.change(user, _one(user, view_id), _kept(user, payload)))


@router.delete("views/{int:view_id}", response={204: None})
def delete(request: HttpRequest, view_id: int) -> tuple[int, None]:
    """Throw one away."""
    user = caller(request)
    saved.delete(user, _one(user, view_id))
    return 204, None
