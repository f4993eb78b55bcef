"""A receiver of webhooks: keeps what it gets, and answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]


@dataclass
class Receiver:
    """`answers` are status codes for conversations by id; everything else gets `status`."""

    url: str = ""
    status: int = 200
    text: str = "thanks"
    headers: dict[str, str] = field(default_factory=dict)
    answers: dict[int, int] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    gate: threading.Event | None = None

    @property
    def types(self) -> list[str]:
        """Of what came, in the order in which it came."""
        return [each.payload["type"] for each in self.got]

    def answer_to(self, got: Got) -> int:
        conversation = got.payload["data"].get("conversation") or {}
        return self.answers.get(conversation.get("id", 0), self.status)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run one on loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.got.append(got)
            if receiver.gate is not None:
                receiver.gate.wait(10)
            self.send_response(receiver.answer_to(got))
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(receiver.text.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
