"""The OpenAPI description: what ninja knows of shapes, and what the gate answers besides."""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from api.problems import TITLES
from api.scopes import SCOPES, scope_of

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for a person."},
        "scope": {"type": "string", "description": "Of 403: the scope that the key lacks."},
        "field": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Of 422, one for each value.",
        },
    },
}
ALWAYS = (400, 401, 403, 404, 422, 429)
"""404 also of what a body or a filter names."""

WRITING = (409, 412)
BASE = "/api/v1.0/"
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same request with the same key gets the first answer again, for a day.",
}


class DescribedAPI(NinjaAPI):
    """An API whose description tells scopes, refusals and headers of every operation."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(*args, **kwargs)
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                _complete(operation, method.upper(), path)
        return schema


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    scope = scope_of(method, path.partition(BASE)[2])
    operation["x-scope"] = scope
    said = operation.get("description", "")
    operation["description"] = f"{said}\n\nScope `{scope}`: {SCOPES[scope]}".strip()
    responses = operation["responses"]
    for status in _refusals(method, path):
        if status not in responses and str(status) not in responses:
            responses[status] = _problem(status)
    if method == "POST":
        named = [
            each for each in operation.get("parameters", ()) if each["name"].lower() != "idempotency-key"
        ]
        operation["parameters"] = [*named, KEY]


def _refusals(method: str, path: str) -> list[int]:
    found = [*ALWAYS]
    found += [409] if "/messages/" in path or "/attachments/" in path else []
    return found + (list(WRITING) if method != "GET" else [])


def _problem(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": TITLES.get(status, "Error"), "content": content}
