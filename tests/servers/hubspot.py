"""A stand-in for HubSpot's API, after its public documents, and for a CRM of another make that takes JSON.

HubSpot: objects of contacts and emails with search, properties and their groups, 401 without the token, 400
for a property that it doesn't know. The other one: POST /api/activities, which knows Idempotency-Key, and GET
/api/people?email=….
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "pat-eu1-0123456789"


@dataclass
class Crm:
    """What it holds. `status` other than 0 is its answer to everything; `loses_answers` of what it makes."""

    url: str = ""
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    emails: dict[str, dict[str, Any]] = field(default_factory=dict)
    properties: set[str] = field(default_factory=set)
    people: dict[str, Any] = field(default_factory=dict)
    activities: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    status: int = 0
    loses_answers: int = 0
    makes_contact_meanwhile: bool = False
    says_which: bool = True
    finds_contacts: bool = True

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if self.status:
            return self.status, {"status": "error", "message": "The server is away."}
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"status": "error", "category": "INVALID_AUTHENTICATION"}
        found = self._known(method, path, headers, body)
        made = found[0] == 201
        if made and self.loses_answers:
            self.loses_answers -= 1
            return 502, {"message": "It was made, but nobody is told."}
        return found

    def _known(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        parts = urlsplit(path)
        if method == "GET" and parts.path == "/api/people":
            person = self.people.get(parse_qs(parts.query)["email"][0])
            return (200, person) if person else (404, {"error": "nobody"})
        if (method, path) == ("POST", "/api/activities"):
            key = headers["idempotency-key"]
            if key in self.activities:
                return 409, {"activity": {"id": self.activities[key]["number"]}}
            self.activities[key] = body | {"number": len(self.activities) + 1}
            return 201, {"activity": {"id": len(self.activities)}}
        if path == "/crm/v3/objects/contacts/search":
            rows = self.contacts if self.finds_contacts else {}
            return self._search(rows, body, {"email", "firstname", "lastname", "tier", "team", "hs_language"})
        if path == "/crm/v3/objects/emails/search":
            rows = {pk: row["properties"] for pk, row in self.emails.items()}
            return self._search(rows, body, self.properties)
        if path == "/crm/v3/objects/contacts":
            return self._make_contact(body["properties"])
        if path == "/crm/v3/objects/emails":
            pk = str(9000 + len(self.emails))
            self.emails[pk] = body
            return 201, {"id": pk, "properties": body["properties"]}
        if path.startswith("/crm/v3/properties/emails"):
            name = body["name"]
            if name in self.properties:
                return 409, {"category": "OBJECT_ALREADY_EXISTS"}
            self.properties.add(name)
            return 201, {"name": name}
        return 404, {"message": f"resource not found: {method} {path}"}

    def _search(self, rows: dict[str, dict[str, str]], body: Any, known: set[str]) -> tuple[int, Any]:
        (one,) = body["filterGroups"][0]["filters"]
        if one["propertyName"] not in known:
            return 400, {
                "status": "error",
                "message": f"There was a problem with property {one['propertyName']}",
            }
        assert one["operator"] == "EQ"
        found = [
            {"id": pk, "properties": {name: row.get(name) for name in body["properties"]}}
            for pk, row in rows.items()
            if row.get(one["propertyName"], "").lower() == one["value"].lower()
        ]
        return 200, {"total": len(found), "results": found[: body["limit"]]}

    def _make_contact(self, properties: dict[str, str]) -> tuple[int, Any]:
        if self.makes_contact_meanwhile:
            self.contacts["51"] = properties
            which = " Existing ID: 51" if self.says_which else ""
            return 409, {"message": f"Contact already exists.{which}", "category": "CONFLICT"}
        pk = str(100 + len(self.contacts))
        self.contacts[pk] = properties
        return 201, {"id": pk, "properties": properties}


@contextmanager
def crm_running() -> Iterator[Crm]:
    """Run one on loopback."""
    crm = Crm()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, data = crm.answer(self.command, self.path, headers, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(data).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    crm.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield crm
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
