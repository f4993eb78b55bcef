"""Files are scanned before anybody opens them; what the scanner says decides who may."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from agents.models import Agent
from alarms.troubles import troubles
from api.models import APIKey
from mailsources.models import FetchedMail
from queues import scanning
from queues.models import Attachment, Message
from tests.make import make_agent, make_mail, make_queue, make_source, make_supervisor, receive
from tests.servers.clamd import EICAR, LARGEST, Clamd

pytestmark = pytest.mark.django_db

Scan = Attachment.Scan


@pytest.fixture
def clamd(settings: Settings) -> Iterator[Clamd]:
    with Clamd() as server:
        settings.CLAMAV = server.address
        yield server


@pytest.fixture
def alice(client: Client) -> Client:
    client.force_login(make_agent("alice").user)
    return client


def with_files(*files: bytes) -> Message:
    parts = [b"--b\r\nContent-Type: text/plain\r\n\r\nSee the files.\r\n"]
    for number, data in enumerate(files):
        parts.append(
            b"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; "
            b"filename=file%d.bin\r\n\r\n%s\r\n" % (number, data)
        )
    head = make_mail("", Content_Type="multipart/mixed; boundary=b").rstrip()
    return receive(make_queue(Agent.objects.all()), head + b"\r\n\r\n" + b"".join(parts) + b"--b--\r\n")


def states(message: Message) -> list[str]:
    return [each.scan for each in message.attachments.order_by("id")]


def address(message: Message, number: int = 0) -> str:
    return reverse("attachment", args=[message.attachments.order_by("id")[number].pk])


def test_without_a_scanner_nothing_waits(alice: Client) -> None:
    message = with_files(b"words")
    assert states(message) == [""]
    assert alice.get(address(message)).content == b"words"


def test_files_wait_are_scanned_and_opened(alice: Client, clamd: Clamd) -> None:
    message = with_files(b"words", EICAR, bytes(LARGEST + 100))
    assert states(message) == [Scan.WAITING] * 3
    assert "being scanned" in alice.get(address(message)).content.decode()

    scanning.run()

    assert states(message) == [Scan.CLEAN, Scan.INFECTED, Scan.TOO_LARGE]
    assert alice.get(address(message)).content == b"words"
    refused = alice.get(address(message, 1))
    assert refused.status_code == 409
    assert EICAR not in refused.content
    assert alice.post(address(message, 1)).status_code == 409
    event = message.conversation.events.get(kind="virus")
    assert "“file1.bin”" in event.sentence

    asked = alice.get(address(message, 2))
    assert asked.status_code == 409
    assert "too large" in asked.content.decode()
    assert alice.post(address(message, 2)).content == bytes(LARGEST + 100)
    assert "file2.bin" in message.conversation.events.get(kind="risked").sentence


def test_the_whole_mail_and_its_archive_hold_no_virus_back_door(alice: Client, clamd: Clamd) -> None:
    message = with_files(b"words", EICAR)
    scanning.run()
    assert alice.get(reverse("message-raw", args=[message.pk])).status_code == 409
    archive = alice.get(reverse("message-files", args=[message.pk]))
    assert archive["Content-Type"] == "application/zip"
    assert b"file1.bin.txt" in archive.content
    bearer: dict[str, Any] = {
        "HTTP_AUTHORIZATION": f"Bearer {APIKey.make(User.objects.get(username='alice').pk)}"
    }
    infected = message.attachments.order_by("id")[1]
    assert alice.get(f"/api/v1.0/attachments/{infected.pk}", **bearer).status_code == 409
    assert alice.get(f"/api/v1.0/messages/{message.pk}/raw", **bearer).status_code == 409


def test_the_ledger_is_no_back_door_either(client: Client, clamd: Clamd) -> None:
    client.force_login(User.objects.create_superuser("root"))
    message = with_files(EICAR)
    fetched = FetchedMail.objects.create(
        source=make_source(queue=message.conversation.queue), raw=message.raw, content_hash="x"
    )
    url = reverse("admin:mailsources_fetchedmail_raw", args=[fetched.pk])
    scanning.run()
    answer = client.get(url, follow=True)
    assert answer.status_code == 409
    assert EICAR not in answer.content


def test_a_supervisor_may_if_the_setting_says_so(client: Client, settings: Settings, clamd: Clamd) -> None:
    settings.INFECTED_FILES = "supervisor"
    client.force_login(make_supervisor("bob").user)
    message = with_files(EICAR)
    scanning.run()
    assert client.get(address(message)).status_code == 409
    assert client.post(address(message)).content == EICAR
    assert message.conversation.events.filter(kind="risked", user__username="bob").exists()
    alice = make_agent("alice")
    alice.queues.add(message.conversation.queue)
    client.force_login(alice.user)
    assert client.post(address(message)).status_code == 409


def test_a_scanner_that_is_away_is_asked_again_and_told_of(alice: Client, settings: Settings) -> None:
    settings.CLAMAV = "tcp://127.0.0.1:9"
    message = with_files(b"words")
    now = timezone.now()
    for _ in range(scanning.MANY_TRIES):
        with time_machine.travel(now, tick=False):
            scanning.run()
        now += timedelta(minutes=11)
    file = message.attachments.get()
    assert (file.scan, file.scan_tries) == (Scan.WAITING, scanning.MANY_TRIES)
    assert "which is away" in alice.get(address(message)).content.decode()
    assert [each.key for each in troubles() if each.key == "scanner"]

    settings.SCANNER_AWAY = "warn"
    assert "the virus scanner is away" in alice.get(address(message)).content.decode()
    assert alice.post(address(message)).content == b"words"

    with Clamd() as clamd, time_machine.travel(now, tick=False):
        settings.CLAMAV = clamd.address
        scanning.run()
    assert states(message) == [Scan.CLEAN]
    assert not [each.key for each in troubles() if each.key == "scanner"]


def test_what_came_before_the_scanner_is_scanned_when_it_is_wanted(alice: Client, settings: Settings) -> None:
    message = with_files(b"words")
    with Clamd() as clamd:
        settings.CLAMAV = clamd.address
        assert alice.get(address(message)).status_code == 409
        assert states(message) == [Scan.WAITING]
        scanning.run()
        assert alice.get(address(message)).content == b"words"
