"""No secret reaches a log line, in whatever form a library writes it."""

import io
import json
import logging
import logging.config
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from ucs.logs import is_told_at_a_terminal, logging_config, redact

SECRET = "s3cr3t-V4lue.abc"


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {SECRET}",
        f"sent AUTH XOAUTH2 {SECRET}==",
        f"AUTH PLAIN {SECRET}",
        f"{{'password': '{SECRET}', 'user': 'x'}}",
        f'{{"refresh_token": "{SECRET}"}}',
        f"POST /token?client_secret={SECRET}&grant_type=refresh_token",
        f"postgresql://ucs:{SECRET}@db.example/ucs",
        f"redis://:{SECRET}@redis.example/0",
        f"password={SECRET}",
        f"access_token: {SECRET}",
    ],
)
def test_redacted(line: str) -> None:
    assert SECRET not in redact(line)
    assert "[hidden]" in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        "mail 12 of source support-in delivered",
        "the password was refused",
        "https://a.example/b@c",
        "token expired",
    ],
)
def test_untouched(line: str) -> None:
    assert redact(line) == line


def test_line_is_json_without_secrets() -> None:
    """Arguments, extra fields and tracebacks included."""
    stream = io.StringIO()
    config = logging_config(debug=False, as_json=True)
    config["handlers"]["stderr"]["stream"] = stream
    before = logging.getLogger().handlers[:]
    try:
        logging.config.dictConfig(config)
        try:
            raise ValueError(f"client_secret={SECRET}")
        except ValueError:
            logging.getLogger("sso.oauth").exception("refused by %s", "host", extra={"password": SECRET})
    finally:
        logging.getLogger().handlers[:] = before
    line = stream.getvalue()
    assert SECRET not in line
    event = json.loads(line)
    assert event["event"] == "refused by host"
    assert event["level"] == "error"
    assert event["logger"] == "sso.oauth"
    assert "ValueError" in event["exception"]


def test_each_of_our_apps_is_heard() -> None:
    """Who came in stands at INFO; a library's INFO would drown it."""
    known = logging_config(debug=False, as_json=True)["loggers"]
    ours = [app.name for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR]
    assert "staff" in ours
    assert [name for name in ours if known.get(name, {}).get("level") != "INFO"] == []


@pytest.mark.parametrize(
    ("arguments", "at_terminal", "quiet"),
    [
        (["manage.py", "doctor"], True, True),
        (["/srv/ucs/manage.py", "poll", "--source", "x"], True, True),
        (["manage.py", "doctor"], False, False),
        (["manage.py", "watch"], True, False),
        (["manage.py", "up", "--demo"], True, False),
        (["manage.py"], True, False),
        (["/srv/.venv/bin/celery", "-A", "ucs", "worker"], True, False),
        ([], True, False),
    ],
)
def test_a_command_at_a_terminal_says_only_what_is_wrong(
    arguments: list[str], at_terminal: bool, quiet: bool
) -> None:
    assert is_told_at_a_terminal(arguments, at_terminal=at_terminal) is quiet
    config = logging_config(debug=False, as_json=not at_terminal, quiet=quiet)
    assert config["loggers"]["sso"]["level"] == ("WARNING" if quiet else "INFO")
