"""Addresses: which app answers which path."""

from django.contrib import admin
from django.urls import include, path

from api.urls import api

urlpatterns = [
    path("", include("staff.urls")),  # first: people and mailboxes come back over one address
    path("", include("sso.urls")),
    path("api/v1.0/", api.urls),
    path("admin/", admin.site.urls),
    path("", include("reports.urls")),
    path("", include("queues.urls")),
]
