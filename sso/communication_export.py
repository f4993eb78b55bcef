"""A span of the communication log as a file: one JSON object on each line, secrets blanked once more.

What is sealed stays sealed: the file says only that there is something.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from audit.acts import Act
from audit.log import Subject, record
from sso.blanking import without_patterns
from sso.communication_models import ConnectionLog

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for; no kind means all."""

    begin: datetime
    end: datetime
    kind: str = ""

    def rows(self) -> QuerySet[ConnectionLog]:
        """The rows, in no order yet, without what is sealed."""
        found = ConnectionLog.objects.filter(began_at__gte=self.begin, began_at__lt=self.end)
        return (found.filter(kind=self.kind) if self.kind else found).defer("sealed")


class ExportForm(forms.Form):
    """From when to when, and which connections."""

    begin = forms.DateTimeField(
        label="From", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}), required=True
    )
    end = forms.DateTimeField(
        label="To",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        required=False,
        help_text="Now when empty.",
    )
    kind = forms.ChoiceField(
        label="Connections", choices=[("", "All"), *ConnectionLog.Kind.choices], required=False
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a span that holds nothing."""
        found = super().clean() or {}
        begin, end = found.get("begin"), found.get("end") or timezone.now()
        if begin and begin >= end:
            raise forms.ValidationError("The end is before the beginning: choose a later one.")
        return found

    def span(self) -> Span:
        """What was chosen."""
        data = self.cleaned_data
        return Span(data["begin"], data["end"] or timezone.now(), data["kind"])


def exported(span: Span) -> StreamingHttpResponse:
    """The file, written while it is sent; that it was asked for stands in the audit log."""
    told = f"From {span.begin:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC, {span.kind or 'all kinds'}."
    record(None, Act.EXPORTED, Subject("sso.connectionlog", "communication log"), note=told)
    response = StreamingHttpResponse(lines(span), content_type="application/x-ndjson; charset=utf-8")
    name = f"communication-{span.begin:%Y%m%d-%H%M}-{span.end:%Y%m%d-%H%M}.jsonl"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def lines(span: Span) -> Iterator[bytes]:
    """Each connection on a line, in the order in which they were noted."""
    last = 0
    while rows := list(span.rows().filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        for row in rows:
            yield (json.dumps(_told(row), ensure_ascii=False) + "\n").encode()
        last = rows[-1].pk


def _told(row: ConnectionLog) -> dict[str, Any]:
    model = row.content_type.model if row.content_type_id and row.content_type else None
    return {
        "id": row.pk,
        "kind": row.kind,
        "outcome": row.outcome,
        "connection": {"type": model, "id": row.object_id} if model else None,
        "server": row.peer,
        "began_at": row.began_at.isoformat(),
        "ended_at": row.ended_at.isoformat(),
        "count": row.count,
        "sentence": without_patterns(row.sentence),
        "lines": [[at, who, without_patterns(words)] for at, who, words in row.lines],
        "mails": row.mails,
        "is_sealed": row.is_sealed,
    }
