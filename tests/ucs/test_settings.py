"""A value that can't be used stops the start with a sentence that names the variable."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from ucs import reads


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        (lambda: reads.seconds("UCS_LEASE", 300), "UCS_LEASE", "5m"),
        (lambda: reads.seconds("UCS_LEASE", 300), "UCS_LEASE", "0"),
        (lambda: reads.seconds("UCS_LEASE", 300), "UCS_LEASE", "-3"),
        (lambda: reads.switch("DEBUG"), "DEBUG", "maybe"),
        (lambda: reads.required("SECRET_KEY", "make one"), "SECRET_KEY", ""),
        (reads.encryption_keys, "UCS_ENCRYPTION_KEYS", ""),
        (reads.encryption_keys, "UCS_ENCRYPTION_KEYS", "tooshort"),
        (reads.encryption_keys, "UCS_ENCRYPTION_KEYS", "é" * 44),
        (reads.token_keys, "UCS_TOKEN_KEYS", "short"),
        (reads.base_url, "UCS_BASE_URL", "mail.example.com"),
        (reads.base_url, "UCS_BASE_URL", "https://"),
        (reads.retry_ladder, "UCS_RETRY_LADDER", "60,soon"),
        (reads.inbound_domain, "UCS_INBOUND_DOMAIN", "support@example.com"),
        (reads.inbound_domain, "UCS_INBOUND_DOMAIN", "https://inbound.example.com"),
        (reads.inbound_domain, "UCS_INBOUND_DOMAIN", "inbound"),
        (reads.intake_bind, "UCS_INTAKE_BIND", "0.0.0.0:2525"),
        (reads.intake_bind, "UCS_INTAKE_BIND", "http://127.0.0.1:2525"),
        (reads.intake_bind, "UCS_INTAKE_BIND", "smtp://127.0.0.1"),
        (reads.intake_bind, "UCS_INTAKE_BIND", "smtp://127.0.0.1:99999"),
        (reads.intake_bind, "UCS_INTAKE_BIND", "smtp://127.0.0.1:25?cert=/nowhere.pem"),
        (reads.intake_bind, "UCS_INTAKE_BIND", "smtp://127.0.0.1:25?tls=yes"),
        (reads.intake_bind, "UCS_INTAKE_BIND", "lmtp+unix://"),
        (reads.time_zone, "TIME_ZONE", "Europe/Atlantis"),
        (reads.ca_bundle, "UCS_CA_BUNDLE", "/nowhere/ca.pem"),
        (reads.redis_url, "REDIS_URL", "http://redis"),
        (reads.redis_url, "REDIS_URL", ""),
        (reads.database, "DATABASE_URL", "sqlite:///ucs.db"),
        (reads.database, "DATABASE_URL", ""),
    ],
)
def test_refused(read: Callable[[], object], name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        read()
    assert not (len(value) > 3 and "KEY" in name and value in str(refused.value)), "a key is in the message"


@pytest.mark.parametrize("typed", ["https://mail.example.com/", " https://mail.example.com// "])
def test_the_public_address_is_an_origin(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As consoles of providers want it: no slash at its end."""
    monkeypatch.setenv("UCS_BASE_URL", typed)
    assert reads.base_url() == "https://mail.example.com"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://mail.example.com/", ["127.0.0.1", "localhost", "[::1]", "mail.example.com"]),
        ("http://127.0.0.1:8080", ["127.0.0.1", "localhost", "[::1]", "127.0.0.1"]),
    ],
)
def test_public_address_is_an_allowed_host(
    url: str, hosts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UCS_BASE_URL", url)
    monkeypatch.delenv("ALLOWED_HOSTS", raising=False)
    assert reads.allowed_hosts() == hosts
    monkeypatch.setenv("ALLOWED_HOSTS", "a.example,b.example")
    assert reads.allowed_hosts() == ["a.example", "b.example"]


def test_places_to_listen_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "UCS_INTAKE_BIND", "smtp://0.0.0.0:2525, lmtp://[::1]:2424,lmtp+unix:///run/a%20b.sock"
    )
    smtp, lmtp, file = reads.intake_bind()
    assert (smtp.is_lmtp, smtp.host, smtp.port) == (False, "0.0.0.0", 2525)
    assert (lmtp.is_lmtp, lmtp.host, lmtp.port, str(lmtp)) == (True, "::1", 2424, "lmtp://[::1]:2424")
    assert (file.is_lmtp, file.path) == (True, "/run/a b.sock")
    monkeypatch.setenv("UCS_INTAKE_BIND", "")
    assert reads.intake_bind() == ()


def test_the_inbound_domain_is_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UCS_INBOUND_DOMAIN", "Inbound.Example.COM.")
    assert reads.inbound_domain() == "inbound.example.com"


def test_database_keeps_options_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p%40@db.example:5433/ucs?sslmode=verify-full")
    found = reads.database()
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == ("db.example", 5433, "p@")
    assert found["OPTIONS"]["sslmode"] == "verify-full"
    assert "statement_timeout=30s" in found["OPTIONS"]["options"]


def test_database_socket_with_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres:@/ucs?host=/a%20b/run")
    assert reads.database()["OPTIONS"]["host"] == "/a b/run"


def test_workers_load_nothing_that_only_the_web_needs() -> None:
    """Each process of a worker would pay for it in memory."""
    code = "import django, sys; django.setup(); import mailsources.tasks; print(*sys.modules)"
    root = Path(reads.__file__).parent.parent
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    loaded = set(done.stdout.split())
    assert "mailsources.deliver" in loaded
    assert not loaded & {"ninja", "pydantic", "numpy", "api.urls"}
