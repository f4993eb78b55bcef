"""Reading, making, changing and deleting each kind of setting, all in the same way.

What stands in a row has a mark (ETag). `If-Match` with the mark that was read keeps two programs, or a
program and a person, from writing over each other: 412 then.
"""

import hashlib
import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Header, NinjaAPI, Schema, Status
from ninja.errors import HttpError

from api import consoles
from api.auth import caller
from api.consoles import SettingKept, SettingRefused
from api.kinds import KINDS, Kind
from api.objects import administrator, router
from api.paging import page
from api.problems import problem
from api.shapes import ObjectPage, Text
from api.shaping import shape_of
from sso.fields import SecretUnreadable

ANY = "*"


def etag(settings: dict[str, Any]) -> str:
    """The mark of a state: another one as soon as something is written."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def matches(header: str, mark: str) -> bool:
    """Whether If-Match or If-None-Match names this mark."""
    return header.strip() == ANY or mark in [each.strip() for each in header.split(",")]


def whole(request: HttpRequest, kind: Kind, row: Any) -> tuple[dict[str, Any], str]:
    """All of a row, with its mark: for administrators everything that can be written, too."""
    told = kind.show(row)
    if not caller(request).is_superuser:
        return told, etag(told)
    settings = consoles.settings_of(request, row, kind.parts)
    secrets = [getattr(row, name, "") for name in _secrets(settings)]
    return told | settings, etag(settings | {"": hashlib.sha256(repr(secrets).encode()).hexdigest()})


def _secrets(settings: dict[str, Any]) -> list[str]:
    return [name.removesuffix("_is_set") for name in settings if name.endswith("_is_set")]


def read(request: HttpRequest, response: HttpResponse, kind: Kind, pk: Any) -> dict[str, Any]:
    """One row that the caller may see."""
    row = kind.seen(caller(request)).filter(pk=pk).first()
    if row is None:
        raise Http404
    told, mark = whole(request, kind, row)
    response["ETag"] = mark
    return told


def written(
    request: HttpRequest, response: HttpResponse, kind: Kind, row: Any, payload: Schema
) -> dict[str, Any]:
    """Make or change a row, and all of it as it is then."""
    values = payload.model_dump(exclude_unset=True)
    row, warnings = consoles.write(request, kind.model, row, values, kind.parts)
    fresh = kind.model._default_manager.get(pk=row.pk)
    told, mark = whole(request, kind, fresh)
    response["ETag"] = mark
    return told | {"warnings": warnings}


def check_unchanged(request: HttpRequest, kind: Kind, row: Any, if_match: str) -> None:
    """Refuse, with 412, if the row isn't any more what the caller has read."""
    if if_match and not matches(if_match, whole(request, kind, row)[1]):
        raise HttpError(412, f"{row} was changed since: read it again, and try again.")


def add(kind: Kind) -> None:
    """The operations on one kind."""
    shape: Any = shape_of(f"{kind.word.capitalize()}Given", kind.model, kind.parts)
    key: Any = Text if kind.path == "languages" else int
    article = "an" if kind.word[0] in "aeiou" else "a"

    def get(request: HttpRequest, response: HttpResponse, pk: key) -> Any:
        return read(request, response, kind, pk)

    def make(request: HttpRequest, response: HttpResponse, payload: shape) -> Any:
        administrator(request)
        return Status(201, written(request, response, kind, None, payload))

    def change(
        request: HttpRequest, response: HttpResponse, pk: key, payload: shape, if_match: Header[str] = ""
    ) -> Any:
        administrator(request)
        with transaction.atomic():
            row = consoles.locked(kind.model, request, pk)
            check_unchanged(request, kind, row, if_match)
            return written(request, response, kind, row, payload)

    def delete(request: HttpRequest, pk: key, if_match: Header[str] = "") -> Any:
        administrator(request)
        with transaction.atomic():
            row = consoles.locked(kind.model, request, pk)
            check_unchanged(request, kind, row, if_match)
            consoles.delete(request, row)
        return Status(204, None)

    one = f"{kind.path}/{{{'' if key is Text else 'int:'}pk}}"
    told = dict[str, Any]
    router.get(one, operation_id=f"get_{kind.word}", summary=f"One {kind.word}", response=told)(get)
    router.post(
        kind.path, operation_id=f"make_{kind.word}", summary=f"Make {article} {kind.word}",
        response={201: told},
    )(make)  # fmt: skip
    router.patch(
        one, operation_id=f"change_{kind.word}", summary=f"Change {article} {kind.word}",
        description="What is left out stays. With If-Match, 412 if it was changed meanwhile.", response=told,
    )(change)  # fmt: skip
    router.delete(
        one, operation_id=f"delete_{kind.word}", summary=f"Delete {article} {kind.word}",
        description="409 says what needs it still.", response={204: None},
    )(delete)  # fmt: skip
    if kind.is_listed_here:
        _add_list(kind)


def _add_list(kind: Kind) -> None:
    def every(request: HttpRequest) -> Any:
        rows = kind.seen(caller(request))
        return page(request, rows, "pk", lambda found: [kind.show(row) for row in found])

    plural = f"The {kind.path}"
    router.get(kind.path, operation_id=f"list_{kind.path}", summary=plural, response=ObjectPage)(every)


def register(api: NinjaAPI) -> None:
    """What the forms refuse, as problems."""

    @api.exception_handler(SettingRefused)
    def refused(request: HttpRequest, error: SettingRefused) -> HttpResponse:
        errors = [
            {"loc": ["body", name] if name else ["body"], "msg": " ".join(told)}
            for name, told in error.errors.items()
        ]
        return problem(422, str(error), errors=errors)

    @api.exception_handler(SettingKept)
    def kept(request: HttpRequest, error: SettingKept) -> HttpResponse:
        return problem(409, str(error))

    @api.exception_handler(PermissionDenied)
    def denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
        return problem(403, "The user of this key may not do this.")

    @api.exception_handler(SecretUnreadable)
    def unreadable(request: HttpRequest, error: SecretUnreadable) -> HttpResponse:
        return problem(409, str(error))


for _kind in KINDS:
    add(_kind)
