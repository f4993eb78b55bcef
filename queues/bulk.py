"""Things done with many conversations: begun by a page, carried on by a worker, row by row.

Which ones are meant is written down first, so that what is done can't change it. Then each is done and marked
in a transaction of its own: a worker that dies loses nothing and repeats nothing. It holds a lease and a
number that grows with each claim, so a worker that was only slow stops when another one goes on.
"""

import logging
import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from celery import signature
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from mailstore.announce import announce
from queues import bulk_acts, inbox
from queues.bulk_acts import Change
from queues.finding import TooBroad
from queues.inbox import BadCursor, Listing
from queues.models import BulkAct, BulkItem
from queues.refusals import ActionRefused
from queues.transactions import whole

logger = logging.getLogger(__name__)

TOKEN = re.compile(r"[\w.-]{1,64}", re.ASCII)  # those of undoing have a colon
MOST = 10_000  # in one act
MOST_TICKED = 500
MOST_SENTENCES = 5
PAGE = 200
CHUNK = 20  # between two looks whether to go on
TASK = "queues.tasks.carry_on"  # by name: the task module imports this one
State, ItemState = BulkAct.State, BulkItem.State
KEPT = timedelta(days=30)
FAULT = "A fault of ours kept it from being done; it is in the log."


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which conversations are meant: these, or all of a list."""

    ids: tuple[int, ...] = ()
    listing: Listing | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is. `total` grows while what is meant is collected."""

    total: int
    done: int
    refused: int
    sentences: tuple[tuple[str, int], ...] = ()


def begin(actor: User, verb: str, values: dict[str, Any], chosen: Chosen, token: str) -> BulkAct:
    """Write down what is to be done, and do as much of it as a page has time for; a worker does the rest.

    :param token: asking again with the same one changes nothing.

    Raises:
        ActionRefused: nothing is chosen, or too much, or what the verb needs is missing.
    """
    if not TOKEN.fullmatch(token):
        raise ActionRefused("Load the page again: it didn't say which time this was asked.")
    known = BulkAct.objects.filter(user=actor, token=token).first()
    if known is not None:
        return known
    if chosen.listing is None and not 0 < len(chosen.ids) <= MOST_TICKED:
        raise ActionRefused(f"Choose at least one conversation, and at most {MOST_TICKED}.")
    kept = bulk_acts.checked(actor, verb, values)
    try:
        act = _written(actor, verb, kept, chosen, token)
    except IntegrityError:  # a double click was faster
        return BulkAct.objects.get(user=actor, token=token)
    return _started(act)


def undo(actor: User, act: BulkAct) -> BulkAct:
    """Put back what was done, where nothing has happened since; once.

    Raises:
        ActionRefused: it runs still, or did nothing.
    """
    if act.state == State.RUNNING:
        raise ActionRefused("It is not done yet: stop it first.")
    if act.verb == BulkAct.Verb.UNDO:
        raise ActionRefused("What was undone can't be undone again.")
    try:
        back = _undoing(actor, act)
    except IntegrityError:
        return BulkAct.objects.get(undoes=act)
    return _started(back)


@transaction.atomic
def _written(actor: User, verb: str, values: dict[str, Any], chosen: Chosen, token: str) -> BulkAct:
    listing = asdict(replace(chosen.listing, after="", limit=PAGE)) if chosen.listing else None
    if listing is not None:  # “today” in a search is the asker's, also when a worker looks
        listing["zone"] = str(timezone.get_current_timezone())  # by the name that it is found by
    act = BulkAct.objects.create(user=actor, token=token, verb=verb, values=values, listing=listing)
    if listing is None:
        seen = inbox.listed_for(actor).filter(pk__in=chosen.ids).values_list("pk", flat=True)
        _collect(act, sorted(set(seen)))
        act.is_collected = True
        act.save(update_fields=["is_collected"])
    return act


@transaction.atomic
def _undoing(actor: User, act: BulkAct) -> BulkAct:
    back = BulkAct.objects.create(
        user=actor, token=f"undo:{act.pk}", verb=BulkAct.Verb.UNDO, undoes=act, is_collected=True
    )
    done = act.items.filter(state=ItemState.DONE).values_list("conversation", "before", "after")
    BulkItem.objects.bulk_create(
        BulkItem(act=back, conversation_id=pk, before=before, after=after) for pk, before, after in done
    )
    return back


def _started(act: BulkAct) -> BulkAct:
    # With one alone it is an act like any other: who asked is told that it is done.
    is_one = act.is_collected and act.items.count() == 1
    if not carry_on(act.pk, math.inf if is_one else settings.BULK_AT_ONCE):
        announce(signature(TASK), act_id=act.pk)
    act.refresh_from_db()
    return act


def cancel(actor: User, act: BulkAct) -> None:
    """Stop it; what was done stays done."""
    rows = BulkAct.objects.filter(pk=act.pk, user=actor, state=State.RUNNING)
    rows.update(state=State.CANCELLED, finished_at=timezone.now())


def of_user(actor: User, pk: int) -> BulkAct | None:
    """One's own."""
    return BulkAct.objects.filter(user=actor, pk=pk).first()


def latest(actor: User) -> BulkAct | None:
    """What runs, of this user."""
    return BulkAct.objects.filter(user=actor, state=State.RUNNING).order_by("-pk").first()


