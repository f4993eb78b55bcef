"""☰ System → Users and Groups: Django's own models in the look of the others."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from sso.adminbase import ProductAdmin, is_administrator
from sso.badges import when

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(UserAdmin, ProductAdmin):  # type: ignore[misc,type-arg]  # unfold has no types
    """Who may sign in. What an agent can do stands under ☰ Messaging → Agents."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "is_staff", "is_active", "last_seen")
    list_filter = ("is_active", "is_staff", "is_superuser")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and _may_touch(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_readonly_fields(request, obj)
        return found if is_administrator(request) else (*found, "is_staff", "is_superuser", "groups")

    @display(description="Name", ordering="last_name")
    def full_name(self, obj: User) -> str:
        return obj.get_full_name() or "–"

    @display(description="Last sign-in", ordering="last_login")
    def last_seen(self, obj: User) -> Any:
        return when(obj.last_login)

    def next_step(self, obj: User) -> str:
        return "Make it an agent under ☰ Messaging → Agents, so that it can answer mail."


@admin.register(Group)
class PeopleGroupAdmin(GroupAdmin, ProductAdmin):  # type: ignore[misc]  # unfold has no types
    """Rights that several users share."""

    filter_horizontal = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and is_administrator(request)


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Only administrators change the users who enter the administration."""
    return is_administrator(request) or user is None or not (user.is_staff or user.is_superuser)
