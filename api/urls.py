"""The API under /api/v1.0/, with its OpenAPI description and docs page."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from api import answers, conversations, deliveries, objects, problems, tags, threads
from api.auth import KeyAuth


class OwnDocs(Swagger):
    """The docs page with its script from this server; ninja does so only for who lists it among the apps.

    Each worker would load it then, and the 7 MB of pydantic with it.
    """

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        settings = json.dumps(self.settings | {"url": self.get_openapi_url(api, kwargs)}, indent=1)
        return render(request, self.template, {"swagger_settings": settings, "api": api, "add_csrf": False})


api = NinjaAPI(
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
api.add_router("", deliveries.router)
api.add_router("", threads.router)
api.add_router("", tags.router)
api.add_router("", objects.router)
problems.register(api)
