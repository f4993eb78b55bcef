"""The web process: Django in a bounded set of threads, beside it the live updates.

Django's own ASGI handler costs several times the CPU of its WSGI handler, and does not bound its threads
and with them the database connections. A stream of live updates holds neither.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucs.settings")
django = WSGIMiddleware(get_wsgi_application(), workers=8)  # type: ignore[arg-type]

from queues import live  # noqa: E402 - models can be imported only now
from ucs.celery import answer_fast  # noqa: E402

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

answer_fast()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand each request to the one who answers it."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "http" and scope["path"] == "/sse":
        await live.stream(scope, receive, send)
    elif scope["type"] == "http":
        await django(scope, receive, send)  # type: ignore[arg-type]
    else:
        await send({"type": "websocket.close", "code": 1000})


async def lifespan(receive: Receive, send: Send) -> None:
    """Nothing to prepare and nothing to put away."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
