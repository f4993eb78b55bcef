"""☰ System → API keys, API clients."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import action, display
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from api import scopes
from api.forms import ClientForm, PermitForm
from api.models import APIClient, APIKey, Permit
from sso.admin import ProductAdmin, badge, is_administrator, when
from sso.adminbase import listed


class PermitAdmin(ProductAdmin):
    """Made and taken away here, never changed or shown again."""

    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    fields = ("user", "name", "scopes", "per_minute", "expires_at")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """One is taken away and made anew."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who looks at one sees the scopes as they are stored."""
        found = super().get_fields(request, obj)
        return ["scope" if name == "scopes" else name for name in found] if obj else found

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """It acts with the rights of its user: those of administrators are theirs to give."""
        if db_field.name == "user" and not is_administrator(request):
            kwargs["queryset"] = User.objects.filter(
                Q(pk=request.user.pk) | Q(is_staff=False, is_superuser=False)
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @action(description="Revoke: they open nothing from now on", permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take them away, but keep them in the list."""
        rows = list(queryset.filter(revoked_at=None))
        queryset.filter(pk__in=[row.pk for row in rows]).update(revoked_at=timezone.now())
        for row in rows:
            self.log_change(request, row, "Revoked.")
        if not rows:
            messages.warning(
                request, f"{_names(queryset, 'was', 'were')} revoked before: nothing is left to do."
            )
            return
        sentence = f"{_names(rows, 'was', 'were')} revoked: who uses it is refused from now on."
        messages.success(request, sentence)

    @display(description="What for")
    def what_for(self, obj: Permit) -> str:
        return "all that its user may" if obj.scope == scopes.EVERYTHING else obj.scope.replace(" ", ", ")

    @display(description="State")
    def standing(self, obj: Permit) -> SafeString:
        if obj.revoked_at:
            return badge("bad", "revoked")
        return badge("warn", "over") if obj.is_over else badge("good", "works")

    @display(description="Ends", ordering="expires_at")
    def ends(self, obj: Permit) -> SafeString | str:
        return when(obj.expires_at)

    @display(description="Made", ordering="created_at")
    def made(self, obj: Permit) -> SafeString | str:
        return when(obj.created_at)

    @display(description="Last used", ordering="last_used_at")
    def used(self, obj: Permit) -> SafeString | str:
        return when(obj.last_used_at)


def _names(rows: Iterable[Permit], one: str, many: str) -> str:
    return listed([str(row) for row in rows], one, many)


@admin.register(APIKey)
class APIKeyAdmin(PermitAdmin):
    """Keys of programs."""

    form = PermitForm
    list_display = ("key", "user", "name", "what_for", "standing", "made", "used", "ends")
    search_fields = ("name", "user__username")
    empty_sentence = "No program has a key yet. Add one, or run manage.py apikey USER."

    def get_queryset(self, request: HttpRequest) -> QuerySet[APIKey]:
        """Those that clients were given for an hour are no rows for people."""
        rows: QuerySet[APIKey] = super().get_queryset(request)
        return rows.filter(client=None)

    def save_model(self, request: HttpRequest, obj: APIKey, form: Any, change: bool) -> None:
        key = obj.cut()
        super().save_model(request, obj, form, change)
        messages.warning(request, f"The key of {obj} is {key} – copy it now, it can't be shown again.")

    @display(description="Key", ordering="hint")
    def key(self, obj: APIKey) -> str:
        return f"{obj.hint}…"


@admin.register(APIClient)
class APIClientAdmin(PermitAdmin):
    """Programs that sign in with an id and a secret, and get a key for an hour."""

    form = ClientForm
    list_display = ("client_id", "user", "name", "what_for", "standing", "made", "used", "ends")
    search_fields = ("name", "client_id", "user__username")
    empty_sentence = "A client gets keys for an hour by itself, at /login/oauth2/token."

    def save_model(self, request: HttpRequest, obj: APIClient, form: Any, change: bool) -> None:
        secret = obj.cut()
        super().save_model(request, obj, form, change)
        messages.warning(
            request,
            f"{obj}: client ID {obj.client_id}, secret {secret} – copy it now, it can't be shown again. Keys "
            f"are given out at {settings.BASE_URL}/login/oauth2/token.",
        )
