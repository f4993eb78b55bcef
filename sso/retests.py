"""“Test again by itself”: for troubles that end some while after a person has mended them at the provider.

A row for each connection; the task looks each minute, tests every few minutes up to a day, and stops when it
works or when the answer is another one. The page shows the countdown and the last tries.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone

from sso import communication, lasttests
from sso.connection_models import Retest
from sso.oauth import SignInError
from sso.steps import Step

logger = logging.getLogger(__name__)

State = Retest.State
SOON, LATER = timedelta(minutes=5), timedelta(minutes=15)
FIRST_HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_TRIES = 12


def of(row: Model) -> Retest | None:
    """The retest of a connection, running or over."""
    if not row.pk:
        return None
    return Retest.objects.filter(content_type=_kind(row), object_id=row.pk).first()


def start(row: Model, step: Step, user_id: int | None) -> Retest:
    """Begin to test again, in the place of an older retest.

    :param step: the rung that broke now.
    """
    now = timezone.now()
    values: dict[str, Any] = {
        "state": State.WAITING,
        "by_person": False,
        "cause": _mark(step),
        "tries": [_try(now, step)],
        "started_at": now,
        "started_by_id": user_id,
        "next_test_at": now + SOON,
        "ends_at": now + DAY,
    }
    return Retest.objects.update_or_create(
        content_type=_kind(row), object_id=row.pk, defaults=values, create_defaults=values
    )[0]


def goes_on(row: Model, step: Step) -> bool:
    """Whether the answer of this rung is tested again by itself already."""
    found = of(row)
    return bool(found and found.state == State.WAITING and not found.by_person and found.cause == _mark(step))


def note_sign_in(row: Model, error: SignInError, user_id: int | None, sent: str = "") -> None:
    """A 🔑 that failed for a reason that time mends: remember the try, and when the next one makes sense.

    :param sent: the redirect URI that was sent, for the page to compare.
    """
    now = timezone.now()
    former = of(row)
    is_next = former is not None and former.by_person and former.state == State.WAITING
    tries = former.tries if former and is_next else []
    values: dict[str, Any] = {
        "state": State.WAITING,
        "by_person": True,
        "cause": error.cause.name,
        "tries": [*tries, {"at": now.isoformat(), "sentence": error.sentence, "sent": sent}][-MOST_TRIES:],
        "started_at": former.started_at if former and is_next else now,
        "started_by_id": user_id,
        "next_test_at": now + LATER,
        "ends_at": now + DAY,
    }
    Retest.objects.update_or_create(
        content_type=_kind(row), object_id=row.pk, defaults=values, create_defaults=values
    )


def stop(row: Model) -> None:
    """No more tests, and nothing to show."""
    Retest.objects.filter(content_type=_kind(row), object_id=row.pk).delete()


def due(now: datetime) -> list[int]:
    """The retests whose time has come."""
    waiting = Retest.objects.filter(state=State.WAITING, by_person=False, next_test_at__lte=now)
    return list(waiting.order_by("next_test_at").values_list("pk", flat=True)[:100])


def run(pk: int) -> None:
    """Test once, if nobody else does: the time of the next test is moved before this one begins."""
    now = timezone.now()
    retest = Retest.objects.filter(pk=pk, state=State.WAITING, by_person=False, next_test_at__lte=now).first()
    if retest is None:
        return
    mine = Retest.objects.filter(pk=pk, next_test_at=retest.next_test_at)
    if not mine.update(next_test_at=now + _pause(retest, now)):
        return
    row = retest.connection
    if row is None:
        retest.delete()
        return
    console: Any = admin.site.get_model_admin(type(row))
    steps = console.test_connection(row)
    step = steps[-1]
    lasttests.note(row, step)
    communication.note_test(row, steps)
    if _note(retest, step) and retest.state == State.GOOD:
        console.works_again(row)


def forget_old(now: datetime) -> None:
    """What was over a week ago is shown to nobody any more."""
    Retest.objects.exclude(state=State.WAITING).filter(ends_at__lt=now - timedelta(days=6)).delete()
    Retest.objects.filter(by_person=True, ends_at__lt=now).delete()


def _note(retest: Retest, step: Step) -> bool:
    """Write down how it went; False if a person has ended it, or begun another, while it was tested."""
    now = timezone.now()
    retest.tries = [*retest.tries, _try(now, step)][-MOST_TRIES:]
    if step.ok:
        retest.state = State.GOOD
    elif _mark(step) != retest.cause:
        retest.state = State.CHANGED
    elif now >= retest.ends_at:
        retest.state = State.ENDED
    same = Retest.objects.filter(pk=retest.pk, state=State.WAITING, started_at=retest.started_at)
    if not same.update(state=retest.state, tries=retest.tries):
        return False
    if retest.state != State.WAITING:
        logger.info("retest %s of connection %s: %s", retest.pk, retest.object_id, retest.state)
    return True


def _pause(retest: Retest, now: datetime) -> timedelta:
    return SOON if now - retest.started_at < FIRST_HOUR else LATER


def _mark(step: Step) -> str:
    """What tells one answer from another: its cause, or the rung where nobody knows the cause."""
    return step.cause.name or f"rung {step.name}"


def _try(now: datetime, step: Step) -> dict[str, str]:
    return {"at": now.isoformat(), "sentence": "The connection works." if step.ok else step.detail}


def _kind(row: Model) -> ContentType:
    return ContentType.objects.get_for_model(row)
