"""Stand-ins for Zammad's REST API and for FreeScout's module API & Webhooks, after their documents.

Zammad: tickets in pages of at most 100 by id, expanded with names; articles of a ticket; raw mails (204 where
none was kept); files; tags; states with their types. FreeScout: conversations in pages, active ones alone
unless a status is asked for; one with its threads, the newest first; mailboxes; files at own addresses.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "zammad-0123456789"
STATES = [
    {"id": number, "name": name, "state_type": kind}
    for number, (name, kind) in enumerate(
        [("new", "new"), ("in Arbeit", "open"), ("erledigt", "closed"), ("merged", "merged")], 1
    )
]

Said = tuple[int, Any]


@dataclass
class HelpDesk:
    """What it holds; `refusals` are answered first, one each; what begins as in `broken` gets 500."""

    url: str = ""
    tickets: list[dict[str, Any]] = field(default_factory=list)
    articles: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    raws: dict[int, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[int, list[str]] = field(default_factory=dict)
    conversations: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str]) -> Said:
        self.asked.append(path)
        if any(path.startswith(each) for each in self.broken):
            return 500, {"error": "Internal Server Error"}
        if self.refusals:
            return self.refusals.pop(0), {"error": "not now"}
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path in self.files and not {"authorization", "x-freescout-api-key"} & headers.keys():
            return 200, self.files[parts.path]
        if parts.path.startswith("/api/v1/"):
            if headers.get("authorization") != f"Token token={TOKEN}":
                return 401, {"error": "Invalid token"}
            return self._zammad(parts.path.removeprefix("/api/v1/"), query)
        if headers.get("x-freescout-api-key") != TOKEN:
            return 401, {"message": "Not Authorized"}
        return self._freescout(parts.path.removeprefix("/api/"), query)

    def _zammad(self, path: str, query: dict[str, str]) -> Said:
        name, *ids = path.split("/")
        if name == "tickets" and not ids:
            size = min(int(query["per_page"]), 100)
            start = (int(query["page"]) - 1) * size
            return 200, sorted(self.tickets, key=lambda row: row["id"])[start : start + size]
        if name == "tickets":
            found = [row for row in self.tickets if row["id"] == int(ids[0])]
            return (200, found[0]) if found else (404, {"error": "Couldn't find Ticket"})
        if name == "ticket_articles":
            return 200, self.articles[int(ids[1])]
        if name == "ticket_article_plain":
            raw = self.raws.get(int(ids[0]))
            return (200, raw) if raw else (204, b"")
        if name == "ticket_attachment":
            data = self.files.get("/".join(ids))
            return (200, data) if data is not None else (404, {})
        if name == "tags":
            return 200, {"tags": self.tags.get(int(query["o_id"]), [])}
        return (200, STATES) if name == "ticket_states" else (404, {})

    def _freescout(self, path: str, query: dict[str, str]) -> Said:
        if path == "mailboxes":
            boxes = [
                {"id": each, "name": f"Box {each}", "email": f"box{each}@example.com"}
                for each in range(10, 110)
            ]
            boxes += [
                {"id": 3, "name": "Example Support", "email": "support@example.com"}
            ]  # not among the first
            size, page = int(query.get("pageSize", 50)), int(query.get("page", 1))
            pages = -(-len(boxes) // size)
            shown = boxes[(page - 1) * size : page * size]
            return 200, {"_embedded": {"mailboxes": shown}, "page": {"totalPages": pages}}
        if path == "conversations":
            states = query.get("status", "active").split(",")
            rows = [row for row in self.conversations if row["status"] in states]
            rows = [row for row in rows if query.get("mailboxId") in (None, str(row["mailboxId"]))]
            size, page = int(query.get("pageSize", 50)), int(query["page"])
            shown = [{**row, "_embedded": {"threads": []}} for row in rows[(page - 1) * size : page * size]]
            pages = -(-len(rows) // size)
            return 200, {"_embedded": {"conversations": shown}, "page": {"number": page, "totalPages": pages}}
        pk = int(path.partition("/")[2])
        found = [row for row in self.conversations if row["id"] == pk]
        return (200, found[0]) if found else (404, {"message": "Not Found"})


@contextmanager
def help_desk() -> Iterator[HelpDesk]:
    """One that listens on loopback until the end of the block."""
    desk = HelpDesk()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = desk.answer(self.path, {key.lower(): value for key, value in self.headers.items()})
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    desk.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
