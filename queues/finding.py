"""Finding conversations by what their mails and notes say, newest first, however many there are.

    question ─read─▶ asked ─query─▶ lexemes ─walk, span by span─▶ hits ─▶ those that the asker may see

Only as much is read as a page needs. When a question is met so seldom that even that takes long, the page
ends early and says how far back it has looked; its mark goes on from there.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from agents.rights import Person
from mailsenders.models import OutgoingMail
from queues.audiences import hidden
from queues.finding_asked import Asked, Field
from queues.finding_filed import EPOCH, SPAN, SPAN_OF, span_number
from queues.finding_query import Query, best, query, with_plain_words
from queues.finding_words import has_phrase
from queues.models import Conversation, Message, Note

FEW = 600  # conversations that are rather looked through one by one
BATCHES = (300, 1000, 3000)  # hits read at once
SPANS = (30, 120, 600, 3000)  # spans walked by one statement
PATIENCE = 0.15  # seconds, after which a page ends early
LIMIT = 4000  # milliseconds, for one statement
LARGEST_ID = 2**63 - 1
CANCELED = "57014"  # by the time limit; the words of the message are those of the server's language
PHRASES = 200  # texts compared with a phrase at once

WALK = """
SELECT hit.at, hit.pk, hit.kind, hit.conversation_id
FROM unnest(%s::text[]) AS span(code), LATERAL ({rows} ORDER BY at DESC, pk DESC, kind DESC) AS hit
LIMIT %s
"""
WITHIN = "{rows} ORDER BY at DESC, pk DESC, kind DESC LIMIT %s"
ROWS = """
SELECT created_at AS at, id AS pk, '{kind}' AS kind, conversation_id FROM {table}
WHERE search @@ replace(%s, '~', {code})::tsquery AND {at} >= %s
AND ({at}, id, '{kind}') < (%s, %s, %s){more}
"""
AT = "created_at + interval '0'"
"""Computed: a span holds few rows, and with the index by date all that is older would be read."""
NEWER = """
SELECT conversation_id, id, '{kind}' FROM {table}
WHERE conversation_id = ANY(%s) AND search @@ replace(%s, '~', {code})::tsquery
AND created_at < %s AND (created_at, id, '{kind}') >= (%s, %s, %s)
"""
KINDS = {"m": "queues_message", "n": "queues_note"}
SETTINGS = {"statement_timeout": f"{LIMIT}ms", "jit": "off", "max_parallel_workers_per_gather": "0"}
OLDEST = "SELECT created_at FROM queues_message ORDER BY created_at LIMIT 1"


class TooBroad(Exception):
    """A search that took too long; the text tells what to do."""

    def __init__(self) -> None:
        super().__init__(
            "This search would take too long. Add a word, or say when: after:2026-01 looks at newer mails."
        )


class BadMark(ValueError):
    """A page mark that we didn't make."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place on the way from the newest to the oldest."""

    at: datetime
    pk: int
    kind: str

    @property
    def mark(self) -> str:
        """As it stands in an address."""
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}.{self.pk}.{self.kind}"


@dataclass(frozen=True, slots=True)
class Hit:
    """The newest mail (`kind` m) or note (n) of a conversation that matches."""

    place: Place
    conversation_id: int


