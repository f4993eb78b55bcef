"""ParsedMail ↔ bytes, for a parser that runs in a process of its own.

JSON, because its reader can't be made to run anything: the process that wrote the bytes may have been taken
over by the mail that it read. What comes back is checked field by field against the annotations of the
dataclasses, so it is a ParsedMail and nothing else.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from mailcore.parsed import ParsedMail

Read = Callable[[Any], Any]


class NoMail(ValueError):
    """These bytes are no ParsedMail."""


def to_bytes(mail: ParsedMail) -> bytes:
    """Return the mail as JSON in UTF-8: a dataclass is the list of its fields."""
    return json.dumps(_plain(mail), ensure_ascii=False, separators=(",", ":")).encode()


def from_bytes(data: bytes) -> ParsedMail:
    """Read what `to_bytes` wrote.

    Raises:
        NoMail: it is something else.
    """
    try:
        mail = _reader(ParsedMail)(json.loads(data))
    except (ValueError, TypeError, RecursionError, OverflowError, OSError) as error:
        raise NoMail(f"This is not a mail: {type(error).__name__}.") from error
    assert isinstance(mail, ParsedMail)
    return mail


@cache
def layout() -> bytes:
    """Return a mark of how mails are written: two versions of the product must not read each other's."""
    seen: dict[str, None] = {}
    kinds: list[Any] = [ParsedMail]
    while kinds:
        kind = kinds.pop()
        kinds += get_args(kind)
        if is_dataclass(kind) and isinstance(kind, type):
            hints = get_type_hints(kind)
            told = f"{kind}: {[(name, str(hints[name])) for name in _names(kind)]}"
            kinds += [] if told in seen else hints.values()
            seen[told] = None
    return hashlib.sha256("\n".join(sorted(seen)).encode()).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | NoneType):  # first, as nearly all are
        return value
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.timestamp()
    kind: Any = type(value)
    return [_plain(getattr(value, name)) for name in _names(kind)]


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


@cache
def _reader(kind: Any) -> Read:
    """Return the function that turns plain values into this type, or raises ValueError or TypeError."""
    if get_origin(kind) is tuple:
        return _tuple_reader(get_args(kind))
    if get_origin(kind) is UnionType:
        return _optional_reader(kind)
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if kind is datetime:
        return lambda value: datetime.fromtimestamp(value, UTC)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind
    if kind in (str, int, bool):
        return lambda value: value if type(value) is kind else _refuse(value)
    raise TypeError(f"No way is known to read a {kind}.")


def _tuple_reader(kinds: tuple[Any, ...]) -> Read:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        read = _reader(kinds[0])
        return lambda value: tuple(map(read, value)) if type(value) is list else _refuse(value)
    readers = [_reader(each) for each in kinds]
    return lambda value: tuple(read(each) for read, each in zip(readers, value, strict=True))


def _optional_reader(kind: UnionType) -> Read:
    (inner,) = (each for each in get_args(kind) if each is not NoneType)
    read = _reader(inner)
    return lambda value: None if value is None else read(value)


def _dataclass_reader(kind: Any) -> Read:
    hints = get_type_hints(kind)
    names = _names(kind)
    readers = [_reader(hints[name]) for name in names]

    def read(value: Any) -> Any:
        if type(value) is not list:
            _refuse(value)
        pairs = zip(names, readers, value, strict=True)
        return kind(**{name: reader(each) for name, reader, each in pairs})

    return read


def _refuse(value: object) -> Any:
    raise ValueError(type(value).__name__)
