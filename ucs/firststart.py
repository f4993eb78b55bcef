"""The first start of an installation: somebody must be able to sign in."""

import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from django.contrib.auth.models import User

from ucs import environment
from ucs.datafolder import StartError
from ucs.relay import Say

ADMINISTRATOR = "admin"


def prepare_demo(demo_file: Path, env: dict[str, str], say: Say) -> None:
    """Fill a new demo from its settings file and give it an administrator; nothing at later starts.

    The administrator comes last: an interrupted first start does all of it again.
    """
    if has_administrator():
        return
    say(f"Setting up the demo from {demo_file.name} …")
    apply(demo_file, env)
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


def apply(settings_file: Path, env: dict[str, str]) -> None:
    """Run `manage.py apply`, with the settings that the product's processes get."""
    command = [sys.executable, str(environment.PRODUCT / "manage.py"), "apply", str(settings_file)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip() or "no reason given"
        reason = reason.splitlines()[-1] if "Traceback" in reason else reason
        raise StartError(f"The settings in {settings_file} can't be applied: {reason}")
