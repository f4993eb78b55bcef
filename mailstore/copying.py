"""Rows written by COPY in PostgreSQL's binary format: no statement to be built and read, no hex for bytes.

PostgreSQL manual, COPY, "Binary Format"; a value stands there as the type's receive function reads it.
"""

import io
import json
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection, models

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = struct.pack(">h", -1)
NULL = struct.pack(">i", -1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
AT_ONCE = 1024 * 1024  # octets

_LENGTH = struct.Struct(">i")
_FIELDS = struct.Struct(">h")
_NO_PLACES = bytes(2)

RESERVE = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"

Write = Callable[[Any], bytes]


def copy_in(rows: Sequence[models.Model]) -> None:
    """Write new rows of one model, as `bulk_create` does; those without an id don't learn theirs."""
    if not rows:
        return
    kind = type(rows[0])
    if not _can_copy(kind):
        kind._default_manager.bulk_create(rows)
        return
    columns = [each for each in _columns(kind) if each[0] != kind._meta.pk or rows[0].pk is not None]
    data = io.BytesIO()
    data.write(HEAD)
    count = _FIELDS.pack(len(columns))
    for row in rows:
        data.write(count)
        for field, write in columns:
            value = field.pre_save(row, add=True)
            if value is None:
                data.write(NULL)
            else:
                octets = write(value)
                data.write(_LENGTH.pack(len(octets)))
                data.write(octets)
    data.write(TAIL)
    data.seek(0)
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.copy_expert(_statement(kind, tuple(field.column for field, _ in columns)), data, AT_ONCE)
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def update_in(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write these fields of several rows of one model with one statement; fields that are plain values."""
    meta = type(rows[0])._meta
    fields: list[Any] = [meta.pk, *(meta.get_field(name) for name in names)]
    statement = _update(meta.db_table, tuple((field.column, _type(field)) for field in fields))
    with connection.cursor() as cursor:
        cursor.execute(statement, [[_plain(field, row) for row in rows] for field in fields])


def _plain(field: Any, row: models.Model) -> Any:
    return field.get_db_prep_save(getattr(row, field.attname), connection)


@cache
def _update(table: str, columns: tuple[tuple[str, str], ...]) -> str:
    names = [connection.ops.quote_name(name) for name, _ in columns]
    arrays = ", ".join(f"%s::{kind}[]" for _, kind in columns)
    changes = ", ".join(f"{name} = new.{name}" for name in names[1:])
    given = f"unnest({arrays}) AS new ({', '.join(names)})"
    where = f"old.{names[0]} = new.{names[0]}"
    return f"UPDATE {connection.ops.quote_name(table)} AS old SET {changes} FROM {given} WHERE {where}"  # noqa: S608 - names of our models


def give_ids(rows: Sequence[models.Model]) -> None:
    """Reserve an id for each row, for those whose ids are needed before or after they are written."""
    if rows:
        meta = type(rows[0])._meta
        with connection.cursor() as cursor:
            cursor.execute(RESERVE, [meta.db_table, meta.pk.column, len(rows)])
            for row, (pk,) in zip(rows, cursor.fetchall(), strict=True):
                row.pk = pk


@cache
def _can_copy(kind: type[models.Model]) -> bool:
    """Whether there is a way to write each of the model's columns."""
    return all(_type(field) in WRITERS for field in kind._meta.concrete_fields)


@cache
def _columns(kind: type[models.Model]) -> list[tuple[Any, Write]]:
    return [(field, WRITERS[_type(field)]) for field in kind._meta.concrete_fields]


@cache
def _statement(kind: type[models.Model], columns: tuple[str, ...]) -> str:
    quoted = ", ".join(map(connection.ops.quote_name, columns))
    return f"COPY {connection.ops.quote_name(kind._meta.db_table)} ({quoted}) FROM STDIN (FORMAT binary)"


def _type(field: Any) -> str:
    return str(field.db_type(connection)).partition("(")[0]


def _instant(value: datetime) -> bytes:
    since = value - EPOCH
    return struct.pack(">q", (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _json(value: Any) -> bytes:
    return b"\x01" + json.dumps(value).encode()  # the version of jsonb's format


def _lexemes(value: Any) -> bytes:
    """A search vector, given as an expression that knows its `lexemes`; none of them has a place."""
    lexemes: list[str] = value.lexemes
    return _LENGTH.pack(len(lexemes)) + b"".join(each.encode() + b"\0" + _NO_PLACES for each in lexemes)


WRITERS: dict[str, Write] = {
    "bigint": struct.Struct(">q").pack,
    "integer": struct.Struct(">i").pack,
    "smallint": struct.Struct(">h").pack,
    "double precision": struct.Struct(">d").pack,
    "boolean": struct.Struct(">?").pack,
    "varchar": str.encode,
    "text": str.encode,
    "bytea": bytes,
    "jsonb": _json,
    "timestamp with time zone": _instant,
    "tsvector": _lexemes,
}
