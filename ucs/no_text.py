"""An address with a NUL in it asks for a text that PostgreSQL cannot hold: nothing has it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

SENTENCE = "The address holds a NUL character, and no text here does."


class NulMiddleware:
    """Refuses such an address before any view looks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return HttpResponse(SENTENCE, status=400, content_type="text/plain; charset=utf-8")
        return self.get_response(request)
