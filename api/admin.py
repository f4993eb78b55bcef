"""☰ System → API keys."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from api.models import APIKey
from sso.admin import ProductAdmin, is_administrator, when


@admin.register(APIKey)
class APIKeyAdmin(ProductAdmin):
    """Keys of programs: made and taken away here, never changed or shown again."""

    list_display = ("key", "user", "name", "made", "used")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    autocomplete_fields = ("user",)
    fields = ("user", "name")
    empty_sentence = "No program has a key yet. Add one, or run manage.py apikey USER."

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is taken away and made anew."""
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A key acts with the rights of its user: those of administrators are theirs to make."""
        if db_field.name == "user" and not is_administrator(request):
            kwargs["queryset"] = User.objects.filter(
                Q(pk=request.user.pk) | Q(is_staff=False, is_superuser=False)
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: APIKey, form: Any, change: bool) -> None:
        key = obj.cut()
        super().save_model(request, obj, form, change)
        messages.warning(request, f"The key is {key} – copy it now, it can't be shown again.")

    @display(description="Key", ordering="hint")
    def key(self, obj: APIKey) -> str:
        return f"{obj.hint}…"

    @display(description="Made", ordering="created_at")
    def made(self, obj: APIKey) -> SafeString | str:
        return when(obj.created_at)

    @display(description="Last used", ordering="last_used_at")
    def used(self, obj: APIKey) -> SafeString | str:
        return when(obj.last_used_at)
