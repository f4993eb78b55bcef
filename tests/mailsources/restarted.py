"""A program that delivers 45 mails while its own PostgreSQL is restarted in their midst.

`python -m tests.mailsources.restarted FOLDER` prints what became of the mails, before and after they are
delivered again, as JSON.
"""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ucs import environment
from ucs.datafolder import DataFolder
from ucs.embedded import Embedded, Postgres

folder = DataFolder(Path(sys.argv[1]))
embedded = Embedded(folder, throwaway=True)
(postgres,) = (part for part in embedded.parts if isinstance(part, Postgres))
os.environ |= environment.new_keys() | embedded.start() | {"DJANGO_SETTINGS_MODULE": "tests.settings"}

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.core.management import call_command  # noqa: E402

from mailsources import deliver, ledger  # noqa: E402
from mailsources.models import FetchedMail  # noqa: E402
from queues import intake  # noqa: E402
from queues.models import Message  # noqa: E402
from tests import migrated  # noqa: E402
from tests.make import make_mail, make_source  # noqa: E402

MAILS = 45
FATAL = 25


class Outage:
    """PostgreSQL stops while a certain mail is delivered."""

    def __init__(self) -> None:
        self.calls = 0
        self.real = intake.deliver

    def deliver(self, *mail: Any, **named: Any) -> Message:
        """What stands in for `intake.deliver`."""
        self.calls += 1
        if self.calls == FATAL:
            postgres.stop()
        return self.real(*mail, **named)


def told() -> dict[str, Any]:
    """How the mails stand."""
    rows = FetchedMail.objects.values_list("state", "attempts", "lease_until")
    return {
        "rows": {" ".join(map(str, row)): count for row, count in Counter(map(tuple, rows)).items()},
        "messages": Message.objects.count(),
    }


def main() -> None:
    """Deliver, wait until what is owed to the database is written, deliver again."""
    migrated.fill(folder)
    call_command("migrate", verbosity=0)
    rows = ledger.take_in(make_source(), [make_mail(f"Mail {number}.") for number in range(MAILS)])
    ids = [row.pk for row in rows]
    intake.deliver = Outage().deliver
    left = deliver.deliver_in_turn(ids, MAILS)
    assert len(deliver.owed) == 1
    postgres.start()  # by this thread, as it is bound to the life of the one that starts it
    deadline = time.monotonic() + 30
    while deliver.owed and time.monotonic() < deadline:
        time.sleep(0.05)
    states = [told()]
    deliver.deliver_in_turn(ids, MAILS)
    print(json.dumps([*states, told(), left]))


if __name__ == "__main__":
    try:
        main()
    finally:
        embedded.stop()
