"""Polling mailboxes in which nothing has changed: kept connections beside reconnecting, in one run.

    python -m bench.polls [--sources 5000] [--raw 300]

"Raw" is the mailbox alone, in one thread: NOOP and SEARCH, or all of connecting, signing in and looking.
"Whole" is what a worker does with tasks of 25 mailboxes: find what is due, claim, look, write the result, in
eight threads on a throwaway PostgreSQL; only Celery's own 3.3 ms for each task are not in it. The server is a
little one of ours in a process of its own, over TLS; its cost is not counted, and neither is the pace of
logins that hosts.toml asks for.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest import mock

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.mailboxes import cpu, quiet  # noqa: E402
from mailsources import hosts, imap, lease, ledger, tasks  # noqa: E402
from mailsources.deliver import in_portions  # noqa: E402
from mailsources.hosts import Host  # noqa: E402
from mailsources.imap_line import Line  # noqa: E402
from mailsources.kept import Kept  # noqa: E402
from mailsources.mailbox import open_mailbox  # noqa: E402
from mailsources.models import EmailSource, SourceState  # noqa: E402
from mailsources.polling import Round  # noqa: E402
from queues.models import EmailQueue  # noqa: E402
from sso import tls  # noqa: E402
from tests.servers.authority import Authority  # noqa: E402

THREADS = 8
INTERVAL = 60
CELERY_MS = 3.3
UNPACED = (Host(endings=(), account=1_000_000, logins=1e9, hands=64),)


def make_sources(count: int, port: int) -> list[EmailSource]:
    """So many mailboxes of one queue, due now, whose first look is over."""
    queue = EmailQueue.objects.create(name="Support")
    sources = EmailSource.objects.bulk_create(
        EmailSource(
            name=f"support-{number}", server_address="127.0.0.1", service_port=port, queue=queue,
            username=f"box{number}@company.example", password="secret",
        )
        for number in range(count)
    )  # fmt: skip
    SourceState.objects.bulk_create(
        SourceState(
            source=source, mailbox_key=ledger.mailbox_key(source), uidvalidity=quiet.UIDVALIDITY, last_uid=5,
            began_at=timezone.now(), imported_at=timezone.now(), on_server=0,
            proof_due_at=timezone.now() + timedelta(days=1),
        )
        for source in sources
    )  # fmt: skip
    return sources


def look(sources: list[EmailSource]) -> None:
    """The mailbox alone."""
    for source in sources:
        with open_mailbox(source) as mailbox:
            mailbox.open()
            assert not [one for portion in mailbox.listing(5) for one in portion]


def poll_all(pool: ThreadPoolExecutor) -> None:
    """One round of all sources, as workers do it."""
    SourceState.objects.update(next_attempt_at=None)
    while due := lease.due(1000):
        for _ in pool.map(poll, list(in_portions(due, tasks.SOURCES_PER_TASK))):
            pass
    left = SourceState.objects.filter(last_error__gt="").first()
    assert left is None, left and left.last_error


def poll(source_ids: list[int]) -> None:
    """A task, waiting for its last mailbox so that all of it is counted."""
    with mock.patch.object(Round.go, "__defaults__", (60.0,)):
        tasks.poll(source_ids)


def hang_up(kept: Kept[Line], key: int, fingerprint: str, line: Line, *account: object) -> None:
    """Instead of keeping it."""
    kept._hang_up(line)


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Each poll connects anew."""
    with mock.patch.object(Kept, "put", hang_up):
        yield


@contextmanager
def context_for_each() -> Iterator[None]:
    """Each connection makes a TLS context of its own, as the library would."""
    with nothing_kept(), mock.patch.object(tls, "_context", tls._context.__wrapped__):
        yield


def measure(name: str, count: int, work: Callable[[], None]) -> float:
    """Print a line of the table; returns the client's milliseconds for each poll."""
    with cpu.counted() as cost:
        work()
    print(f"{name:52}{cost.shown(count)}", flush=True)
    return 1000 * cost.client / count


def compare(kept: float, shared: float, own: float) -> None:
    """The ratios of the three ways."""
    print(
        f"{'':4}reconnecting costs {shared / kept:.1f} times a kept connection, own contexts {own / kept:.0f}"
    )


def raw(sources: list[EmailSource]) -> None:
    """The mailboxes alone."""
    count = len(sources)
    look(sources)
    kept = measure("raw, kept connection", 5 * count, lambda: look(sources * 5))
    imap.kept.clear()
    with nothing_kept():
        shared = measure("raw, reconnecting, one TLS context", count, lambda: look(sources))
    with context_for_each():
        some = sources[: count // 5]
        own = measure("raw, reconnecting, a TLS context each", len(some), lambda: look(some))
    compare(kept, shared, own)


def whole(sources: list[EmailSource]) -> None:
    """All of a poll."""
    count = len(sources)
    before = cpu.memory()
    with ThreadPoolExecutor(THREADS) as pool:
        measure("whole, connecting to all", count, lambda: poll_all(pool))
        grown = cpu.memory() - before
        kept = measure("whole, kept connections", count, lambda: poll_all(pool))
        kept = min(kept, measure("whole, kept connections, again", count, lambda: poll_all(pool)))
        each = 1000 * grown / count
        print(f"{'':4}{len(imap.kept):,} connections are kept, {each:.0f} KB each ({cpu.memory():.0f} MB)")
        imap.kept.clear()
        with nothing_kept():
            shared = measure("whole, reconnecting, one TLS context", count, lambda: poll_all(pool))
        with context_for_each():
            some = [source.pk for source in sources[count // 10 :]]
            SourceState.objects.filter(source__in=some).update(lease_until="2999-01-01T00:00Z")
            own = measure(
                "whole, reconnecting, a TLS context each", count - len(some), lambda: poll_all(pool)
            )
    compare(kept, shared, own)
    share = count * (kept + CELERY_MS / tasks.SOURCES_PER_TASK) / 1000 / INTERVAL
    print(f"{'':4}{count:,} mailboxes each {INTERVAL} s: {100 * share:.0f} % of a core, beside the database")


@contextmanager
def unpaced() -> Iterator[None]:
    """Logins as fast as they go."""
    with mock.patch.object(hosts, "known", return_value=UNPACED):
        yield


def main() -> None:
    """Both, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", type=int, default=5000)
    parser.add_argument("--raw", type=int, default=300)
    options = parser.parse_args()
    authority = Authority(Path(tempfile.mkdtemp()))
    settings.CA_BUNDLE = str(authority.bundle)
    call_command("migrate", verbosity=0)
    with quiet.running(authority.certificate()) as port, unpaced():
        sources = make_sources(options.sources, port)
        print(f"CPU in ms for each poll\n{cpu.HEADING}")
        raw(sources[: options.raw])
        whole(sources)


if __name__ == "__main__":
    main()
