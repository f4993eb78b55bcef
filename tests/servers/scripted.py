"""A mail server that refuses everybody in words of our choice, as the big providers do on a bad day."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Scripted:
    """Speaks IMAP or POP3 in clear up to the login, which it answers by `refusal`.

    :param refusal: a whole answer without the tag, such as "NO [LIMIT] Too many connections."
    :param capabilities: lines that CAPA shows.
    """

    def __init__(self, kind: str, refusal: str, capabilities: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.refusal = refusal
        self.capabilities = capabilities
        self.logins = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._server.accept()
                with line, suppress(OSError):
                    line.settimeout(10)
                    line.sendall(b"+OK ready\r\n" if self.kind == "POP3" else b"* OK ready\r\n")
                    for command in line.makefile("rb"):
                        line.sendall(self._answer(command.decode()).encode())

    def _answer(self, command: str) -> str:
        if self.kind == "POP3":
            return self._pop3(command.split(maxsplit=1)[0].upper())
        tag, verb, *_ = command.split()
        if verb.upper() in ("LOGIN", "AUTHENTICATE"):
            self.logins += 1
            return f"{tag} {self.refusal}\r\n"
        untagged = "* CAPABILITY IMAP4rev1 IDLE\r\n" if verb.upper() == "CAPABILITY" else ""
        return f"{untagged}{tag} OK done\r\n"

    def _pop3(self, verb: str) -> str:
        if verb == "PASS":
            self.logins += 1
            return f"{self.refusal}\r\n"
        if verb == "CAPA":
            return "".join(f"{line}\r\n" for line in ("+OK", *self.capabilities, "."))
        return "+OK\r\n"


@contextmanager
def refusing(kind: str, refusal: str, capabilities: tuple[str, ...] = ()) -> Iterator[Scripted]:
    """Such a server, closed at the end."""
    server = Scripted(kind, refusal, capabilities)
    try:
        yield server
    finally:
        server.close()
