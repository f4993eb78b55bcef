"""Old mail moved in from an mbox: mails a second beside what parsing alone takes.

    python -m bench.move_in [--mails 5000]

The mails are those of `bench.ingest`, a third of them answers. Told are the scan, the move itself, a second
run that finds all of it here, and the floor: the same mails read from the file and parsed, and nothing else.
"""

import argparse
import mailbox
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
FOLDER = Path(tempfile.mkdtemp(prefix="move-in-"))
os.environ["UCS_IMPORTS_DIR"] = str(FOLDER)

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from bench.intake.mailbag import mails  # noqa: E402
from mailsources import apart  # noqa: E402
from movein import mbox, moving  # noqa: E402
from movein.models import Move  # noqa: E402
from queues.models import Conversation, Message  # noqa: E402
from tests.make import make_queue  # noqa: E402

LONG = 3600.0


def parse_only(path: Path) -> float:
    """Mails a second of reading and parsing alone."""
    began, count = time.monotonic(), 0
    with path.open("rb") as stream:
        raws: list[bytes] = []
        for span in mbox.spans(stream):
            raws.append(mbox.read(stream, span))
            if len(raws) == 40:
                count += len(apart.parsers.parse_all(raws))
                raws = []
        count += len(apart.parsers.parse_all(raws))
    return count / (time.monotonic() - began)


def timed(move: Move) -> float:
    """Seconds until the worker has done all that it was asked for."""
    began = time.monotonic()
    while True:
        moving.work(move.pk, LONG)
        move.refresh_from_db()
        if not move.is_at_work:
            return time.monotonic() - began


def main() -> None:
    """Write the file, move it in twice, and say how quick that was."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mails", type=int, default=5000)
    count = parser.parse_args().mails
    path = FOLDER / "archive.mbox"
    box = mailbox.mbox(path)
    for mail in mails(count, 1):
        box.add(mail.raw)
    box.close()
    print(f"{count:,} mails, {path.stat().st_size / 1e6:,.0f} MB", flush=True)
    floor = parse_only(path)
    print(f"read and parsed alone: {floor:,.0f} mails/s", flush=True)
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    move = Move.objects.create(kind="mbox", place="archive.mbox", queue=make_queue())
    for what in ("first run", "second run"):
        moving.begin_scan(move, None)
        scanned = timed(move)
        moving.start(move, None)
        moved = timed(move)
        rate = count / moved
        share = f"{rate / floor:.2f} of the floor"
        print(f"{what}: scan {count / scanned:,.0f} mails/s, move {rate:,.0f} mails/s, {share}", flush=True)
        print(f"  {move.taken} taken, {move.known} known, {move.failures} failed", flush=True)
    print(f"{Message.objects.count():,} messages in {Conversation.objects.count():,} conversations")


if __name__ == "__main__":
    main()
