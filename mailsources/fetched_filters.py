"""Filters of the ledger's list: days and mailbox, as plain inputs that cost nothing to draw."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.http import HttpRequest
from django.utils import timezone

from mailsources.models import CAME, EmailSource, FetchedMail

MOST_OFFERED = 500


class _InputFilter(admin.ListFilter):
    """Its parameters are inputs of the filters' own form; wrong input filters nothing."""

    parameters: tuple[str, ...]

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.parameters:
            value = params.pop(name, "")
            self.used_parameters[name] = value[-1] if isinstance(value, list) and value else value

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def given(self, name: str) -> str:
        """What was typed in."""
        return str(self.used_parameters.get(name) or "")


class DayFilter(_InputFilter):
    """When the mail came, by the server's clock."""

    title = "day"
    template = "mailsources/day_filter.html"
    parameters = ("came_from", "came_to")

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        yield {"label": "From day", "name": "came_from", "value": self.given("came_from")}
        yield {"label": "To day", "name": "came_to", "value": self.given("came_to")}

    def queryset(self, request: HttpRequest, queryset: QuerySet[FetchedMail]) -> QuerySet[FetchedMail]:
        first, last = _day(self.given("came_from")), _day(self.given("came_to"))
        if first:
            queryset = queryset.filter(GreaterThanOrEqual(CAME, _midnight(first)))
        if last:
            queryset = queryset.filter(LessThan(CAME, _midnight(last + timedelta(days=1))))
        return queryset


class SourceFilter(_InputFilter):
    """Of which mailbox; of very many only the chosen one is named, which the source's page links to."""

    title = "source"
    template = "mailsources/source_filter.html"
    parameters = ("source__id__exact",)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        chosen = self.given("source__id__exact")
        offered = list(EmailSource.objects.values_list("pk", "name")[: MOST_OFFERED + 1])
        if len(offered) > MOST_OFFERED:
            pk = int(chosen) if chosen.isdigit() else 0
            offered = list(EmailSource.objects.filter(pk=pk).values_list("pk", "name"))
        for pk, name in offered:
            yield {"value": pk, "name": name, "selected": str(pk) == chosen}

    def queryset(self, request: HttpRequest, queryset: QuerySet[FetchedMail]) -> QuerySet[FetchedMail]:
        chosen = self.given("source__id__exact")
        return queryset.filter(source=int(chosen)) if chosen.isascii() and chosen.isdigit() else queryset


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1980 <= found.year < 2200 else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
