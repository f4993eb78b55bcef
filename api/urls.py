"""The API under /api/v1.0/, with its OpenAPI description and docs page."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from api import (
    answers,
    bulk,
    contacts,
    conversations,
    deliveries,
    events,
    mailboxes,
    objects,
    planning,
    problems,
    rules,
    saved_views,
    settings,
    tags,
    threads,
    webhooks,
)
from api.auth import KeyAuth
from api.description import DescribedAPI
from api.gate import gate


class OwnDocs(Swagger):
    """The docs page with its script from this server; ninja does so only for who lists it among the apps.

    Each worker would load it then, and the 7 MB of pydantic with it.
    """

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        told = json.dumps(self.settings | {"url": self.get_openapi_url(api, kwargs)}, indent=1)
        return render(request, self.template, {"swagger_settings": told, "api": api, "add_csrf": False})


api = DescribedAPI(
    title="UCS Email",
    version="1.0",
    description="Conversations, messages and settings of the contact centre's e-mail channel. "
    "Make a key with `manage.py apikey USER` and send it as `Authorization: Bearer …`.",
    auth=KeyAuth(),
    urls_namespace="api",
    docs=OwnDocs(),
)
api.add_router("", conversations.router)
api.add_router("", answers.router)
api.add_router("", bulk.router)
api.add_router("", deliveries.router)
api.add_router("", threads.router)
api.add_router("", tags.router)
api.add_router("", saved_views.router)
api.add_router("", contacts.router)
api.add_router("", objects.router)
api.add_router("", mailboxes.router)
api.add_router("", events.router)
api.add_router("", webhooks.router)
api.add_router("", planning.router)
api.add_router("", rules.router)
problems.register(api)
settings.register(api)
api.add_decorator(gate, mode="view")
