"""Contacts as a table that an import takes back."""

from collections.abc import Iterator

from django.db.models import QuerySet

from crm import fields
from crm.columns import OWN
from crm.fields import definitions
from crm.importing_lines import PRIORITIES
from crm.models import Contact
from crm.table import written

CHUNK = 1000
COLUMNS = (
    *("external_id", "name", "email", "emails", "phone", "organisation", "language", "time_zone"),
    *("priority", "standing", "remark"),
)
_WORDS = {number: word for word, number in reversed(PRIORITIES.items())}


def table(contacts: QuerySet[Contact], delimiter: str = ",") -> Iterator[bytes]:
    """The lines of the table, read by and by, the newest contact first."""
    return written(_records(contacts), delimiter)


def _records(contacts: QuerySet[Contact]) -> Iterator[list[str]]:
    own = [each.key for each in definitions()]
    yield [*COLUMNS, *(OWN + key for key in own)]
    rows = contacts.select_related("organisation").prefetch_related("addresses").order_by("-pk")
    after: int | None = None
    while page := list((rows.filter(pk__lt=after) if after is not None else rows)[:CHUNK]):
        for row in page:
            yield _record(row, own)
        after = page[-1].pk


def _record(row: Contact, own: list[str]) -> list[str]:
    emails = [each.email for each in row.addresses.all() if each.email]
    return [
        row.external_id,
        row.name,
        emails[0] if emails else "",
        " ".join(emails[1:]),
        "; ".join(row.phones),
        row.organisation.name if row.organisation else "",
        row.language,
        row.time_zone,
        _WORDS[row.priority],
        row.standing,
        row.remark,
        *(fields.plain(row.fields.get(key)) for key in own),
    ]
