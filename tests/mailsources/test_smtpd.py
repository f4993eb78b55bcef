"""Any bytes that a sender may write arrive as they were written, however the network cuts them up."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsources import smtpd
from mailsources.accepting import Refused
from mailsources.smtpd import House, LmtpTalk, Talk
from tests.servers.ports import HOST

HELLO = b"EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n"
PIECES = [b"\r\n", b".", b"\r", b"..", b"x", b"\xff\x00", b"\r\n.\r\n", b"long " * 100]


class Kept:
    """A store in memory; what it is to raise stands in `trouble`."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.trouble: Exception | None = None

    async def check(self, recipient: str) -> None:
        """Everybody is welcome."""

    async def keep(self, mail_from: str, recipients: Sequence[str], raw: bytes) -> list[int]:
        if self.trouble:
            raise self.trouble
        self.mails.append(raw)
        return list(range(len(recipients)))


def talk(pieces: Sequence[bytes], kept: Kept, *, kind: type[Talk] = Talk, budget: int = 10**6) -> list[str]:
    """Say these pieces to a server, one packet each, then QUIT; the lines of its answers."""

    async def go() -> list[str]:
        house = House(kept, "inbound.example.test", 10**5, budget)
        server = await asyncio.get_running_loop().create_server(lambda: kind(house, None), HOST, 0)
        reader, writer = await asyncio.open_connection(HOST, server.sockets[0].getsockname()[1])
        for piece in (*pieces, b"QUIT\r\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            said = (await reader.read()).decode()
        writer.close()
        server.close()
        await server.wait_closed()
        assert house.held == 0
        return said.splitlines()

    return asyncio.run(go())


@settings(max_examples=80, deadline=None)
@given(
    text=st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_a_mail_arrives_as_it_was_written(text: bytes, cuts: list[int]) -> None:
    text += b"" if text.endswith(b"\r\n") or not text else b"\r\n"
    stuffed = (b"\r\n" + text).replace(b"\r\n.", b"\r\n..")[2:]
    data = stuffed + b".\r\n"
    places = sorted({min(cut, len(data)) for cut in (0, *cuts, len(data))})
    packets = [data[start:end] for start, end in itertools.pairwise(places)]
    kept = Kept()
    said = talk([HELLO, *packets], kept)
    assert kept.mails == [text]
    assert said[-2].startswith("250 2.0.0 ")


@pytest.mark.parametrize("trouble", [RuntimeError("secret detail"), OSError(28, "No space"), TimeoutError()])
def test_any_trouble_is_the_senders_reason_to_try_again(trouble: Exception) -> None:
    kept = Kept()
    kept.trouble = trouble
    said = talk([HELLO, b"Subject: x\r\n\r\n.\r\n"], kept)
    assert said[-2] == smtpd.TROUBLE


def test_a_refusal_is_told_to_each_recipient_over_lmtp() -> None:
    kept = Kept()
    kept.trouble = Refused("550 5.5.2 No")
    hello = HELLO.replace(b"EHLO", b"LHLO").replace(b"DATA", b"RCPT TO:<z@y.example>\r\nDATA")
    said = talk([hello, b"x\r\n.\r\n"], kept, kind=LmtpTalk)
    assert said[-3:-1] == ["550 5.5.2 No"] * 2


def test_memory_is_bounded_over_all_connections() -> None:
    kept = Kept()
    said = talk([HELLO, b"x" * 5000 + b"\r\n.\r\n", HELLO, b"y\r\n.\r\n"], kept, budget=4000)
    assert smtpd.FULL in said
    assert kept.mails == [b"y\r\n"]


def test_a_mail_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtpd, "DATA_SECONDS", 0.2)
    kept = Kept()
    said = talk([HELLO, b"Subject: x\r\n"], kept)
    assert said[-1] == smtpd.TOO_SLOW
    assert kept.mails == []


def test_a_long_command_is_refused_and_the_talk_goes_on() -> None:
    kept = Kept()
    said = talk([b"NOOP " + b"x" * 5000 + b"\r\n", b"NOOP " + b"x" * 600_000 + b"\r\n", b"NOOP\r\n"], kept)
    assert [line[:3] for line in said[1:]] == ["500", "500", "250", "221"]
