"""NUL in an address: PostgreSQL can hold no such text, so nothing has that name and no search is for it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

SENTENCE = "The address holds a NUL character, and no text here does."


class NulMiddleware:
    """Takes it out of what is asked for, and refuses a path that has it, before any view looks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path:
            return HttpResponse(SENTENCE, status=400, content_type="text/plain; charset=utf-8")
        while "%00" in (asked := request.META.get("QUERY_STRING", "")):  # %%0000 has it once it is taken out
            request.META["QUERY_STRING"] = asked.replace("%00", "")
        return self.get_response(request)
