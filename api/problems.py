"""Errors as application/problem+json (RFC 9457)."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from crm.refusals import ContactRefused
from queues.actions import ActionRefused

TITLES = {
    400: "Bad request",
    401: "Sign in with a key",
    403: "Not for this key",
    404: "Not found",
    409: "Refused",
    412: "It was changed meanwhile",
    422: "The request can't be understood",
    429: "Too often",
}


def problem(status: int, detail: str, **more: Any) -> HttpResponse:
    """One problem document."""
    body = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": detail}
    return JsonResponse(body | more, status=status, content_type="application/problem+json")


def nowhere(request: HttpRequest, rest: str) -> HttpResponse:
    """An address that no operation has, such as one with a number below zero."""
    return problem(404, "There is no such address: see /api/v1.0/docs for those that there are.")


def register(api: NinjaAPI) -> None:
    """Make the API answer all expected errors as problems."""

    @api.exception_handler(AuthenticationError)
    def unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        response = problem(
            401, "Give a valid key as Authorization: Bearer …; make one with manage.py apikey USER."
        )
        response["WWW-Authenticate"] = "Bearer"
        return response

    @api.exception_handler(Http404)
    def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
        return problem(404, "There is no such object among those that this key may see.")

    @api.exception_handler(ActionRefused)
    def refused(request: HttpRequest, error: ActionRefused) -> HttpResponse:
        return problem(409, str(error))

    @api.exception_handler(ContactRefused)
    def contact_refused(request: HttpRequest, error: ContactRefused) -> HttpResponse:
        return problem(409, error.sentence, **({"field": error.field} if error.field else {}))

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        first = error.errors[0] if error.errors else {"loc": [], "msg": "unreadable"}
        where = ".".join(str(part) for part in first["loc"][1:] if part != "payload")
        return problem(422, f"{where or 'body'}: {first['msg']}", errors=error.errors)

    @api.exception_handler(HttpError)
    def other(request: HttpRequest, error: HttpError) -> HttpResponse:
        return problem(error.status_code, str(error))
