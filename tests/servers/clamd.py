"""A virus scanner that speaks ClamAV's INSTREAM over TCP, and knows one virus: EICAR's test file.

With UCS_TEST_CLAMAV set, a real clamd at that address stands in for it (StreamMaxLength 1M).
"""

import os
import socketserver
import struct
import threading
from types import TracebackType

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
LARGEST = 1024 * 1024


class _Talk(socketserver.StreamRequestHandler):
    server: "Clamd"
    timeout = 10

    def handle(self) -> None:
        if self.rfile.read(len(b"zINSTREAM\0")) != b"zINSTREAM\0":
            self.wfile.write(b"UNKNOWN COMMAND\0")
            return
        data = b""
        while size := struct.unpack(">I", self.rfile.read(4))[0]:
            if len(data) + size > LARGEST:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
            data += self.rfile.read(size)
        self.server.scanned.append(data)
        self.wfile.write(
            self.server.answer or (b"stream: Eicar-Test FOUND\0" if EICAR in data else b"stream: OK\0")
        )


class Clamd(socketserver.ThreadingTCPServer):
    """Listens on loopback while the context lasts; `answer` is what it says instead of a verdict."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.scanned: list[bytes] = []
        self.answer = b""

    @property
    def address(self) -> str:
        """As UCS_CLAMAV has it."""
        return os.environ.get("UCS_TEST_CLAMAV", "") or f"tcp://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> "Clamd":
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
