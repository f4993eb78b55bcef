"""kill -9 for the parser at any moment, and any bytes: nothing lost, nothing doubled, nothing in the way."""

import random
import threading
from contextlib import suppress
from datetime import timedelta

import psutil
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailcore.parsed import ParsedMail
from mailsources import apart, claims, ledger
from mailsources import deliver as delivering
from mailsources.apart import Parsers
from mailsources.deliver import deliver, deliver_many, retry
from mailsources.models import FetchedMail
from queues.models import Message
from tests.make import make_mail, make_source

State = FetchedMail.State
MAILS = 200


class Killer:
    """Kills a parser of this process every now and then."""

    def __init__(self, seed: int) -> None:
        self.kills = 0
        self._chance = random.Random(seed)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._enough.wait(self._chance.uniform(0.1, 2)):
            for child in psutil.Process().children():
                with suppress(psutil.Error):
                    if any("parser_child" in word for word in child.cmdline()):
                        child.kill()
                        self.kills += 1


@pytest.mark.django_db(transaction=True)
def test_a_parser_killed_over_and_over_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PAUSES", (timedelta(0), timedelta(0)))
    monkeypatch.setattr(delivering, "PARSER_PAUSE", timedelta(0))
    source = make_source()
    raws = [make_mail(f"Mail {number}.") for number in range(MAILS)]
    rows = ledger.take_in(source, raws, timezone.now())
    with Killer(seed=7) as killer:
        for _ in range(100):
            fresh, tried = delivering.waiting(timedelta(0), 1000)
            for portion in delivering.in_portions(fresh, 20):
                deliver_many(portion)
            for pk in tried:
                deliver(pk)
            for parked in FetchedMail.objects.filter(state=State.FAILED):
                assert "killed from outside" in parked.reason
                retry(parked)
            if killer.kills >= 5 and not FetchedMail.objects.exclude(state=State.DELIVERED).exists():
                break
            if not fresh and not tried:  # all are in: again, from the beginning
                _undo()
    assert killer.kills >= 5
    assert set(FetchedMail.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert Message.objects.count() == MAILS
    assert set(FetchedMail.objects.values_list("message_id", flat=True)) == set(
        Message.objects.values_list("pk", flat=True)
    )
    assert len(rows) == MAILS


def _undo() -> None:
    """As if none had been delivered yet."""
    FetchedMail.objects.update(state=State.WAITING, message=None, attempts=0)
    Message.objects.all().delete()


SEEDS = [
    b"Message-ID: <\r\n",
    b"Message-ID: <[\r\n",
    b"Message-ID: \r\n",
    b"From: =?utf-8?q?a=0d=0ab?= <a@b>\r\n",
    b"From: a@b, <c@[\r\n",
    b"To: " + b"(" * 1000 + b"\r\n",
    b"To: " + b"a:" * 400 + b"\r\n",
    b'Cc: "' + b"\\" * 99 + b"\r\n",
    b"Date: Mon, 99 Foo 99999 99:99:99 +99999\r\n",
    b"Subject: =?utf-7?q?+AAA-?= =?x?x?x?= =?utf-8?b?////?=\r\n",
    b"Content-Type: multipart/mixed; boundary*0*=utf-8''%00; boundary=b\r\n",
    b"Content-Type: text/html; charset=\0\r\n",
    b"Content-Disposition: attachment; filename*=utf-16''%d8%00\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"References: " + b"<a@b>" * 60 + b"\r\n",
    b"\r\n--b\r\n\r\n<p>\xff\xfe\x00</p>\r\n--b--\r\n",
]


def test_ten_thousand_damaged_mails_are_parsed() -> None:
    chance = random.Random(20260302)
    parsers = Parsers()
    try:
        for _ in range(20):
            raws = [_damaged(chance) for _ in range(500)]
            outcomes = parsers.parse_all(raws, apart.IN_COMPANY)
            assert [
                raw for raw, one in zip(raws, outcomes, strict=True) if not isinstance(one, ParsedMail)
            ] == []
    finally:
        parsers.close()


def _damaged(chance: random.Random) -> bytes:
    raw = bytearray(b"".join(chance.sample(SEEDS, chance.randrange(1, 8))))
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(raw))
        raw[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    return bytes(raw)


@pytest.mark.django_db
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(SEEDS) | st.binary(max_size=40), max_size=8).map(b"".join))
@example(b"Subject: a\0b\r\nX-\xff: \0\r\n\r\n\xed\xa0\x80 \0 text")
@example(b'Content-Type: text/x\0y\r\nContent-Disposition: attachment; filename="\xed\xa0\x80\0"\r\n\r\n\0')
def test_any_bytes_are_saved_and_read_back(raw: bytes) -> None:
    fetched = ledger.take_in(make_source(), [raw], timezone.now())[0]
    message = deliver(fetched.pk)
    fetched.refresh_from_db()
    assert message is not None, fetched.reason
    stored = Message.objects.get(pk=message.pk)
    parsed = apart.parsers.parse_all([raw])[0]
    assert isinstance(parsed, ParsedMail)
    assert (stored.subject, stored.text, stored.html) == (parsed.subject[:1000], parsed.text, parsed.html)
    assert stored.defects == list(parsed.defects)
    assert fetched.raw is not None
    assert fetched.raw.as_bytes() == raw
