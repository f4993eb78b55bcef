"""Keyset pages: `{"results": […], "next": URL or null}`, never OFFSET."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core import signing
from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from ninja.errors import HttpError

M = TypeVar("M", bound=models.Model)
SALT = "api.paging"
MOST = 200


def page(
    request: HttpRequest, rows: models.QuerySet[M], order: str, show: Callable[[list[M]], list[Any]]
) -> dict[str, Any]:
    """One page of `rows`, newest first by `order` and id.

    The address of the next page carries the keys of this page's last row; `limit` (≤ 200) sets its length.
    """
    limit = _limit(request)
    cursor = request.GET.get("cursor")
    if cursor:
        key, last_id = _read(cursor, request.path)
        rows = rows.filter(Q(**{f"{order}__lt": key}) | Q(**{order: key, "pk__lt": last_id}))
    found = list(rows.order_by(f"-{order}", "-pk")[: limit + 1])
    following = None
    if len(found) > limit:
        found = found[:limit]
        following = _next_page(request, _write(getattr(found[-1], order), found[-1].pk, request.path))
    return {"results": show(found), "next": following}


def found_page(
    request: HttpRequest, find: Callable[[int, str], tuple[list[M], str]], show: Callable[[M], Any]
) -> dict[str, Any]:
    """One page of what a search finds; `find` takes its length and the mark after which it begins."""
    found, mark = find(_limit(request), request.GET.get("cursor", ""))
    return {"results": [show(row) for row in found], "next": _next_page(request, mark) if mark else None}


def _next_page(request: HttpRequest, cursor: str) -> str:
    query = request.GET.copy()
    query["cursor"] = cursor
    return f"{settings.BASE_URL}{request.path}?{query.urlencode()}"


def _limit(request: HttpRequest) -> int:
    text = request.GET.get("limit", "50")
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MOST):
        raise HttpError(400, f"limit is {text[:30]!r}: give a number from 1 to {MOST}.")
    return int(text)


def _write(key: Any, last_id: Any, path: str) -> str:
    return signing.dumps([json.dumps(key, default=str), last_id], salt=f"{SALT}:{path}")


def _read(cursor: str, path: str) -> tuple[Any, Any]:
    """The keys in a cursor of this very list; another list is in another order."""
    try:
        key, last_id = signing.loads(cursor, salt=f"{SALT}:{path}")
    except signing.BadSignature as error:
        raise HttpError(400, "cursor is not one of this list: follow “next” as it is.") from error
    return json.loads(key), last_id
