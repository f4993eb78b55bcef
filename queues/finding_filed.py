"""What messages and notes are filed under: the lexemes of their column `search`.

Each lexeme begins with the span of days in which the mail came, as if each span had an index of its own:

    4f3a invoice        a word anywhere          4f3a # invoice     of the subject
    4f3a < alice        of who wrote             4f3a > bob         of whom it is to;   ) copies
    4f3a @ pdf          of a file's name         4f3a ! callback    of a note
    4f3a = 12           the queue                4f3a *  *in *out *note *files    each row, and its kind

(written without the blanks). So a search walks from the newest span to the oldest and stops when it has
enough: a common word costs no more than a rare one, as neither is ever collected, let alone sorted, for all
years. The queue is there because who works in a small queue must not wait for the words of all the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from queues.finding_words import keys
from queues.models import Message, Note
from queues.search import MOST_BYTES, Vector

MOST_OCTETS = 4  # of a character
SPAN = timedelta(days=7)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SPAN = 0xFFFF  # in the year 2508
FROM, TO, COPY, SUBJECT, FILE, NOTE, QUEUE, KIND = "<", ">", ")", "#", "@", "!", "=", "*"
A_NOTE, WITH_FILES = "note", "files"

# The span of a row in SQL; the same as `span` makes.
SPAN_OF = (
    "lpad(to_hex(least(greatest(floor(extract(epoch FROM created_at) / 604800)::int, 0), 65535)), 4, '0')"
)
REFILE = f"""
UPDATE {{table}} SET search = array_to_tsvector(
    array(SELECT lexeme FROM unnest(tsvector_to_array(search)) AS lexeme WHERE substr(lexeme, 5, 1) <> '=')
    || ARRAY[{SPAN_OF} || '=' || %s])
WHERE conversation_id = %s AND NOT search @@ quote_literal({SPAN_OF} || '=' || %s)::tsquery
"""  # noqa: S608 - our own constants
TABLES = ("queues_message", "queues_note")
# What `file_anew` reads: a migration calls it, whose rows have no newer columns.
READ = ("created_at", "direction", "subject", "from_name", "from_email", "to", "cc", "text", "quote_at",
        "invitations", "conversation__queue")  # fmt: skip
NAMES = ("user__first_name", "user__last_name", "user__username")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What is to be filed of one mail or note; `texts` is what has no heading of its own."""

    at: datetime
    queue_id: int
    kinds: tuple[str, ...]
    subject: str = ""
    from_: str = ""
    to: str = ""
    cc: str = ""
    files: str = ""
    note: str = ""
    texts: tuple[str, ...] = field(default=(), repr=False)


def span(at: datetime) -> str:
    """The name of the span of days in which a moment lies; the names sort as the times do."""
    return f"{min(max((at - EPOCH) // SPAN, 0), LAST_SPAN):04x}"


def span_number(at: datetime) -> int:
    """The same as a number."""
    return int(span(at), 16)


def sheet_of(message: Message, queue_id: int, files: Iterable[str], more: Iterable[str] = ()) -> Sheet:
    """What a mail is filed under.

    :param files: the names of its files.
    :param more: other texts in it, such as those of invitations.
    """
    names = "\n".join(files)
    kinds = (message.direction, WITH_FILES) if names else (message.direction,)
    return Sheet(
        at=message.created_at,
        queue_id=queue_id,
        kinds=kinds,
        subject=message.subject,
        from_=f"{message.from_name} {message.from_email}",
        to=_people(message.to),
        cc=_people(message.cc),
        files=names,
        texts=(message.text[: message.quote_at or None], *more, message.text[message.quote_at :]),
    )


def sheet_of_note(note: Note, queue_id: int, writer: str) -> Sheet:
    """What a note is filed under."""
    return Sheet(at=note.created_at, queue_id=queue_id, kinds=(A_NOTE,), from_=writer, note=note.text)


def _people(addresses: list[dict[str, Any]]) -> str:
    return "\n".join(f"{each.get('name', '')} {each.get('email', '')}" for each in addresses)


def filed(sheet: Sheet) -> Vector:
    """The value of `search` for it; what is too much for PostgreSQL is left out at the end of the text."""
    code = span(sheet.at)
    kept = [code + lexeme for lexeme in dict.fromkeys(_lexemes(sheet))]
    if sum(map(len, kept)) * MOST_OCTETS > MOST_BYTES:
        kept = _cut(kept)
    return Vector(kept)


def _cut(lexemes: list[str]) -> list[str]:
    """As many of the first as there is room for."""
    ends = accumulate(len(lexeme.encode()) for lexeme in lexemes)
    return [lexeme for lexeme, end in zip(lexemes, ends, strict=True) if end <= MOST_BYTES]


def _lexemes(sheet: Sheet) -> Iterator[str]:
    yield f"{QUEUE}{sheet.queue_id}"
    yield KIND
    yield from (f"{KIND}{kind}" for kind in sheet.kinds)
    headed = (
        (SUBJECT, sheet.subject), (FROM, sheet.from_), (FILE, sheet.files), (NOTE, sheet.note),
        (TO, sheet.to), (COPY, sheet.cc),
    )  # fmt: skip
    for mark, text in headed:
        for word in keys(text):
            yield mark + word
            yield word
    yield from keys("\n".join(sheet.texts))


def refile(conversation_id: int, queue_id: int) -> None:
    """File the mails and notes of a conversation under the queue that it is in now."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(REFILE.format(table=table), [str(queue_id), conversation_id, str(queue_id)])


def file_anew(messages: QuerySet[Message], after: int = 0, limit: int = 500) -> int:
    """File this many messages from scratch, by ascending id; return the last id, 0 when none is left."""
    rows = messages.filter(pk__gt=after).order_by("pk").select_related("conversation").only(*READ)
    last = 0
    for message in rows.prefetch_related("attachments")[:limit]:
        names = [each.name for each in message.attachments.all()]
        sheet = sheet_of(message, message.conversation.queue_id, names, _invited(message))
        messages.filter(pk=message.pk).update(search=filed(sheet))
        last = message.pk
    return last


def _invited(message: Message) -> list[str]:
    texts = (event.get(name, "") for event in message.invitations for name in ("summary", "location"))
    return [text for text in texts if isinstance(text, str)]


def file_notes_anew(notes: QuerySet[Note]) -> None:
    """File all notes from scratch."""
    rows = notes.select_related("conversation", "user").only(
        "text", "created_at", "conversation__queue", *NAMES
    )
    for note in rows.iterator():
        writer = f"{note.user.first_name} {note.user.last_name} {note.user.username}" if note.user else ""
        sheet = sheet_of_note(note, note.conversation.queue_id, writer)
        notes.filter(pk=note.pk).update(search=filed(sheet))


def name_of(user: Any) -> str:
    """The names that a colleague is found by."""
    return f"{user.get_full_name()} {user.get_username()}" if user else ""