@dataclass(slots=True)
class Found:
    """One page; `reached` is set when it ended early: nothing newer than that is left out."""

    hits: list[Hit] = field(default_factory=list)
    next: str = ""
    reached: datetime | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A question, who may see what, and whether few conversations come into question at all."""

    asked: Asked
    rows: QuerySet[Conversation]
    queues: tuple[int, ...] | None = None
    is_narrow: bool = False
    user: Person | None = None  # who asks: finds no whisper that is not for them


END = Place(datetime(9000, 1, 1, tzinfo=UTC), 0, "")
_BEST, _REST = "b", "r"


def find(search: Search, limit: int, after: str = "") -> Found:
    """One page of the conversations that match, each at its newest hit.

    Raises:
        BadMark: `after` isn't the `next` of a page.
        TooBroad: it takes too long.
    """
    tier, start = _read_mark(after)
    whole = query(search.asked, search.queues)
    with _limits():
        few = _few(search)
        if not search.asked.is_best_first or not with_plain_words(search.asked):
            return _page(_Walk(search, whole, few), start, limit)
        head = best(search.asked, search.queues)
        found = Found()
        if tier == _BEST:
            found = _page(_Walk(search, head, few), start, limit)
            if found.next:
                found.next = _BEST + found.next
                return found
            start = END
        rest = _page(_Walk(search, whole, few, without=head), start, limit - len(found.hits))
        found.hits += rest.hits
        found.reached = rest.reached
        found.next = _REST + rest.next if rest.next else ""
        return found


@dataclass(slots=True)
class _Walk:
    """One query on its way through the years; what matches `without` is left to another one."""

    search: Search
    query: Query
    few: list[int] | None
    without: Query | None = None
    seen: set[int] = field(default_factory=set)

    @property
    def since(self) -> datetime:
        return self.search.asked.since or EPOCH

    @property
    def until(self) -> datetime:
        return self.search.asked.until or END.at


def _page(walk: _Walk, start: Place, limit: int) -> Found:
    """The next `limit` conversations after `start`."""
    found, end, last = Found(), time.monotonic() + PATIENCE, start
    for batch, place in _batches(walk, start, end):
        for hit in _kept(walk, batch, start):
            if len(found.hits) == limit:
                found.next = found.hits[-1].place.mark if found.hits else last.mark
                return found
            found.hits.append(hit)
        last = place
        if time.monotonic() > end:
            found.next, found.reached = place.mark, place.at
            return found
    return found


def _batches(walk: _Walk, start: Place, end: float) -> Iterator[tuple[list[Hit], Place]]:
    """Hits in order, with the place up to which all have been seen.

    :param end: by which moment the page should be there: of large batches only as much is read as there is
        time for, by the pace of the one before, as mails that lie on a cold disk take long.
    """
    if walk.few is not None:
        hits = _within(walk, start, walk.few)
        for at in range(0, len(hits), BATCHES[1]):
            yield hits[at : at + BATCHES[1]], hits[at : at + BATCHES[1]][-1].place
        return
    newest = start.at if start.pk else start.at - timedelta(microseconds=1)  # nothing is at the end of a span
    first = span_number(min(newest, walk.until, timezone.now() + SPAN))
    last = max(span_number(walk.since), _oldest())
    step, pace = 0, float("inf")
    while first >= last:
        began = time.monotonic()
        spans, most = SPANS[min(step, len(SPANS) - 1)], BATCHES[min(step, len(BATCHES) - 1)]
        most = min(most, PHRASES) if walk.query.phrases else most
        most = int(min(most, max(BATCHES[0], pace * max(end - began, 0))))
        codes = [f"{each:04x}" for each in range(first, max(first - spans, last - 1), -1)]
        hits = _walked(walk, start, codes, most)
        step += 1
        pace = len(hits) / max(time.monotonic() - began, 1e-6) if hits else pace
        if len(hits) == most:
            start = hits[-1].place
            first = span_number(start.at)
        else:
            first -= len(codes)
            start = min(start, Place(EPOCH + SPAN * (first + 1), 0, ""))
        yield hits, start


def _walked(walk: _Walk, start: Place, codes: list[str], most: int) -> list[Hit]:
    rows, given = _rows(walk, start, "span.code")
    return _read(WALK.format(rows=rows), [codes, *given, most])


def _within(walk: _Walk, start: Place, few: list[int]) -> list[Hit]:
    rows, given = _rows(walk, start, SPAN_OF, few)
    return _read(WITHIN.format(rows=rows), [*given, 50 * FEW])


def _rows(walk: _Walk, start: Place, code: str, few: list[int] | None = None) -> tuple[str, list[Any]]:
    """The statement that reads mails and notes, and its values."""
    before = min(start, Place(walk.until, 0, ""))
    kinds = KINDS if walk.query.has_notes else {"m": KINDS["m"]}
    more = "" if few is None else " AND conversation_id = ANY(%s)"
    parts = [
        ROWS.format(kind=kind, table=table, code=code, at=AT, more=more) for kind, table in kinds.items()
    ]
    own: list[Any] = [walk.query.lexemes, walk.since, before.at, before.pk, before.kind]
    own += [] if few is None else [few]
    return " UNION ALL ".join(parts), own * len(kinds)


def _read(statement: str, given: list[Any]) -> list[Hit]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return [Hit(Place(at, pk, kind), row) for at, pk, kind, row in cursor.fetchall()]


def _kept(walk: _Walk, batch: list[Hit], start: Place) -> Iterator[Hit]:
    """Of a batch, the first hit of each conversation that the asker may see and has not seen yet."""
    ids = {hit.conversation_id for hit in batch} - walk.seen
    allowed = ids if walk.few is not None else _allowed(walk.search.rows, ids)
    true = [hit for hit in batch if hit.conversation_id in allowed]
    true = _readable(walk, true)
    allowed = {hit.conversation_id for hit in true}
    if allowed and start != END:
        allowed -= _already(walk, walk.query, allowed, start)
    if allowed and walk.without is not None:
        allowed -= _already(walk, walk.without, allowed, Place(EPOCH, 0, ""))
    for hit in _with_phrases(walk.query, [hit for hit in true if hit.conversation_id in allowed]):
        if hit.conversation_id not in walk.seen:
            walk.seen.add(hit.conversation_id)
            yield hit


def _allowed(rows: QuerySet[Conversation], ids: set[int]) -> set[int]:
    return set(rows.filter(pk__in=ids).order_by().values_list("pk", flat=True)) if ids else set()


def _readable(walk: _Walk, hits: list[Hit]) -> list[Hit]:
    """Without mails that were taken back, and without whispers to others."""
    notes = [hit.place.pk for hit in hits if hit.place.kind == "n"]
    secret = hidden(walk.search.user, notes) if notes else set()
    hits = [hit for hit in hits if hit.place.kind != "n" or hit.place.pk not in secret]
    mails = [hit.place.pk for hit in hits if hit.place.kind == "m"]
    cancelled = Message.objects.filter(pk__in=mails, outgoing__state=OutgoingMail.State.CANCELLED)
    gone = set(cancelled.values_list("pk", flat=True)) if mails else set()
    return [hit for hit in hits if hit.place.kind != "m" or hit.place.pk not in gone]


def _already(walk: _Walk, asked: Query, ids: Iterable[int], start: Place) -> set[int]:
    """Those of the conversations that have a hit at `start` or newer: an earlier page has shown them."""
    found: list[Hit] = []
    with connection.cursor() as cursor:
        for kind, table in KINDS.items() if asked.has_notes else [("m", KINDS["m"])]:
            statement = NEWER.format(kind=kind, table=table, code=SPAN_OF)
            given: list[Any] = [list(ids), asked.lexemes, walk.until, start.at, start.pk, start.kind]
            cursor.execute(statement, given)
            found += [Hit(Place(start.at, pk, kind), row) for row, pk, kind in cursor.fetchall()]
    return {hit.conversation_id for hit in _with_phrases(asked, _readable(walk, found))}


def _with_phrases(asked: Query, hits: list[Hit]) -> Iterator[Hit]:
    """Those whose text has the words of each phrase side by side."""
    if not asked.phrases:
        yield from hits
        return
    for at in range(0, len(hits), PHRASES):
        some = hits[at : at + PHRASES]
        texts = _texts(some)
        yield from (hit for hit in some if _has_phrases(asked, texts.get(hit.place, {})))


def _texts(hits: list[Hit]) -> dict[Place, dict[Field, str]]:
    mails = {hit.place.pk: hit.place for hit in hits if hit.place.kind == "m"}
    notes = {hit.place.pk: hit.place for hit in hits if hit.place.kind == "n"}
    found: dict[Place, dict[Field, str]] = {}
    for pk, subject, text, name in Message.objects.filter(pk__in=mails).values_list(
        "pk", "subject", "text", "from_name"
    ):
        found[mails[pk]] = {Field.SUBJECT: subject, Field.ANY: f"{subject}\n|\n{name}\n|\n{text}"}
    for pk, text in Note.objects.filter(pk__in=notes).values_list("pk", "text"):
        found[notes[pk]] = {Field.NOTE: text, Field.ANY: text}
    return found


def _has_phrases(asked: Query, texts: dict[Field, str]) -> bool:
    for term in asked.phrases:
        if term.field not in (Field.ANY, Field.SUBJECT, Field.NOTE):
            continue  # of names and addresses the order doesn't matter
        if has_phrase(texts.get(term.field, ""), term.value) == term.is_not:
            return False
    return True


def hits_of(search: Search, conversation_id: int, most: int = 20) -> list[Hit]:
    """The mails and notes of one conversation that match, the newest first."""
    walk = _Walk(search, query(search.asked, None), [conversation_id])
    hits = _readable(walk, _within(walk, END, [conversation_id]))
    return list(_with_phrases(walk.query, hits))[:most]


def _few(search: Search) -> list[int] | None:
    """The conversations that come into question, when they are few."""
    if not search.is_narrow:
        return None
    found = list(search.rows.order_by().values_list("pk", flat=True)[: FEW + 1])
    return found if len(found) <= FEW else None


def _oldest() -> int:
    with connection.cursor() as cursor:
        cursor.execute(OLDEST)
        row = cursor.fetchone()
    return span_number(row[0]) if row else 1 << 16


@contextmanager
def _limits() -> Iterator[None]:
    """No statement of a search takes long, or as much preparation as a report."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            names = list(SETTINGS)
            cursor.execute(f"SELECT {', '.join(['current_setting(%s)'] * len(names))}", names)
            before = cursor.fetchone()
            _set(SETTINGS.items())
            yield
            _set(zip(names, before, strict=True))
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) == CANCELED:
            raise TooBroad from error
        raise


def _set(pairs: Iterable[tuple[str, str]]) -> None:
    given = [text for pair in pairs for text in pair]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(['set_config(%s, %s, true)'] * (len(given) // 2))}", given)


def _read_mark(mark: str) -> tuple[str, Place]:
    if not mark:
        return _BEST, END
    tier, text = (mark[0], mark[1:]) if mark[0] in (_BEST, _REST) else (_REST, mark)
    try:
        stamp, number, kind = text.split(".")
        place = Place(EPOCH + timedelta(microseconds=int(stamp)), int(number), kind)
    except (ValueError, OverflowError) as error:
        raise BadMark(f"“{mark[:50]}” is not a page of this list.") from error
    if kind not in ("", *KINDS) or not (EPOCH <= place.at <= END.at and 0 <= place.pk <= LARGEST_ID):
        raise BadMark(f"“{mark[:50]}” is not a page of this list.")
    return tier, place
