"""The mailbox that forwards: asks first, then passes each mail on, and tries again while nobody answers."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from rehearsal.customers.crowd import Habits
from rehearsal.mail import forwarding
from rehearsal.mail.forwarding import ADDRESS
from rehearsal.world import Options
from tests.rehearsal.conftest import RunningWorld, start_world, wait_for
from tests.servers.ports import HOST, free_ports

TARGET = "info-abcdefghij234567@inbound.example.test"


class Inbound:
    """The server of the other domain: takes what comes, with its envelope."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[tuple[str, str]] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 inbound\r\n")
        sender = ""
        while line := (await reader.readline()).decode():
            if line.startswith("MAIL"):
                sender = re.findall("<(.*?)>", line)[0]
            if line.startswith("DATA"):
                writer.write(b"354 go\r\n")
                raw = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append((sender, raw.decode(errors="replace")))
            if line.startswith("QUIT"):
                break
            writer.write(b"250 fine\r\n")
        writer.close()

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_server(self.talk, HOST, self.port)


@pytest.fixture
def inbound() -> Inbound:
    return Inbound(free_ports(1)[0])


@pytest.fixture
def rehearsal(tmp_path: Path, inbound: Inbound) -> Iterator[RunningWorld]:
    quiet = Habits(every=3600, burst=0)
    running, stop = start_world(Options(folder=tmp_path, habits=quiet, inbound=(HOST, inbound.port)))
    yield running
    stop()


def post(world: RunningWorld, path: str, **form: str) -> str:
    return requests.post(f"{world.world.oauth.base_url}/forwarding{path}", data=form, timeout=10).text


def test_it_asks_and_then_forwards(rehearsal: RunningWorld, inbound: Inbound) -> None:
    server = rehearsal.run(inbound.listen())
    post(rehearsal, "/send", language="en")
    assert "A code was sent" in post(rehearsal, "", target=TARGET)
    [(sender, question)] = inbound.mails
    assert (sender, TARGET in question) == ("forwarding-noreply@google.com", True)
    [code] = re.findall(r"\(#(\d{9})\)", question)
    assert "That is not the code." in post(rehearsal, "/code", code="123")
    post(rehearsal, "/send", language="en")
    assert "forwards from now on" in post(rehearsal, "/code", code=f" {code} ")
    post(rehearsal, "/send", language="en")
    wait_for(lambda: len(inbound.mails) == 2)
    sender, mail = inbound.mails[1]
    customer = re.findall(r"^From: .*<(.*)>", mail, re.MULTILINE)[0]
    local, _, domain = customer.rpartition("@")
    assert sender == f"SRS0=Reh1=AB={domain}={local}@company.example"
    assert f"Delivered-To: {ADDRESS}" in mail
    wait_for(lambda: rehearsal.world.forwarder.forwarded == 1)
    assert rehearsal.world.forwarder.received == 3
    server.close()


def test_it_tries_again(rehearsal: RunningWorld, inbound: Inbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "PAUSE", 0.05)
    assert "could not be sent: no answer" in post(rehearsal, "", target=TARGET)
    post(rehearsal, "/code", code=rehearsal.world.forwarder.code)
    post(rehearsal, "/send", language="cs")
    wait_for(lambda: rehearsal.world.forwarder.trouble)
    server = rehearsal.run(inbound.listen())
    wait_for(lambda: len(inbound.mails) == 1)
    wait_for(lambda: not rehearsal.world.forwarder.trouble)
    server.close()


@pytest.mark.parametrize(
    "target", ["", "support", ADDRESS, "Info+x@company.example", "a@b.example, c@d.example"]
)
def test_what_it_does_not_forward_to(rehearsal: RunningWorld, target: str) -> None:
    url = f"{rehearsal.world.oauth.base_url}/forwarding"
    assert requests.post(url, data={"target": target}, timeout=10).status_code == 400


def test_the_rule_outlives_a_restart(tmp_path: Path) -> None:
    before = forwarding.Forwarder(None, tmp_path / "rule.json")
    asyncio.run(before.ask(TARGET))
    assert not before.confirm("no code")
    assert not forwarding.Forwarder(None, tmp_path / "rule.json").is_on
    assert before.confirm(before.code)
    after = forwarding.Forwarder(None, tmp_path / "rule.json")
    assert (after.target, after.is_on) == (TARGET, True)
