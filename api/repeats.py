"""Idempotency-Key: a POST that is sent again gets the first answer again, for a day.

    no row ──► at work (status empty, claimed for a minute) ──► kept (2xx) ──► gone after a day
                    └─ refused or failed: the row goes, and the same key may be tried again

A kept answer is given only by the rights that it was given by at first (see `held`).

The row is written and committed before anything is done, so two at the same time can't both do it. What is
done and its answer are committed together: whoever dies between leaves neither, and the next one may do it.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from api import held
from api.models import KeptAnswer
from queues.transactions import whole

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""Longer than a request lives; after it, whoever made the answer is gone."""

BY_THEMSELVES = re.compile(
    r"^(providers|senders|sources|webhooks)$|/(activate|test)$|^contacts/.+/merge$|^contact-merges/.+/undo$"
)
"""Operations that no transaction is put around: they ask other servers, or give way and try again themselves.

Done twice they make nothing twice: names are unique, a test is a test, and who was merged is gone.
"""

BUSY = "Idempotency-Key: this very request is being done; ask again in a second."
TOKEN = re.compile(r"[\x21-\x7e]{1,255}")
REPLAYED = "Idempotent-Replayed"


class RepeatRefused(Exception):
    """A request with an Idempotency-Key that can't be answered; the text is for who wrote the program."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation that a user asks for.

    :param operation: its path, with places.
    :param path: what stands in those.
    :param act: does it.
    """

    user: User
    operation: str
    path: Mapping[str, Any]
    act: Callable[[], HttpResponse]


def once(request: HttpRequest, asked: Asked, token: str) -> HttpResponse:
    """Answer with what was answered before, or do it and keep the answer.

    Raises:
        RepeatRefused: 400 no good key, 403 and 404 the answer was given by rights that are gone, 409 it is
            being done at this moment, 422 another request had the key.
    """
    if not TOKEN.fullmatch(token):
        raise RepeatRefused(400, "Idempotency-Key: give 1 to 255 printable ASCII characters without blanks.")
    fingerprint = fingerprint_of(request)
    row, is_new = KeptAnswer.objects.get_or_create(
        user=asked.user, token=token, defaults={"fingerprint": fingerprint, "claimed_at": timezone.now()}
    )
    if not is_new:
        kept = _again(row, fingerprint, asked.user)
        if kept is not None:
            return kept
    return _done(row, asked)


def fingerprint_of(request: HttpRequest) -> str:
    """Tells requests apart: by their method, address and body."""
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + request.body).hexdigest()


def forget() -> int:
    """Delete what is older than a day; return how many."""
    return _old().delete()[0]


def _old() -> QuerySet[KeptAnswer]:
    return KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT)


def _again(row: KeptAnswer, fingerprint: str, user: User) -> HttpResponse | None:
    """The kept answer; None if it is to be made, and this request has taken that over."""
    now = timezone.now()
    if _old().filter(pk=row.pk).exists():
        values = {"fingerprint": fingerprint, "claimed_at": now, "created_at": now, "status": None}
        if _old().filter(pk=row.pk).update(**values):
            row.claimed_at = now
            return None
    if row.fingerprint != fingerprint:
        raise RepeatRefused(
            422, "Idempotency-Key: another request had this key already. Give each request one of its own."
        )
    if row.status is not None:
        _check_rights(row, user)
        response = HttpResponse(row.body, status=row.status, content_type=row.content_type)
        response[REPLAYED] = "true"
        return response
    lost = KeptAnswer.objects.filter(pk=row.pk, status=None, claimed_at__lt=now - LEASE)
    if lost.update(claimed_at=now):
        row.claimed_at = now
        return None
    raise RepeatRefused(409, BUSY)


def _check_rights(row: KeptAnswer, user: User) -> None:
    if not row.held:
        raise RepeatRefused(
            403,
            "It was done at the first time, before an update: by which rights is not known, so it is not "
            "shown again.",
        )
    if held.lost_rights(user, row.held):
        raise RepeatRefused(
            403,
            "It was done at the first time. Your rights have changed since, so it is not shown again.",
        )
    if held.lost_sight(user, row.held):
        raise RepeatRefused(404, "It was done at the first time. What it was done to is out of your sight.")


def _done(row: KeptAnswer, asked: Asked) -> HttpResponse:
    is_kept = False
    try:
        is_whole = not BY_THEMSELVES.search(asked.operation.strip("/"))
        response, is_kept = _made_whole(row, asked) if is_whole else _made(row, asked)
    finally:
        if not is_kept:  # nothing was made, so the same key may be tried again
            _own(row).delete()
    return response


@whole
def _made_whole(row: KeptAnswer, asked: Asked) -> tuple[HttpResponse, bool]:
    return _made(row, asked)


def _made(row: KeptAnswer, asked: Asked) -> tuple[HttpResponse, bool]:
    """Do it; whether the answer is kept."""
    response = asked.act()
    if not 200 <= response.status_code < 300:
        return response, False
    is_ours = _own(row).update(
        status=response.status_code,
        body=response.content.decode(),
        content_type=response.get("Content-Type", ""),
        held=held.of(asked.user, asked.operation, asked.path, response),
    )
    if not is_ours:  # it took longer than a request lives, and another has it now
        raise RepeatRefused(409, BUSY)
    return response, True


def _own(row: KeptAnswer) -> QuerySet[KeptAnswer]:
    """The row, while nobody else has claimed it."""
    return KeptAnswer.objects.filter(pk=row.pk, status=None, claimed_at=row.claimed_at)
