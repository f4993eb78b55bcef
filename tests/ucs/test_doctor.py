"""`manage.py doctor` names the first broken rung of each connection."""

import json
import os
import pty
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product_settings
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.make import make_provider, make_sender, make_source
from tests.servers.ports import free_ports
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def loopback(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True


def doctor(*names: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("doctor", *names, stdout=out, no_color=True)
    except SystemExit as ended:
        return out.getvalue(), int(str(ended.code))
    return out.getvalue(), 0


def test_nothing_to_test() -> None:
    assert doctor() == ("There is nothing to test yet.\n", 0)


def test_each_is_examined_and_the_broken_rung_named() -> None:
    port = free_ports(1)[0]
    with SmtpServer(tls="none") as server:
        make_sender(
            name="good", server_type="NONE", server_address="127.0.0.1", service_port=server.port, username=""
        )
        make_source(name="closed", server_address="127.0.0.1", service_port=port)
        make_provider(name="never")
        said, code = doctor()
        assert code == 1
        assert "2 of 3 connections don't work." in said
        assert f"127.0.0.1:{port} refuses connections" in said
        assert "is not signed in yet: click 🔑" in said
        well, code = doctor("good")
        assert (code, "The connection works." in well) == (0, True)
        assert server.mails == []


def test_a_provider_for_the_sign_in_page_needs_no_mailbox() -> None:
    with SmtpServer(tls="none") as server:
        make_provider(
            name="staff",
            type="generic",
            for_people=True,
            authorization_url="http://127.0.0.1:1/authorize",
            token_url=f"http://127.0.0.1:{server.port}/token",
        )
        said, code = doctor("staff")
    assert "people sign in with it; no mailbox does" in said
    assert (code, "Token" in said) == (0, False)


def at_a_terminal(*words: str, env: dict[str, str]) -> str:
    """What somebody sees who types a command of manage.py: both outputs in one terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "manage.py", *words]
    folder = Path(product_settings.BASE_DIR)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=folder) as run:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:  # how a terminal says on Linux that nobody writes to it any more
                break
        run.wait(60)
    os.close(ours)
    return said.decode()


def test_a_terminal_shows_the_answer_without_log_lines(product_env: dict[str, str]) -> None:
    port = free_ports(1)[0]
    make_source(name="closed", server_address="127.0.0.1", service_port=port)
    said = at_a_terminal("poll", env=product_env)
    assert f"127.0.0.1:{port} refuses connections" in said
    assert said.count("refuses connections") == 1, "the log would say it once more"
    assert '"event"' not in said
    assert "mailsources.fetch" not in said


def test_a_command_in_a_pipe_logs_for_machines(product_env: dict[str, str]) -> None:
    make_source(name="closed", server_address="127.0.0.1", service_port=free_ports(1)[0])
    command = [sys.executable, "manage.py", "poll"]
    folder = Path(product_settings.BASE_DIR)
    done = subprocess.run(
        command, env=product_env, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert '"logger": "mailsources.fetch"' in done.stderr
    assert "mailsources.fetch" not in done.stdout


@pytest.fixture
def namesakes() -> dict[str, Any]:
    """One of each kind, all called alike, none of which works."""
    port = free_ports(1)[0]
    where = {"server_address": "127.0.0.1", "service_port": port, "name": "support"}
    return {
        "provider": make_provider(name="support"),
        "source": make_source(**where),
        "sender": make_sender(**where),
    }


@pytest.mark.parametrize("kind", ["provider", "source", "sender"])
def test_one_kind_of_that_name_is_examined_alone(kind: str, namesakes: dict[str, Any]) -> None:
    said, code = doctor(f"--{kind}", "support", "--json")
    found = json.loads(said)
    assert (code, found["ok"]) == (1, False)
    assert [(each["kind"], each["name"]) for each in found["connections"]] == [(kind, "support")]
    only = found["connections"][0]
    assert only["cause"] == ("not_signed_in" if kind == "provider" else "port_refused")
    page = namesakes[kind]._meta
    field = "key" if kind == "provider" else "id_service_port"
    link = f"/admin/{page.app_label}/{page.model_name}/{namesakes[kind].pk}/change/#{field}"
    assert only["next"].endswith(link)
    assert only["steps"][-1]["ok"] is False
    assert {"name", "ok", "detail", "seconds"} == set(only["steps"][0])


def test_a_name_alone_means_all_that_have_it_and_kinds_add_up(namesakes: dict[str, Any]) -> None:
    assert "3 of 3 connections don't work." in doctor("support")[0]
    both = json.loads(doctor("--source", "support", "--sender", "support", "--json")[0])
    assert [each["kind"] for each in both["connections"]] == ["source", "sender"]


def test_a_name_that_nobody_has_is_refused(namesakes: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match="There is no source nobody"):
        doctor("--source", "nobody")
    with pytest.raises(CommandError, match="There is no nobody"):
        doctor("nobody")


def test_json_of_what_works_says_so_and_nothing_else() -> None:
    with SmtpServer(tls="none") as server:
        where = {"server_address": "127.0.0.1", "service_port": server.port}
        make_sender(name="good", server_type="NONE", username="", **where)
        said, code = doctor("--json")
    assert code == 0
    assert json.loads(said)["ok"] is True
    assert json.loads(said)["connections"][0]["next"] == ""
    assert json.loads(doctor("--sender", "good", "--json")[0])["ok"] is False  # it is gone by now
