"""Addresses: which app answers which path."""

from django.contrib import admin
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from api import client_login, problems, token_url
from api.urls import api

urlpatterns = [
    path("login/oauth2/token", client_login.token),  # before the addresses that people come back to
    path("api/v1.0/auth/token/<str:provider>", token_url.token),  # before the door for other keys
    path("", include("staff.urls")),  # first: people and mailboxes come back over one address
    path("", include("sso.urls")),
    path("api/v1.0/", api.urls),
    path("api/v1.0/<path:rest>", csrf_exempt(problems.nowhere)),
    path("admin/", admin.site.urls),
    path("", include("reports.urls")),
    path("", include("webhooks.urls")),
    path("", include("queues.contact_urls")),
    path("", include("queues.urls")),
]
