"""A place where a mail server asks about tokens (RFC 7662), for a provider that has none itself."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.servers.ports import HOST


@contextmanager
def running(owner_of: Callable[[str], str | None]) -> Iterator[str]:
    """Its URL.

    :param owner_of: the address whose live token this is.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            owner = owner_of(parse_qs(body).get("token", [""])[0])
            answer = json.dumps({"active": True, "username": owner} if owner else {"active": False}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/introspect"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
