"""The API under /api/v1.0/, with its OpenAPI description and docs page."""

from ninja import NinjaAPI

from api import answers, conversations, deliveries, objects, problems, threads
from api.auth import KeyAuth

api = NinjaAPI(
    title="UCS Email",
    version="1.0",
    description="Conversations, messages and settings of the contact centre's e-mail channel. "
    "Make a key with `manage.py apikey USER` and send it as `Authorization: Bearer …`.",
    auth=KeyAuth(),
    urls_namespace="api",
)
api.add_router("", conversations.router)
api.add_router("", answers.router)
api.add_router("", deliveries.router)
api.add_router("", threads.router)
api.add_router("", objects.router)
problems.register(api)
