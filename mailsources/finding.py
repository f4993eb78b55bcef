"""Find any mail of the ledger, delivered, skipped or parked: by address, Message-ID or words of the subject.

Made for millions of rows: each way has an index, and the newest come first without counting or sorting all.
"""

from django.contrib.postgres.search import SearchVectorField
from django.db import connection
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.functions import Cast

from mailsources.models import FetchedMail
from queues.search import Lexemes, words

MOST_ASKED = 12
MANY_HITS = 5000
MARKS = "<>\"' \t"

# Planned for all hits, as it is materialized, but stopped by the limit.
HITS = """
    WITH hits AS MATERIALIZED (SELECT id FROM mailsources_fetchedmail WHERE search @@ %s::tsquery)
    SELECT id FROM hits LIMIT %s
"""


def find(rows: QuerySet[FetchedMail], text: str) -> QuerySet[FetchedMail]:
    """Those of the rows that a person means by `text`.

    A whole address or Message-ID, with or without <>, finds exactly that; anything else is taken as words of
    the subject and of the sender's name and address, of which beginnings count. What isn't among the rows is
    looked for like what there isn't at all: who may not see it, is not told that it exists.
    """
    whole = text.strip(MARKS).removeprefix("mailto:")
    if not whole:
        return rows
    exact = Q(sender=whole.lower()) | Q(header_id=whole)
    if not any(letter.isspace() for letter in whole) and rows.filter(exact).order_by().exists():
        return rows.filter(exact)
    return _with_words(rows, words(text)[:MOST_ASKED])


def _with_words(rows: QuerySet[FetchedMail], asked: list[str]) -> QuerySet[FetchedMail]:
    if not asked:
        return rows.none()
    query = Lexemes(asked)
    with connection.cursor() as cursor:
        cursor.execute(HITS, [query.lexemes, MANY_HITS])
        hits = [pk for (pk,) in cursor.fetchall()]
    if len(hits) < MANY_HITS:
        return rows.filter(pk__in=hits)
    # So many that walking down from the newest meets enough of them soon. The sum keeps PostgreSQL from
    # reading all hits out of the index first and sorting them.
    nothing = Cast(Value(""), SearchVectorField())
    vector = Func(F("search"), nothing, template="(%(expressions)s)", arg_joiner=" || ",
                  output_field=SearchVectorField())  # fmt: skip
    return rows.alias(walked=vector).filter(walked=query)
