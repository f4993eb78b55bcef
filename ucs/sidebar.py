"""The ☰ menu of the administration as far as a user may see it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from ucs.menu import MENU, Entry


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu as far as this user may see it."""
    return [
        {"title": title, "items": [item for entry in entries if (item := _item(request, entry))]}
        for title, entries in MENU.items()
    ]


def _item(request: HttpRequest, entry: Entry) -> dict[str, Any] | None:
    for model, model_admin in admin.site._registry.items():
        if model._meta.label == entry.model and model_admin.has_view_or_change_permission(request):
            page = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
            link = reverse(entry.page or page)
            return {"title": entry.title, "icon": entry.icon, "link": link, "purpose": entry.purpose}
    return None
