"""The first start of an installation: somebody must be able to sign in."""

import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from django.contrib.auth.models import User

from ucs import child, environment
from ucs.datafolder import StartError
from ucs.relay import Say

ADMINISTRATOR = "admin"


def begin_demo(demo_file: Path, past: Path, env: dict[str, str], say: Say) -> "subprocess.Popen[str] | None":
    """Begin to fill a new demo from its settings file and its past; None at later starts."""
    if has_administrator():
        return None
    say(f"Setting up the demo from {demo_file.name} …")
    words = [sys.executable, str(environment.PRODUCT / "manage.py"), "demo", str(demo_file), str(past)]
    command = child.command(words, signal.SIGKILL)  # it is all or nothing, and ends with us
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish_demo(filling: "subprocess.Popen[str]", demo_file: Path) -> None:
    """Wait until the demo is filled, and give it an administrator.

    That comes last: an interrupted first start does all of it again. Raises StartError when it can't be done.
    """
    _, said = filling.communicate()
    if filling.returncode != 0:
        reason = said.strip() or "no reason given"
        reason = reason.splitlines()[-1] if "Traceback" in reason else reason
        raise StartError(f"The demo can't be set up from {demo_file}: {reason}")
    User.objects.create_superuser(ADMINISTRATOR, password=demo_people(demo_file)[0][1])


def demo_sign_in(demo_file: Path) -> list[str]:
    """Everybody in the demo and their password, in lines for the terminal."""
    people = demo_people(demo_file)
    names = ", ".join(f"{name} ({role})" for name, _, role in people)
    return [f"Sign in as {names} or {ADMINISTRATOR} (administrator), password “{people[0][1]}”"]


def sign_in() -> list[str]:
    """How to sign in, in lines for the terminal.

    Makes the administrator of a new installation, with a random password that is shown this once.
    """
    if has_administrator():
        return ["Sign in with an account of yours"]
    password = secrets.token_urlsafe(12)
    User.objects.create_superuser(ADMINISTRATOR, password=password)
    return [
        f"Sign in as “{ADMINISTRATOR}” with the password “{password}”, which is shown this once",
        f"Forgotten: .venv/bin/python manage.py changepassword {ADMINISTRATOR}, while this runs",
    ]


def has_administrator() -> bool:
    """Whether somebody may change everything already."""
    return User.objects.filter(is_superuser=True).exists()


def demo_people(demo_file: Path) -> list[tuple[str, str, str]]:
    """Name, password and role of the agents in a settings file."""
    settings: dict[str, Any] = yaml.safe_load(demo_file.read_text(encoding="utf-8"))
    return [(one["username"], one["password"], one["role"]) for one in settings["agents"]]
