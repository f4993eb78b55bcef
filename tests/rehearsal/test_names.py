"""Well-known names lead into the world, with their certificates checked, and all other names stay."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import aiosmtplib
import pytest
from cryptography.fernet import Fernet
from imapclient import IMAPClient

from rehearsal import names
from tests.rehearsal.conftest import GOOGLE_MAILBOX, RunningWorld

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mapped(rehearsal: RunningWorld, monkeypatch: pytest.MonkeyPatch) -> RunningWorld:
    # monkeypatch puts the true function back at the end.
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    names.install(names.ports_of(names.read_world(rehearsal.world.options.folder)))
    return rehearsal


def test_imap_reaches_the_world_by_googles_name(mapped: RunningWorld) -> None:
    with IMAPClient("imap.gmail.com", 993, ssl_context=mapped.tls, timeout=10) as client:
        client.oauth2_login(GOOGLE_MAILBOX, mapped.token())


def test_smtp_reaches_the_world_by_googles_name(mapped: RunningWorld) -> None:
    async def sign_in() -> None:
        smtp = aiosmtplib.SMTP(
            hostname="smtp.gmail.com", port=587, start_tls=True, tls_context=mapped.tls, timeout=10
        )
        async with smtp:
            await smtp.auth_xoauth2(GOOGLE_MAILBOX, mapped.token())

    asyncio.run(sign_in())


def test_port_that_is_not_offered_is_closed_and_other_names_stay(mapped: RunningWorld) -> None:
    assert socket.getaddrinfo("imap.gmail.com", 7)[0][4] == ("127.0.0.1", 7)
    assert socket.getaddrinfo("127.0.0.1", 993)[0][4] == ("127.0.0.1", 993)
    assert {info[4][1] for info in socket.getaddrinfo("localhost", "imaps")} == {993}
    imaps = socket.getaddrinfo(b"IMAP.gmail.com.", "imaps", proto=socket.IPPROTO_TCP)
    assert imaps[0][4] == ("127.0.0.1", mapped.port("imap.gmail.com", 993))


def test_installing_twice_replaces_the_names(mapped: RunningWorld) -> None:
    names.install({"one.example": {80: 8080}})
    assert socket.getaddrinfo("one.example", 80)[0][4] == ("127.0.0.1", 8080)
    names.install({"localhost": {80: 8081}})
    assert socket.getaddrinfo("localhost", 80)[0][4] == ("127.0.0.1", 8081)
    with pytest.raises(OSError):
        socket.getaddrinfo("one.example", 80)


def ask_settings(folder: Path) -> "subprocess.CompletedProcess[str]":
    program = (
        "from django.conf import settings; import socket;"
        "print(settings.SSO_PRESETS, settings.CA_BUNDLE, settings.ALLOW_PRIVATE_HOSTS,"
        " socket.getaddrinfo('smtp.gmail.com', 587)[0][4][1])"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "rehearsal.settings",
        "UCS_DATA_DIR": str(folder),
        "SECRET_KEY": "k" * 50,
        "UCS_TOKEN_KEYS": "t" * 40,
        "UCS_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": "postgresql://nobody@/nothing",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_settings_point_the_product_at_the_world(rehearsal: RunningWorld, tmp_path: Path) -> None:
    folder = rehearsal.world.options.folder
    (tmp_path / "rehearsal").symlink_to(folder)
    asked = ask_settings(tmp_path)
    port = rehearsal.port("smtp.gmail.com", 587)
    assert asked.stdout == f"{folder}/presets.toml {folder}/ca-bundle.pem True {port}\n", asked.stderr


def test_settings_without_a_world_say_what_to_start(tmp_path: Path) -> None:
    asked = ask_settings(tmp_path)
    assert asked.returncode != 0
    assert "The rehearsal world has not been started" in asked.stderr
