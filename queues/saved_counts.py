"""How many each saved view holds: one statement for all, and for some seconds the same answer."""

from typing import Any

from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from queues import saved
from queues.counting import MOST
from queues.inbox import Listing, View, narrowed
from queues.models import SavedView

KEPT_SECONDS = 10
MOST_COUNTED = 20
PATIENCE = "400ms"  # what takes longer to count is not counted


def saved_counts(user: User) -> list[tuple[SavedView, int | None]]:
    """The views that the user sees, with their numbers; None where counting is not worth it."""
    views = list(saved.visible(user))
    zone = timezone.get_current_timezone_name()  # as “today” is another day elsewhere
    keys = {view.pk: f"saved-count:{user.pk}:{view.pk}:{zone}" for view in views[:MOST_COUNTED]}
    known = cache.get_many(keys.values()) if keys else {}
    missing = [view for view in views[:MOST_COUNTED] if keys[view.pk] not in known]
    if missing:
        found = _counted(user, missing)
        fresh = {keys[view.pk]: found.get(view.pk, -1) for view in missing}
        cache.set_many(fresh, KEPT_SECONDS)
        known |= fresh
    numbers = {pk: known[key] for pk, key in keys.items()}
    return [(view, None if numbers.get(view.pk, -1) < 0 else numbers[view.pk]) for view in views]


def _counted(user: User, views: list[SavedView]) -> dict[int, int]:
    parts: list[str] = []
    values: list[Any] = []
    none: dict[int, int] = {}
    for view in views:
        rows = narrowed(user, _listing(view))
        if rows is None:
            continue
        try:
            sql, params = rows.order_by().values("pk")[:MOST].query.sql_with_params()
        except EmptyResultSet:  # nothing can be found, as of a tag that is gone
            none[view.pk] = 0
            continue
        parts.append(f"SELECT {int(view.pk)}, count(*) FROM ({sql}) AS of_{int(view.pk)}")  # noqa: S608 - ids
        values += params
    if not parts:
        return none
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [PATIENCE])
            cursor.execute(" UNION ALL ".join(parts), values)
            return none | dict(cursor.fetchall())
    except OperationalError:  # it took too long
        return none


def _listing(view: SavedView) -> Listing:
    known = {each.value: each for each in View}
    return Listing(view=known.get(view.view, View.ALL), queue=view.queue_id, text=view.text)
