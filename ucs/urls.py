"""Addresses: which app answers which path."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("sso.urls")),
    path("admin/", admin.site.urls),
]
