"""☰ System → Communication log: what was said on each connection, opened in full with a reason only."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin import display
from django.contrib.admin.views.main import ChangeList
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from sso import opening
from sso.adminbase import ProductAdmin
from sso.badges import Tone, badge, when
from sso.communication_export import ExportForm, exported
from sso.communication_models import ConnectionLog, FullRecord
from sso.fields import SecretField, SecretUnreadable
from sso.paging import ShortPaginator

Kind, Outcome = ConnectionLog.Kind, ConnectionLog.Outcome

TONES: dict[str, Tone] = {Outcome.GOOD: "good", Outcome.FAILED: "bad", Outcome.QUIET: "calm"}
MOST_LINKED = 100
WHO = {"us": "→", "them": "←", "note": ""}


class ConnectionFilter(admin.ListFilter):
    """Of one source, sender or provider: their pages link here."""

    title = "connection"
    template = "admin/connection_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        value = params.pop("of", "")
        self.asked = str(value[-1] if isinstance(value, list) and value else value)

    def has_output(self) -> bool:
        return bool(self.asked)

    def expected_parameters(self) -> list[str | None]:
        return ["of"]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        kind_id, pk = self._place()
        kind = ContentType.objects.filter(pk=kind_id).first()
        model = kind.model_class() if kind else None
        found = model._default_manager.filter(pk=pk).first() if model else None
        yield {"value": self.asked, "name": str(found or "one that was deleted")}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        kind_id, pk = self._place()
        return queryset.filter(content_type=kind_id, object_id=pk) if self.asked else queryset

    def _place(self) -> tuple[int, int]:
        parts = self.asked.split("-")
        sane = len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) < 18 for part in parts)
        return (int(parts[0]), int(parts[1])) if sane else (0, 0)


@admin.register(ConnectionLog)
class ConnectionLogAdmin(ProductAdmin):
    """Written by `sso/communication.py` alone; here people read, export, and open what is sealed."""

    counted_as = "connections"
    list_display = ("began", "whose", "server", "what", "lasted")
    list_filter = ("kind", "outcome", ConnectionFilter)
    sortable_by = ()  # the newest first: any other order would sort millions
    paginator = ShortPaginator
    show_facets = admin.ShowFacets.NEVER
    list_before_template = "admin/communication_bar.html"
    change_form_before_template = "admin/connection_log_card.html"
    fields = ("whose", "server", "exactly", "lasted")
    readonly_fields = fields
    empty_sentence = "What is said on connections to mail servers and providers is noted here."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConnectionLog]:
        found: QuerySet[ConnectionLog] = super().get_queryset(request)
        return found.prefetch_related(GenericPrefetch("connection", list(_connections())))

    @display(description="When")
    def began(self, obj: ConnectionLog) -> SafeString | str:
        return when(obj.began_at)

    @display(description="Connection")
    def whose(self, obj: ConnectionLog) -> SafeString:
        name = str(obj.connection or ("one that was deleted" if obj.object_id else "mail that is forwarded"))
        return format_html(
            '<span class="ucs-cell ucs-breaks">{}<span class="ucs-below">{}</span></span>',
            name,
            obj.get_kind_display(),
        )

    @display(description="Server")
    def server(self, obj: ConnectionLog) -> SafeString:
        return format_html('<span class="ucs-breaks">{}</span>', obj.peer or "–")

    @display(description="What came of it")
    def what(self, obj: ConnectionLog) -> SafeString:
        times = f"{obj.count:,} times. " if obj.count > 1 else ""
        sealed = " Noted in full." if obj.is_sealed else ""
        return badge(TONES[obj.outcome], obj.get_outcome_display(), f"{times}{obj.sentence}{sealed}")

    @display(description="Lasted")
    def lasted(self, obj: ConnectionLog) -> SafeString:
        span = "–" if obj.outcome == Outcome.QUIET else lasted(obj.ended_at - obj.began_at)
        return format_html('<span class="ucs-firm">{}</span>', span)

    @display(description="Began")
    def exactly(self, obj: ConnectionLog) -> str:
        return f"{timezone.localtime(obj.began_at):%Y-%m-%d %H:%M:%S}"

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        wrap = self.admin_site.admin_view
        both = require_http_methods(["GET", "POST"])
        return [
            path("export/", wrap(both(self.export_view)), name=f"{prefix}_export"),
            path("<int:pk>/open/", wrap(both(self.open_view)), name=f"{prefix}_open"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        running = FullRecord.objects.filter(until__gt=timezone.now()).order_by("until")
        more = {
            "days": settings.COMMUNICATION_DAYS,
            "export_url": self.url("export"),
            "recorded": running.prefetch_related(GenericPrefetch("connection", list(_connections()))),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        more = {"card": self._card(request, obj)} if obj else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def page_title(self, request: HttpRequest, object_id: Any) -> dict[str, Any]:
        obj = self.get_object(request, object_id) if object_id else None
        return {"title": f"{obj.get_kind_display()} {obj.pk}" if obj else "Connection", "subtitle": None}

    def open_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All that was said, for who may see it and says why."""
        obj = self._row(request, pk)
        if not obj.is_sealed:
            raise Http404
        asked = opening.Sealed(obj, f"all that was said on connection {obj.pk}", self.url("change", obj.pk))
        reason = opening.reason(request, asked)
        if isinstance(reason, HttpResponse):
            return reason
        try:
            lines = json.loads(ConnectionLog.objects.get(pk=pk).sealed)
        except SecretUnreadable as error:
            return opening.page(request, asked, str(error))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"All that was said on connection {obj.pk}",
            "lines": shown(lines),
            "reason": reason,
            "back": self.url("change", obj.pk),
        }
        return render(request, "admin/connection_opened.html", context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Ask for the span, then give the file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = ExportForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return exported(form.span())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Export the communication log",
            "form": form,
            "days": settings.COMMUNICATION_DAYS,
            "back": self.url("changelist"),
        }
        return render(request, "admin/communication_export.html", context)

    def _row(self, request: HttpRequest, pk: int) -> ConnectionLog:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def _card(self, request: HttpRequest, obj: ConnectionLog) -> dict[str, Any]:
        return {
            "badge": self.what(obj),
            "lines": shown(obj.lines),
            "mails": [(pk, url) for pk in obj.mails[:MOST_LINKED] if (url := _mail_url(obj.kind, pk))],
            "more": max(len(obj.mails) - MOST_LINKED, 0),
            "open_url": self.url("open", obj.pk) if obj.is_sealed and opening.may(request) else "",
            "is_sealed": obj.is_sealed,
        }


def shown(lines: list[Any]) -> list[dict[str, Any]]:
    """Lines of a dialogue for a template."""
    return [
        {"at": f"{at:.3f}", "who": who, "arrow": WHO.get(who, ""), "words": words} for at, who, words in lines
    ]


def lasted(time: timedelta) -> str:
    """A span in words, exact where it is short."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.3f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def log_url(row: Any) -> str:
    """Where the connections of a source, sender or provider are listed."""
    kind = ContentType.objects.get_for_model(row)
    return f"{reverse('admin:sso_connectionlog_changelist')}?of={kind.pk}-{row.pk}"


def _mail_url(kind: str, pk: int) -> str:
    model = "mailsenders_outgoingmail" if kind == Kind.SENDING else "mailsources_fetchedmail"
    return reverse(f"admin:{model}_change", args=[pk])


def _connections() -> Iterator[QuerySet[Any]]:
    """Everything that has connections, without passwords."""
    for model in apps.get_models():
        if hasattr(model, "retests"):
            secrets = [field.name for field in model._meta.fields if isinstance(field, SecretField)]
            yield model._default_manager.defer(*secrets)
