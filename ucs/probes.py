"""/healthz, /readyz and /metrics: answered before host names, sessions and redirects come into play.

/healthz   the process works; nothing else is asked, or a database outage would restart the web
/readyz    database, Redis and migrations are there; 503 and the reasons when not
/metrics   for Prometheus: from this machine freely, from elsewhere with an API key as bearer
"""

import ipaddress
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.auth import KeyAuth
from sso.endpoint import is_forwarded
from ucs import health, metrics


class ProbeMiddleware:
    """Answers the three probe paths; everything else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.probes = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_page}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = self.probes.get(request.path)
        return probe(request) if probe else self.get_response(request)


def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """The process can serve people."""
    problems = health.problems()
    return JsonResponse({"ready": not problems, "problems": problems}, status=503 if problems else 200)


def metrics_page(request: HttpRequest) -> HttpResponse:
    """Everything there is to count."""
    if not (is_local(request) or is_administrator(request)):
        return HttpResponse(
            "Send an administrator's API key as bearer.\n", status=401, content_type="text/plain"
        )
    return HttpResponse(generate_latest(metrics.REGISTRY), content_type=CONTENT_TYPE_LATEST)


def is_local(request: HttpRequest) -> bool:
    """Whether a request comes from this very machine, and not through a proxy on it."""
    if is_forwarded(request):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def is_administrator(request: HttpRequest) -> bool:
    """Whether the bearer key belongs to somebody who may see the whole system."""
    user = KeyAuth()(request)
    return user is not None and user.is_superuser
