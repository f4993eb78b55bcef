"""``python -m tests.planted``: ten faults, one each, in the running demo, for somebody who is to mend them.

Start ``make demo`` first. The objects are called “planted 1” to “planted 10”; whoever mends them sees only
the pages (“Test connection”) or ``manage.py doctor``. This program plays the servers that the rehearsal world
lacks, until Ctrl-C, and then takes the objects away again. ``--answers`` prints what is wrong with each.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ucs import environment
from ucs.datafolder import StartError

COMPANY = "mail.company.example"
GOOGLE_IMAP = "imap.gmail.com"
SUPPORT, BILLING = "support@company.example", "billing@company.example"
RETURNS, MAILBOX = "returns@company.com", "mailbox.email@company.com"
ANSWERS = (
    "the service port is 995, not 993",
    "STARTTLS is chosen at the port for SSL (465): choose SSL, or port 587",
    "the password is wrong: it is “rehearsal”",
    "the folder doesn't exist: it is “Invoices” now",
    "the sign-in was revoked: click 🔑 and sign in as returns@company.com",
    "the token is that of returns@company.com: sign in with 🔑 as mailbox.email@company.com there",
    "the client secret has expired: the new one is “fresh-secret”",
    "the consent lacks SMTP.Send: add it to the scope, and click 🔑",
    "SMTP AUTH is switched off: touch the page that is printed below, then test again",
    "the sender's address is not the login's: make it billing@company.example",
)


@dataclass
class Planted:
    """What was made, and the servers that are played."""

    rows: list[Any] = field(default_factory=list)
    stops: list[Callable[[], object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def stop(self) -> None:
        for stop in reversed(self.stops):
            stop()


def main() -> int:
    """Plant, wait, take away; 1 when there is no demo."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("--answers", action="store_true", help="print what is wrong, and end")
    if parser.parse_args().answers:
        print("\n".join(f"{number:2} {answer}" for number, answer in enumerate(ANSWERS, 1)))
        return 0
    try:
        environment.prepare(["planted"])
    except StartError as error:
        return environment.fail(error)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rehearsal.settings")
    import django  # noqa: PLC0415 - the environment must be complete first

    django.setup()
    from tests.planting import clear, plant  # noqa: PLC0415 - models want the settings

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    planted = Planted()
    try:
        plant(planted)
        print("Ten faults are planted, one each: see “planted 1” to “planted 10”.")
        print("manage.py doctor names the broken rung of each. Ctrl-C takes them away.", flush=True)
        print("\n".join(planted.notes), flush=True)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    finally:
        clear()
        planted.stop()


def serve_in_thread(server: Any) -> Callable[[], None]:
    """Start an http.server; returns what stops it."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


if __name__ == "__main__":
    sys.exit(main())