def progress(act: BulkAct) -> Progress:
    """Count what was done; the reasons of what was not, the commonest first."""
    counts = act.items.aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=ItemState.DONE)),
        refused=Count("pk", filter=Q(state=ItemState.REFUSED)),
    )
    refused = act.items.filter(state=ItemState.REFUSED).order_by().values_list("sentence")
    found = (
        refused.annotate(times=Count("pk")).order_by("-times", "sentence")[:5] if counts["refused"] else []
    )
    return Progress(**counts, sentences=tuple(found))


def resume() -> int:
    """Tell workers of what lost its worker; return how many."""
    rows = BulkAct.objects.filter(state=State.RUNNING)
    lost = rows.filter(Q(lease_until=None) | Q(lease_until__lt=timezone.now()))
    found = list(lost.values_list("pk", flat=True)[:100])
    for pk in found:
        announce(signature(TASK), act_id=pk)
    return len(found)


def forget(now: datetime | None = None) -> int:
    """Delete what is over for so long that nobody undoes it any more; return how many."""
    old = BulkAct.objects.filter(finished_at__lt=(now or timezone.now()) - KEPT).order_by("pk")
    found = list(old.values_list("pk", flat=True)[:PAGE])
    BulkItem.objects.filter(act__in=found).delete()
    BulkAct.objects.filter(pk__in=found).delete()
    return len(found)


def carry_on(pk: int, seconds: float) -> bool:
    """Do what is left of it for so long; whether there is nothing more to do here."""
    end, act = time.monotonic() + seconds, _claim(pk)
    if act is None:
        return True
    while time.monotonic() < end:
        if not act.is_collected:
            _collect_page(act)
        elif not _chunk(act, end):
            _finish(act)
            return True
        if not _go_on(act):
            return True
    BulkAct.objects.filter(pk=pk, fence=act.fence).update(lease_until=None)
    return False


def _claim(pk: int) -> BulkAct | None:
    now = timezone.now()
    free = BulkAct.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=pk, state=State.RUNNING)
    if not free.update(lease_until=now + _lease(), fence=F("fence") + 1):
        return None
    return BulkAct.objects.select_related("user").get(pk=pk)


def _lease() -> timedelta:
    return timedelta(seconds=settings.LEASE)


def _mine(act: BulkAct) -> Any:
    return BulkAct.objects.filter(pk=act.pk, fence=act.fence, state=State.RUNNING)


def _go_on(act: BulkAct) -> bool:
    return bool(_mine(act).update(lease_until=timezone.now() + _lease()))


def _finish(act: BulkAct) -> None:
    _mine(act).update(state=State.DONE, finished_at=timezone.now(), lease_until=None)


def _collect(act: BulkAct, pks: Sequence[int]) -> None:
    rows = [BulkItem(act=act, conversation_id=pk) for pk in pks]
    BulkItem.objects.bulk_create(rows, ignore_conflicts=True)


def _collect_page(act: BulkAct) -> None:
    """Write down one more page of the list, and where it ended."""
    asked = dict(act.listing or {})
    zone = asked.pop("zone", None)
    try:
        with timezone.override(zone):
            page = inbox.page(act.user, replace(Listing(**asked), after=act.mark))
    except (BadCursor, TooBroad):  # nothing more can be found of it
        page = inbox.Page([])
    with transaction.atomic():
        left = MOST - act.items.count()
        _collect(act, [row.pk for row in page.rows][: max(left, 0)])
        act.mark, act.is_collected = page.next, not page.next or left <= len(page.rows)
        act.save(update_fields=["mark", "is_collected"])


def _chunk(act: BulkAct, end: float) -> bool:
    """Do the next few; whether there may be more."""
    waiting = act.items.filter(state=ItemState.WAITING).values_list("pk", flat=True)
    found = list(waiting.order_by("pk")[:CHUNK])
    for number, pk in enumerate(found, 1):
        _one_safely(act, pk)
        if time.monotonic() > end:
            return number < len(found) or len(found) == CHUNK
    return len(found) == CHUNK


def _one_safely(act: BulkAct, item_id: int) -> None:
    try:
        _one(act, item_id)
    except Exception:
        logger.exception("The act %s failed with the item %s.", act.pk, item_id)
        _mark(item_id, ItemState.REFUSED, sentence=FAULT)


@whole
def _one(act: BulkAct, item_id: int) -> None:
    """Do it with one conversation and mark that in the same transaction."""
    waiting = BulkItem.objects.select_for_update(skip_locked=True).filter(pk=item_id, state=ItemState.WAITING)
    item = waiting.first()
    if item is None:  # another worker was faster
        return
    row = inbox.conversations_for(act.user).filter(pk=item.conversation_id).first()
    try:
        if row is None:
            raise ActionRefused("You may not see it any more.")
        with transaction.atomic():
            change = _done(act, item, row)
    except ActionRefused as refused:
        _mark(item.pk, ItemState.REFUSED, sentence=refused.sentence)
    else:
        _mark(item.pk, ItemState.DONE, before=change.before, after=change.after)


def _done(act: BulkAct, item: BulkItem, row: Any) -> Change:
    if act.undoes_id is None:
        return bulk_acts.do(act.user, row, act.verb, act.values)
    bulk_acts.undo(act.user, row, Change(item.before, item.after))
    return Change({}, {})


def _mark(item_id: int, state: BulkItem.State, **values: Any) -> None:
    BulkItem.objects.filter(pk=item_id).update(state=state, **values)


def ids(values: Iterable[str]) -> tuple[int, ...]:
    """Ids of a form; what is none is left out."""
    return tuple(int(each) for each in values if each.isascii() and each.isdigit() and len(each) < 19)
