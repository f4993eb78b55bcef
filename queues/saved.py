"""Views that people save: whose they are, who sees them, their order, and which one a desk opens with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from agents.rights import is_supervisor
from mailcore.clean import clean_line
from queues.access import queues_for
from queues.listing import Sort, View
from queues.models import EmailQueue, SavedView, StartView
from queues.refusals import ActionRefused

MOST = 50  # of one person
PLAIN = frozenset(View) - {View.QUEUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a view is: its name, the list that it shows, and the queue whose team sees it, too."""

    name: str
    view: str = View.ALL
    queue: EmailQueue | None = None
    text: str = ""
    sort: str = ""
    icon: str = SavedView.Icon.BOOKMARK
    team: EmailQueue | None = None


def visible(user: User) -> QuerySet[SavedView]:
    """One's own, and those shared with a queue that one works in; none of a queue that one has left."""
    queues = queues_for(user).values("pk")
    mine = Q(owner=user, team=None) | Q(team__in=queues)
    return SavedView.objects.filter(mine & (Q(queue=None) | Q(queue__in=queues))).select_related(
        "queue", "team"
    )


def changeable(user: User, view: SavedView) -> bool:
    """Private views are their owner's, shared ones any supervisor's of the queue."""
    if view.team_id is None:
        return view.owner_id == user.pk
    return is_supervisor(user) and queues_for(user).filter(pk=view.team_id).exists()


def changeable_of(user: User, views: Iterable[SavedView]) -> set[int]:
    """The ids of those that are changeable, however many views there are."""
    led = set(queues_for(user).values_list("pk", flat=True)) if is_supervisor(user) else set()
    return {view.pk for view in views if (view.team_id in led if view.team_id else view.owner_id == user.pk)}


def save(user: User, kept: Kept) -> SavedView:
    """Keep a list under a name.

    Raises:
        ActionRefused: the name is taken or empty, the list unknown, or the user may not share it.
    """
    if SavedView.objects.filter(owner=user).count() >= MOST:
        raise ActionRefused(f"You have {MOST} views already: delete one first.")
    _check_team(user, kept.team)
    last = SavedView.objects.filter(owner=user).order_by("-position").first()
    view = SavedView(owner=user, position=last.position + 1 if last else 0)
    _fill(user, view, kept)
    return _written(view)


@transaction.atomic
def change(user: User, view: SavedView, kept: Kept) -> SavedView:
    """Change a view.

    Raises:
        ActionRefused: it is not the user's to change, or as of `save`.
    """
    _check_own(user, view)
    _check_team(user, kept.team)
    _check_there(view)
    _fill(user, view, kept)
    return _written(view)


def delete(user: User, view: SavedView) -> None:
    """Throw it away; who began with it begins with the usual list.

    Raises:
        ActionRefused: it is not the user's to delete.
    """
    _check_own(user, view)
    view.delete()


@transaction.atomic
def move(user: User, view: SavedView, step: int) -> None:
    """Up (-1) or down (1) among those of the same kind: one's own, or a team's."""
    _check_own(user, view)
    peers = SavedView.objects.select_for_update().filter(team=view.team_id)
    if view.team_id is None:
        peers = peers.filter(owner=user)
    order: Sequence[SavedView] = list(peers)
    at = next((number for number, each in enumerate(order) if each.pk == view.pk), None)
    if at is None:
        raise ActionRefused(_gone(view))
    to = min(max(at + step, 0), len(order) - 1)
    moved = [each for each in order if each.pk != view.pk]
    moved.insert(to, order[at])
    for number, each in enumerate(moved):
        each.position = number
    SavedView.objects.bulk_update(moved, ["position"])


@transaction.atomic
def begin_with(user: User, view: SavedView | None = None, plain: str = "") -> None:
    """Let the desk open with a view of one's own choice, or with one of the lists; with neither, as usual."""
    if view is None and plain not in PLAIN:
        StartView.objects.filter(user=user).delete()
        return
    if view is not None:
        _check_there(view)
    StartView.objects.update_or_create(user=user, defaults={"saved": view, "view": "" if view else plain})


def start(user: User) -> StartView | None:
    """Which list the desk opens with, if one was chosen and may still be seen."""
    found = StartView.objects.filter(user=user).select_related("saved").first()
    if found is None or (found.saved_id and not visible(user).filter(pk=found.saved_id).exists()):
        return None
    return found


def _check_own(user: User, view: SavedView) -> None:
    if not changeable(user, view):
        raise ActionRefused(f"“{view.name}” is shared by the team: a supervisor changes it.")


def _check_there(view: SavedView) -> None:
    """Refuse what somebody has deleted meanwhile; else nobody can until the end of the transaction."""
    if not SavedView.objects.select_for_update().filter(pk=view.pk).exists():
        raise ActionRefused(_gone(view))


def _gone(view: SavedView) -> str:
    return f"There is no view “{view.name}” any more: load the page again."


def _check_team(user: User, team: EmailQueue | None) -> None:
    if team is None:
        return
    if not is_supervisor(user) or not queues_for(user).filter(pk=team.pk).exists():
        raise ActionRefused("Only supervisors of a queue share a view with its team.")


def _fill(user: User, view: SavedView, kept: Kept) -> None:
    if kept.queue is not None and not queues_for(user).filter(pk=kept.queue.pk).exists():
        raise ActionRefused("Choose a queue that you work in.")
    if kept.queue is None and kept.view not in PLAIN:
        raise ActionRefused(f"There is no list “{kept.view[:30]}”: choose {', '.join(sorted(PLAIN))}.")
    if kept.sort not in ("", *Sort):
        raise ActionRefused(f"There is no order “{kept.sort[:30]}”: choose {', '.join(Sort)}.")
    view.name, view.icon, view.team = " ".join(clean_line(kept.name).split()), kept.icon, kept.team
    view.view = View.QUEUE if kept.queue else kept.view
    view.queue, view.text, view.sort = kept.queue, clean_line(kept.text).strip(), kept.sort


def _written(view: SavedView) -> SavedView:
    try:
        view.full_clean()
        with transaction.atomic():
            view.save()
    except ValidationError as error:
        taken = set(error.message_dict) == {NON_FIELD_ERRORS}
        raise ActionRefused(_taken(view) if taken else " ".join(error.messages)) from error
    except IntegrityError as error:
        raise ActionRefused(_taken(view)) from error
    return view


def _taken(view: SavedView) -> str:
    return f"There is a view “{view.name}” already: choose another name."
