"""kill -9 for a process that is fetching: nothing lost, nothing doubled."""

import signal
import subprocess
import sys

import pytest
from django.utils import timezone

from mailsources.deliver import deliver
from mailsources.fetch import fetch_new
from mailsources.models import FetchedMail, SourceState
from queues.models import Message
from tests.mailsources.conftest import contents, fill, source_at
from tests.product import eventually
from tests.servers.authority import Authority
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db(transaction=True)

MAILS = 60


@pytest.mark.parametrize("kind", ["imap-ssl", "pop3-ssl"])
@pytest.mark.parametrize("stored", [0, 50])
def test_a_killed_fetch_is_finished_by_the_next(
    dovecot: Dovecot, authority: Authority, product_env: dict[str, str], kind: str, stored: int
) -> None:
    source = source_at(dovecot, kind, after_import="delete")
    mails = fill(dovecot, source, MAILS)
    command = [sys.executable, "manage.py", "poll", "--source", source.name]
    process = subprocess.Popen(
        command, env=product_env | {"UCS_CA_BUNDLE": str(authority.bundle)}, stdout=subprocess.DEVNULL
    )
    if stored:
        eventually(lambda: FetchedMail.objects.count() >= stored, "mails are being stored", 90)
    else:
        eventually(lambda: SourceState.objects.filter(fence__gt=0).exists(), "the mailbox is held", 90)
    process.send_signal(signal.SIGKILL)
    process.wait()
    SourceState.objects.update(lease_until=timezone.now())  # the time of its leases has run out
    FetchedMail.objects.update(lease_until=None)
    eventually(lambda: not fetch_new(source).failure, "the server lets us in again")
    assert contents(source) == mails
    assert dovecot.mails(source.username) == []
    for fetched_id in FetchedMail.objects.filter(state="waiting").values_list("pk", flat=True):
        deliver(fetched_id)
    assert Message.objects.count() == MAILS
    assert set(FetchedMail.objects.values_list("state", flat=True)) == {"delivered"}
