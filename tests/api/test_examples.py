"""The examples of docs/api.md run as they stand there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from agents.models import Skill
from api.models import APIClient, APIKey
from queues.models import Conversation, EmailQueue
from tests.make import make_administrator, make_agent, make_queue, make_sender, receive

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
EXAMPLE = re.compile(r"<!-- example (\w+) -->\n```(\w+)\n(.*?)```", re.DOTALL)


def examples() -> dict[str, tuple[str, str]]:
    """Language and text of each example by its name."""
    return {name: (kind, text) for name, kind, text in EXAMPLE.findall(PAGE.read_text())}


def run(name: str, server: LiveServer, **values: str) -> str:
    """Run an example as a program apart; what it printed."""
    kind, text = examples()[name]
    command = [sys.executable, "-c", text] if kind == "python" else ["sh", "-c", text]
    there = os.environ | {"UCS": server.url} | values
    done = subprocess.run(command, env=there, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("clean_redis")
def test_the_examples_run(live_server: LiveServer) -> None:
    chief = make_administrator()
    queue = make_queue([make_agent("alice")], name="Support", sender=make_sender())
    row = receive(queue).conversation
    alice = APIKey.make(queue.members.get().user_id, scope="conversations:write")
    listed: dict[str, Any] = json.loads(run("list", live_server, KEY=alice))
    assert [each["id"] for each in listed["results"]] == [row.pk]
    assert run("reply", live_server, KEY=alice).strip() in ("queued", "held")
    assert Conversation.objects.get().messages.count() == 2

    key = APIKey.make(chief.pk, scope="settings:write")
    assert run("settings", live_server, KEY=key).strip() == "60"
    assert EmailQueue.objects.get(name="Returns").first_response == 60
    assert Skill.objects.filter(name="returns").exists()

    client = APIClient(user=chief, scope="status:read")
    secret = client.cut()
    client.save()
    told = json.loads(run("client", live_server, CLIENT_ID=client.client_id, CLIENT_SECRET=secret))
    assert (told["expires_in"], told["scope"]) == (3600, "status:read")
    assert set(examples()) == {"list", "reply", "settings", "client"}, "each of them ran"
