"""Filters of the list of sources: how far in life, how they do, and whose sign-in they use."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from mailsources.models import EmailSource
from sso import causes
from sso.models import SSOProvider
from sso.usage import rows_with_token_of

NO_PROVIDER = "none"
STAGES = {
    "active": Q(stage="active", is_active=True),
    "paused": Q(stage="active", is_active=False),
    "draft": Q(stage="draft"),
    "retired": Q(stage="retired"),
}
HEALTHS: dict[str, tuple[str, Q]] = {
    "failing": ("Failing", Q(is_active=True, state__failures__gt=0)),
    "sign-in": (
        "Needs sign-in",
        Q(is_active=True, state__failures__gt=0, state__last_cause__in=causes.of_sign_in()),
    ),
    "working": ("Working", Q(is_active=True, state__failures=0, state__last_success_at__isnull=False)),
    "new": ("Not tried yet", Q(is_active=True, state__failures=0, state__last_success_at=None)),
    "off": ("Takes no mail", Q(is_active=False)),
}


class StageFilter(admin.SimpleListFilter):
    """Draft, active, paused, retired."""

    title = "stage"
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.capitalize()) for name in STAGES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[EmailSource]) -> QuerySet[EmailSource]:
        found = STAGES.get(self.value() or "")
        return queryset.filter(found) if found is not None else queryset


class HealthFilter(admin.SimpleListFilter):
    """As the badge of its connection."""

    title = "health"
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in HEALTHS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[EmailSource]) -> QuerySet[EmailSource]:
        found = HEALTHS.get(self.value() or "")
        return queryset.filter(found[1]) if found else queryset


class ProviderFilter(admin.SimpleListFilter):
    """The SSO provider whose token is the password. Secrets can't be searched, so each is opened then."""

    title = "SSO provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = SSOProvider.objects.filter(~Q(scope="")).order_by("name").values_list("pk", "name")
        return [*((str(pk), name) for pk, name in rows), (NO_PROVIDER, "None, a password")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[EmailSource]) -> QuerySet[EmailSource]:
        wanted = self.value() or ""
        if wanted == NO_PROVIDER:
            every = list(SSOProvider.objects.values_list("pk", flat=True))
            return queryset.exclude(pk__in=[pk for each in every for pk in _with_token_of(each)])
        return queryset.filter(pk__in=_with_token_of(int(wanted))) if wanted.isdecimal() else queryset


def _with_token_of(provider_id: int) -> list[int]:
    return [row.pk for row in rows_with_token_of(provider_id) if isinstance(row, EmailSource)]
