"""The environment of a command, before Django reads its settings.

A laptop needs no variable at all: `up` makes the keys of the installation once, every other command in
another terminal finds them, and the running services, in the data folder. A variable that is set wins.
"""

import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

from cryptography.fernet import Fernet

from ucs.datafolder import DataFolder, StartError

PRODUCT = Path(__file__).resolve().parent.parent
KEYS = ("SECRET_KEY", "UCS_ENCRYPTION_KEYS")
SERVICES = ("DATABASE_URL", "REDIS_URL")
# To glibc: give memory back that a big mail took, and share it among threads. Others don't know these.
THRIFT = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}
# These need no database.
OFFLINE = {
    "causes", "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help",
    "makemessages", "makemigrations", "simulate", "startapp", "version", "--help", "-h", "--version",
}  # fmt: skip


class EnvironmentMissing(StartError):
    """What a command needs is neither set nor to be found."""


def prepare(arguments: list[str]) -> None:
    """Complete os.environ for `manage.py` with these arguments (without the program's name).

    Raises StartError with the remedy when the command can't work.
    """
    name = arguments[0] if arguments else "help"
    folder = DataFolder(data_dir(arguments))
    os.environ["UCS_DATA_DIR"] = str(folder.path)
    if name == "up":
        folder.make()
        make_keys(folder)
        fill(folder.secrets)
        if "--no-embedded" not in arguments:
            os.environ.setdefault("DATABASE_URL", folder.database_url)
            os.environ.setdefault("REDIS_URL", folder.redis_url)
        return
    fill(folder.secrets)
    if folder.is_in_use():
        fill(folder.services)
    if name in OFFLINE or "--help" in arguments:
        fill_placeholders(folder)
    elif not has(SERVICES):
        raise EnvironmentMissing(
            "The database isn't running: start the product with `make run` (or `make demo`) in another "
            "terminal, or set DATABASE_URL and REDIS_URL."
        )


def data_dir(arguments: list[str]) -> Path:
    """UCS_DATA_DIR; without it `data`, or `data/demo` for the demo and beside a running demo."""
    if os.environ.get("UCS_DATA_DIR"):
        return Path(os.environ["UCS_DATA_DIR"])
    usual, demo = PRODUCT / "data", PRODUCT / "data" / "demo"
    if arguments[:1] == ["up"]:
        return demo if "--demo" in arguments else usual
    if not DataFolder(usual).is_in_use() and DataFolder(demo).is_in_use():
        return demo
    return usual


def has(names: Iterable[str]) -> bool:
    """Whether all of these variables are set to something."""
    return all(os.environ.get(name) for name in names)


def make_keys(folder: DataFolder) -> None:
    """Write the keys of a new installation, once; nothing when the environment has them all.

    Raises EnvironmentMissing when there is a database but its keys are lost.
    """
    if folder.secrets.exists() or has(KEYS):
        return
    if folder.postgres.exists() and not os.environ.get("UCS_ENCRYPTION_KEYS"):
        raise EnvironmentMissing(
            f"{folder.secrets} is missing, but the database beside it is encrypted with its keys: put the "
            f"file back from a back-up, or move {folder.path} away to begin anew."
        )
    lines = [f"{name}={value}\n" for name, value in new_keys().items()]
    write_private(folder.secrets, "".join(lines))


def new_keys() -> dict[str, str]:
    """Fresh random keys."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "UCS_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    }


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)


def fill(path: Path) -> None:
    """Set the variables of a NAME=value file that are not set yet; no file, nothing to do."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except OSError as error:
        raise EnvironmentMissing(f"{path} can't be read ({error.strerror}): make it yours again.") from error
    except UnicodeDecodeError as error:
        raise EnvironmentMissing(
            f"{path} is damaged, it isn't text: put it back from a back-up; if it never held the keys of a "
            "database, remove it and a new one is made."
        ) from error
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and not os.environ.get(name):
            os.environ[name] = value


def fill_placeholders(folder: DataFolder) -> None:
    """Values for a command that only wants the settings to load, such as collectstatic in an image."""
    values = new_keys() | {"DATABASE_URL": folder.database_url, "REDIS_URL": folder.redis_url}
    for name, value in values.items():
        if not os.environ.get(name):
            os.environ[name] = value


def fail(error: Exception) -> int:
    """One sentence on the error output, and the exit code of a failed command."""
    sys.stderr.write(f"{error}\n")
    return 1
