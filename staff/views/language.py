"""Choosing the language of the pages: on the account page, and under the sign-in form."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from agents.interface import CODES
from staff import arrival, language
from staff.words import words

FOR_EVER = "public, max-age=31536000, immutable"


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Take the language that the form names, then back to the page where it was chosen."""
    code = request.POST.get("language", "")
    response = redirect(arrival.safe_next(request, request.POST.get("next", "")))
    if code in CODES or not code:
        language.choose(request, response, code)
    return response


@require_GET
def spoken(request: HttpRequest, code: str, digest: str) -> HttpResponse:
    """The words that scripts write; the address of other words is another one."""
    if code not in CODES:
        raise Http404("Pages don't speak this language.")
    found = words(code)
    response = HttpResponse(found.script, content_type="text/javascript; charset=utf-8")
    response["ETag"] = f'"{found.digest}"'
    response["Cache-Control"] = FOR_EVER if digest == found.digest else "no-cache"
    return response
