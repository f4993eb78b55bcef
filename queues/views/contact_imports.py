"""Importing contacts: a file, what its columns are, a check, the import, and what was refused."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.acts import Act
from audit.log import Subject, record
from crm import columns, importing, table, wording
from crm import tasks as crm_tasks
from crm.facts import named
from crm.fields import definitions
from crm.models import ContactImport
from crm.refusals import ContactRefused
from mailstore.announce import announce
from queues.presentation import clock
from queues.views.contact_gate import contact_page, for_administrators, frame, gone_to
from queues.views.gate import DeskRequest

MOST_SHOWN = 20
MOST_EXAMPLES = 3
MOST_FAULTS = 20
State = ContactImport.State


@require_http_methods(["GET", "POST"])
@contact_page
def listed(request: DeskRequest) -> HttpResponse:
    """The last imports, and a place for a new file."""
    for_administrators(request)
    if request.method == "POST":
        file = request.FILES.get("file")
        if file is None:
            raise ContactRefused(_("Choose a file first."))
        if (file.size or 0) > table.MOST_BYTES:
            raise ContactRefused(
                _("The file is larger than %(most)s MB.") % {"most": table.MOST_BYTES // 1_000_000}
            )
        row = importing.upload(request.user, file.name or _("without a name"), file.read())
        return gone_to(reverse("contact-import", args=[row.pk]))
    rows = ContactImport.objects.select_related("user").defer("content")[:MOST_SHOWN]
    context = {"rows": [_line(row) for row in rows], "most": table.MOST_BYTES // 1_000_000}
    page = frame(request, "contact-imports", _("Import contacts")) | context
    return render(request, "contacts/imports.html", page)


def _line(row: ContactImport) -> dict[str, Any]:
    iso = row.created_at.isoformat(timespec="seconds")
    return {"row": row, "at": clock(row.created_at), "iso": iso}


def _one(request: DeskRequest, pk: int, *, whole: bool = False) -> ContactImport:
    for_administrators(request)
    rows = ContactImport.objects.all() if whole else ContactImport.objects.defer("content")
    return get_object_or_404(rows, pk=pk)


@require_http_methods(["GET", "POST"])
@contact_page
def one(request: DeskRequest, pk: int) -> HttpResponse:
    """What the columns are, with examples; how far it is; what was refused. POST reads it in another way."""
    if request.method == "POST":
        row = _one(request, pk, whole=True)
        _check_resting(row)
        given = request.POST
        importing.reread(row, given.get("encoding", ""), given.get("delimiter", "").replace("tab", "\t"))
        return gone_to(reverse("contact-import", args=[pk]))
    row = _one(request, pk)
    if request.htmx:
        return render(request, "contacts/import_progress.html", _progress(row))
    context = frame(request, "contact-imports", row.name) | _progress(row)
    if row.state in (State.UPLOADED, State.CHECKED):
        context |= _mapping(_one(request, pk, whole=True))
    return render(request, "contacts/import.html", context)


def _check_resting(row: ContactImport) -> None:
    if row.state not in (State.UPLOADED, State.CHECKED):
        raise ContactRefused(_("It has begun already."))


def _progress(row: ContactImport) -> dict[str, Any]:
    faults = row.faults.all()[:MOST_FAULTS]
    return {
        "row": row,
        "is_at_work": row.state in importing.AT_WORK,
        "percent": 100 * row.position // row.lines if row.lines else 100,
        "faults": [
            {"line": each.line, "sentence": wording.fault(each.code, each.column, each.value)}
            for each in faults
        ],
    }


def _mapping(row: ContactImport) -> dict[str, Any]:
    shape = table.Shape(row.encoding, row.delimiter)
    examples = [
        record for _line_number, record in islice(table.lines(bytes(row.content), shape), MOST_EXAMPLES)
    ]
    meanings = [("", _("left out")), *((each, _meaning(each)) for each in columns.offered())]
    labels = {columns.OWN + each.key: each.label for each in definitions()}
    meanings = [(value, labels.get(value, label)) for value, label in meanings]
    return {
        "columns": [
            {
                "name": name,
                "meaning": row.mapping[at] if at < len(row.mapping) else "",
                "examples": [record[at] for record in examples if at < len(record) and record[at]],
            }
            for at, name in enumerate(row.columns)
        ],
        "meanings": meanings,
        "encodings": table.ENCODINGS,
        "delimiters": [(",", ","), (";", ";"), ("tab", _("tab")), ("|", "|")],
        "delimiter": "tab" if row.delimiter == "\t" else row.delimiter,
    }


def _meaning(target: str) -> str:
    own = {
        "email": _("E-mail address"),
        "emails": _("Further e-mail addresses"),
        "first_name": _("First name"),
        "last_name": _("Last name"),
        "phone": _("Phone"),
    }
    return own.get(target) or named(target)


@require_POST
@contact_page
def begin(request: DeskRequest, pk: int) -> HttpResponse:
    """Check it with these columns, or import what was checked."""
    row = _one(request, pk)
    is_check = request.POST.get("do") != "import"
    mapping = request.POST.getlist("column") if is_check else None
    if not importing.begin(row, is_check=is_check, mapping=mapping):
        raise ContactRefused(_("It has begun already."))
    announce(crm_tasks.work, import_id=pk)
    return gone_to(reverse("contact-import", args=[pk]))


@require_POST
@contact_page
def cancel(request: DeskRequest, pk: int) -> HttpResponse:
    """Stop it; what was imported stays."""
    importing.cancel(_one(request, pk))
    return gone_to(reverse("contact-import", args=[pk]))


@require_GET
@contact_page
def faults(request: DeskRequest, pk: int) -> HttpResponse:
    """The lines that were refused, as a table."""
    row = _one(request, pk)
    record(request.user, Act.EXPORTED, Subject("crm.contactimport", "refused lines as CSV", pk))
    answer = StreamingHttpResponse(
        table.written(_fault_lines(row)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="refused-lines-{row.pk}.csv"'},
    )
    return cast(HttpResponse, answer)


def _fault_lines(row: ContactImport) -> Iterator[list[str]]:
    yield [_("Line"), _("Column"), _("Value"), _("Why")]
    for each in row.faults.all():
        yield [str(each.line), each.column, each.value, wording.fault(each.code, each.column, each.value)]
