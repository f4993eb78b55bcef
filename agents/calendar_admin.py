"""☰ Messaging → Calendars: the week as bars, the days that differ, and what comes of it."""

from datetime import date
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.admin import TabularInline

from agents.calendar_preview import preview, read
from agents.calendars import Calendar, CalendarDay, opening_of
from agents.public_holidays import UnknownPlace, public_holidays
from sso.admin import ProductAdmin

YEARS_AHEAD = 2
USUAL_TARGETS = (60, 240, 480)


class Days(TabularInline):  # type: ignore[misc]  # unfold has no types
    """Days that differ from their weekday."""

    model = CalendarDay
    verbose_name = "exceptional day"
    verbose_name_plural = "Exceptional days: empty hours are closed all day"
    fields = ("date", "yearly", "hours", "name")
    hide_title = True
    extra = 0


@admin.register(Calendar)
class CalendarAdmin(ProductAdmin):
    """Opening hours that queues share."""

    inlines = (Days,)
    list_display = ("name", "hours", "time_zone", "exceptions", "used_by")
    search_fields = ("name",)
    fields = ("name", "time_zone", "hours")
    change_form_after_template = "admin/calendar_preview_card.html"
    change_form_outer_after_template = "admin/calendar_holidays.html"
    empty_sentence = "A calendar has opening hours and holidays that several email queues share."

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["calendar.css"]}
        js: ClassVar[list[str]] = ["calendar.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Calendar]:
        rows: QuerySet[Calendar] = super().get_queryset(request)
        return rows.prefetch_related("days", "queues", "agents__user")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("preview/", wrap(require_POST(self.preview_view)), name="agents_calendar_preview"),
            path(
                "<int:pk>/holidays/", wrap(require_POST(self.holidays_view)), name="agents_calendar_holidays"
            ),
            *super().get_urls(),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id) if object_id else None
        more = {
            "preview": preview(opening_of(row), timezone.now(), _targets(row)) if row else None,
            "users": _users(row) if row else [],
            "may_change": self.has_change_permission(request, row),
        }
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.changed_data or any(formset.has_changed() for formset in formsets):
            form.instance.renew()

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What the form means as it is typed in."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = Calendar.objects.filter(pk=request.POST.get("calendar") or 0).first()
        context: dict[str, Any] = {"users": _users(found) if found else []}
        try:
            opening = read(request.POST.dict())
            context["preview"] = preview(opening, timezone.now(), _targets(found))
        except ValidationError as error:
            context["wrong"] = " ".join(error.messages)
        except (ValueError, KeyError):
            context["wrong"] = "Give a time zone such as Europe/Prague, and a date for each day."
        return render(request, "admin/calendar_preview.html", context)

    def holidays_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Add the public holidays of a country: of this year and the next two, but none that is there."""
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        try:
            added = add_holidays(row, request.POST.get("place", ""))
        except UnknownPlace as error:
            messages.error(request, f"No holidays were added to {row}. {error}")
        else:
            self.log_change(request, row, f"Added {added} public holidays of {request.POST['place']}.")
            sentence = f"{added} public holidays were added to {row}, closed all day."
            messages.success(request, f"{sentence} Due times are counted with them from now on.")
        return redirect(self.url("change", pk))

    @display(description="Exceptional days")
    def exceptions(self, obj: Calendar) -> str:
        today = timezone.now().date()
        ahead = [day for day in obj.days.all() if not day.yearly and day.date >= today]
        yearly = sum(day.yearly for day in obj.days.all())
        parts = [f"{yearly} each year"] if yearly else []
        parts += [f"{len(ahead)} ahead, next {ahead[0]}"] if ahead else []
        return ", ".join(parts) or "–"

    @display(description="Used by")
    def used_by(self, obj: Calendar) -> str:
        return ", ".join(_users(obj)) or "–"


@transaction.atomic
def add_holidays(row: Calendar, place: str, today: date | None = None) -> int:
    """Write the public holidays that the calendar doesn't have; return how many.

    Raises:
        UnknownPlace: nothing is known of it.
    """
    first = (today or timezone.now().date()).year
    days = public_holidays(place, range(first, first + YEARS_AHEAD + 1))
    there = set(row.days.filter(yearly=False).values_list("date", flat=True))
    yearly = set(row.days.filter(yearly=True).values_list("date__month", "date__day"))
    new = [
        CalendarDay(calendar=row, date=day, name=name[:200])
        for day, name in days.items()
        if day not in there and (day.month, day.day) not in yearly
    ]
    CalendarDay.objects.bulk_create(new, ignore_conflicts=True)
    if new:
        row.renew()
    return len(new)


def _targets(row: Calendar | None) -> list[int]:
    """The first answers that its queues promise, or some usual ones."""
    found = sorted({queue.first_response for queue in row.queues.all()}) if row else []
    return found[:5] or list(USUAL_TARGETS)


def _users(row: Calendar) -> list[str]:
    agents = row.agents.count()
    told = [str(queue) for queue in row.queues.all()]
    return told + ([f"holidays of {agents} agent{'s' if agents > 1 else ''}"] if agents else [])
