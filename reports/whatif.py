"""Asking what would be if: a row with its inputs, played by a worker, whose result stays beside them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from agents.rights import is_administrator
from queues.models import EmailQueue
from reports.models import LEASE, LIMIT, WhatIf
from reports.rights import supervised
from reports.whatif_history import TooLittle, read
from simulation import example
from simulation.changes import Change, ChangeError
from simulation.compare import PEERS, compare
from simulation.run import Stopped

State = WhatIf.State
KEPT = 50
"""So many of each user; older ones are forgotten."""
ASKS_EVERY = 0.5
"""Seconds between two looks whether somebody has cancelled."""
EXAMPLE_DAYS = 10
STOPPED = "The worker that played it went away."


def visible(user: User) -> QuerySet[WhatIf]:
    """What a user has asked; of queues that they direct no longer, nothing."""
    if is_administrator(user):
        return WhatIf.objects.all()
    others = EmailQueue.objects.exclude(pk__in=supervised(user).order_by().values("pk"))
    return WhatIf.objects.filter(user=user).exclude(queues__in=others)


@dataclass(frozen=True, slots=True)
class Question:
    """What to play.

    :param until: the end of the days; None: now. To ask the same again, the one of the first time.
    """

    queues: Sequence[EmailQueue]
    days: int = 28
    change: Change = field(default_factory=Change)
    peers: bool = True
    is_example: bool = False
    until: datetime | None = None


def ask(user: User, question: Question) -> WhatIf:
    """Write the question down; `reports.tasks.play` answers it."""
    with transaction.atomic():
        row = WhatIf.objects.create(
            user=user,
            days=question.days,
            change=question.change.stored(),
            with_peers=question.peers,
            is_example=question.is_example,
            until=question.until or timezone.now(),
        )
        row.queues.set(question.queues)
        old = WhatIf.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)[KEPT:]
        WhatIf.objects.filter(pk__in=list(old)).delete()
    return row


def ask_again(user: User, row: WhatIf) -> WhatIf:
    """The same question about the same days."""
    queues = list(row.queues.all())
    question = Question(queues, row.days, row.changes, row.with_peers, row.is_example, row.until)
    return ask(user, question)


def cancel(row: WhatIf) -> bool:
    """Stop it, unless it is over."""
    rows = WhatIf.objects.filter(pk=row.pk, state__in=[State.WAITING, State.RUNNING])
    return bool(rows.update(state=State.CANCELLED, ended_at=timezone.now()))


def play(pk: int) -> bool:
    """Answer a question, if nobody else does; say whether this call did."""
    now = timezone.now()
    claimed = WhatIf.objects.filter(pk=pk, state=State.WAITING)
    if not claimed.update(state=State.RUNNING, started_at=now, lease_until=now + LEASE):
        return False
    row = WhatIf.objects.get(pk=pk)
    try:
        result = played(row, _watch(pk), _telling(pk))
    except (ChangeError, TooLittle) as error:
        _end(pk, State.FAILED, error=str(error))
    except Stopped:
        _end(pk, State.FAILED, error=f"It took longer than {LIMIT.total_seconds():.0f} seconds: choose fewer "
             "days or queues, or leave the other rules out.")  # fmt: skip
    except BaseException:
        _end(pk, State.FAILED, error="It broke off; the log of the worker says why.")
        raise
    else:
        _end(pk, State.DONE, result=result)
    return True


def played(row: WhatIf, go_on: Callable[[], bool], told: Callable[[int, int], object]) -> dict[str, Any]:
    """Read and play; the same row gives the same, as long as its mail isn't erased.

    :raises TooLittle: there is not enough history.
    :raises ChangeError: somebody or something that it names isn't there.
    :raises Stopped: `go_on` said no.
    """
    if row.is_example:
        office, really, notes = example.office(days=EXAMPLE_DAYS), None, ["This is the reference team."]
    else:
        history = read(EmailQueue.objects.filter(pk__in=row.queues.values("pk")), row.days, row.until)
        office, really, notes = history.office, history.really, list(history.notes)
    found = compare(office, row.changes, PEERS if row.with_peers else (), go_on, told)
    return asdict(found) | {"really": asdict(really) if really else None, "notes": notes}


def _watch(pk: int) -> Callable[[], bool]:
    """Whether to go on: nobody has cancelled, and there is time left."""
    began = asked = monotonic()

    def go_on() -> bool:
        nonlocal asked
        now = monotonic()
        if now - began > LIMIT.total_seconds():
            return False
        if now - asked > ASKS_EVERY:
            asked = now
            rows = WhatIf.objects.filter(pk=pk, state=State.RUNNING)
            return bool(rows.update(lease_until=timezone.now() + LEASE))
        return True

    return go_on


def _telling(pk: int) -> Callable[[int, int], object]:
    def tell(done: int, whole: int) -> None:
        WhatIf.objects.filter(pk=pk).update(done_runs=done, all_runs=whole)

    return tell


def stop_lost(now: datetime | None = None) -> int:
    """Mark what is played by nobody any more, as its worker was killed; return how many."""
    now = now or timezone.now()
    lost = Q(lease_until__lt=now) | Q(lease_until=None, started_at__lt=now - 2 * LIMIT)
    rows = WhatIf.objects.filter(lost, state=State.RUNNING)
    return rows.update(state=State.STOPPED, ended_at=now, error=STOPPED)


def forgotten(now: datetime | None = None) -> list[int]:
    """The questions that wait for longer than a hint to a worker takes: nobody was told of them."""
    waiting = WhatIf.objects.filter(state=State.WAITING, created_at__lt=(now or timezone.now()) - LEASE)
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:KEPT])


def _end(pk: int, state: str, **fields: Any) -> None:
    """Unless somebody cancelled it in the meantime."""
    rows = WhatIf.objects.filter(pk=pk, state=State.RUNNING)
    rows.update(state=state, ended_at=timezone.now(), **fields)
