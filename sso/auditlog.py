"""☰ System → Audit log: who did what to what, when and from where; read and never written here."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from audit.acts import Act
from audit.log import Subject, record
from audit.models import AuditRow, AuditRules
from sso.adminbase import ProductAdmin, is_administrator

PAGE = 50
CHUNK = 1000
LONGEST_NUMBER = 19
COLUMNS = (
    *("id", "time", "actor kind", "actor", "address", "browser", "act", "kind", "object id", "object"),
    *("what was different", "reason"),
)


@dataclass(frozen=True)
class Asked:
    """The filters, as they were typed in; what makes no sense filters nothing."""

    who: str = ""
    act: str = ""
    kind: str = ""
    object_id: str = ""
    name: str = ""
    first: str = ""
    last: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "Asked":
        """Read the address."""
        return cls(**{each.name: request.GET.get(each.name, "").strip()[:200] for each in fields(cls)})

    @property
    def query(self) -> str:
        """The address again."""
        return urlencode({name: value for name, value in vars(self).items() if value})

    def rows(self) -> QuerySet[AuditRow]:
        """What is asked for, the newest first."""
        rows = AuditRow.objects.order_by("-pk")
        if self.who:
            rows = rows.filter(actor_name__icontains=self.who)
        if self.act:
            rows = rows.filter(act=self.act)
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.object_id:
            rows = rows.filter(object_id=self.object_id)
        if self.name:
            rows = rows.filter(object_name__icontains=self.name)
        if first := _day(self.first):
            rows = rows.filter(at__gte=_midnight(first))
        if last := _day(self.last):
            rows = rows.filter(at__lt=_midnight(last + timedelta(days=1)))
        return rows


@admin.register(AuditRow)
class AuditAdmin(ProductAdmin):
    """A page of its own in place of the usual list: no page of it costs more than another."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Fifty rows, and the way to older ones."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = Asked.of(request)
        rows = asked.rows()
        before = request.GET.get("before", "")
        if before.isascii() and before.isdigit() and len(before) < LONGEST_NUMBER:
            rows = rows.filter(pk__lt=int(before))
        found = list(rows[: PAGE + 1])
        older = f"{asked.query}&before={found[PAGE - 1].pk}" if len(found) > PAGE else ""
        context = {
            **self.admin_site.each_context(request),
            "title": "Audit log",
            "opts": self.opts,
            "rows": [(row, _kind_label(row.kind), row.story) for row in found[:PAGE]],
            "asked": asked,
            "acts": Act.choices,
            "kinds": sorted(_kinds().items(), key=lambda each: each[1]),
            "older": older,
            "is_first": not before,
            "days": AuditRules.days_kept(),
            "may_set": is_administrator(request),
        }
        return TemplateResponse(request, "admin/audit_log.html", context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="audit_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """What is filtered, as CSV; a row of the log itself."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = Asked.of(request)
        record(
            None,
            Act.EXPORTED,
            Subject("audit.auditrow", "audit log as CSV"),
            note=asked.query or "All of it.",
        )
        name = f"audit-log-{timezone.localdate():%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            _lines(asked.rows()),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A row has no page of its own: the list says all of it."""
        return redirect(self.url("changelist"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditRules)
class AuditRulesAdmin(ProductAdmin):
    """One page: how long rows are kept."""

    fields = ("days",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        row, _ = AuditRules.objects.get_or_create(pk=1)
        return redirect(self.url("change", row.pk))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        super().response_change(request, obj)
        return HttpResponseRedirect(reverse("admin:audit_auditrow_changelist"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _Echo:
    """A file that gives back what is written: what csv wants."""

    def write(self, text: str) -> str:
        return text


def _lines(rows: QuerySet[AuditRow]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    before: int | None = None
    while found := list((rows.filter(pk__lt=before) if before is not None else rows)[:CHUNK]):
        for row in found:
            yield writer.writerow([_plain(part) for part in _values(row)])
        before = found[-1].pk


def _values(row: AuditRow) -> list[str]:
    return [
        *(str(row.pk), row.at.isoformat(), row.actor_kind, row.actor_name, row.ip or "", row.browser),
        *(row.act_label, row.kind, row.object_id, row.object_name, row.story, row.reason),
    ]


def _plain(text: str) -> str:
    """A spreadsheet takes what begins like this for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _kinds() -> dict[str, str]:
    return {model._meta.label_lower: str(model._meta.verbose_name) for model in admin.site._registry}


def _kind_label(kind: str) -> str:
    return _kinds().get(kind, kind.rpartition(".")[2])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
