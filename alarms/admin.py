"""☰ System → Alarms: what needs a person now, and the credentials calendar above it."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from alarms.endings import endings, without_date
from alarms.models import ENDING, Alarm
from sso.admin import ProductAdmin, badge, when

OF_PROVIDERS = ("provider", "secret", "testing")
"""How the keys of alarms begin that are about an SSO provider; its ID comes next."""

NOBODY = "nobody: EMAIL_ALERTS_TO is empty"


class EndedFilter(admin.SimpleListFilter):
    """Open alarms, unless the past is asked for."""

    title = "State"
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Ended")]

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield choice | ({"display": "Open"} if choice["query_string"] == "?" else {})

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(ended_at__isnull=self.value() != "yes")


@admin.register(Alarm)
class AlarmAdmin(ProductAdmin):
    """Written by the watch alone; here people read."""

    list_display = ("thing", "trouble", "since", "told")
    list_display_links = None
    actions = None
    list_filter = (EndedFilter,)
    search_fields = ("title", "sentence")
    list_before_template = "alarms/calendar.html"
    empty_sentence = "Nothing needs you: mail comes and goes, and no sign-in is about to end."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="What")
    def thing(self, obj: Alarm) -> SafeString:
        if not obj.link:
            return format_html('<span class="ucs-firm">{}</span>', obj.title)
        return format_html('<a class="ucs-link" href="{}">{}</a>', obj.link, obj.title)

    @display(description="Trouble")
    def trouble(self, obj: Alarm) -> SafeString:
        if obj.ended_at:
            return badge("calm", "ended", obj.sentence)
        told = (
            badge("bad", "needs you", obj.sentence) if obj.is_urgent else badge("warn", "soon", obj.sentence)
        )
        return told + _checklist(obj)

    @display(description="Since", ordering="began_at")
    def since(self, obj: Alarm) -> SafeString | str:
        return when(obj.began_at)

    @display(description="Told by mail")
    def told(self, obj: Alarm) -> SafeString | str:
        if obj.mailed_at is None and not (settings.ALERTS.recipients or obj.owner):
            return format_html('<span class="ucs-quiet">{}</span>', NOBODY)
        return when(obj.mailed_at)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(
            request, {"endings": endings(), "without_date": without_date(), **(extra_context or {})}
        )


def _checklist(alarm: Alarm) -> SafeString:
    """The way to the step that mends a provider: its checklist opens there."""
    kind, _, rest = alarm.key.removeprefix(ENDING).partition(":")
    pk = rest.partition(":")[0]
    if kind not in OF_PROVIDERS or not pk.isdigit():
        return SafeString("")
    address = reverse("admin:sso_ssoprovider_checklist", args=[pk])
    return format_html('<a class="ucs-link ucs-below" href="{}">Checklist</a>', address)
