"""PostgreSQL and Redis of a test run: throwaway servers in a temporary folder, unless URLs are set."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from ucs import environment
from ucs.datafolder import DataFolder
from ucs.embedded import Embedded


def ensure() -> DataFolder | None:
    """Complete os.environ; in a worker of xdist, choose that worker's own Redis database.

    Returns the folder of the servers when it has started them.
    """
    started = None
    os.environ.pop("TIME_ZONE", None)  # the hours in tests are those of UTC
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process that a test starts compiles all of us
    for name, value in environment.new_keys().items():
        os.environ.setdefault(name, value)
    if not environment.has(environment.SERVICES):
        started = start()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        os.environ["REDIS_URL"] = redis_database(os.environ["REDIS_URL"], 1 + int(worker.removeprefix("gw")))
    return started


def start() -> DataFolder:
    """Start both servers; they stop with this process, however it ends."""
    folder = Path(tempfile.mkdtemp(prefix="ucs-tests-"))
    data = DataFolder(folder)
    services = Embedded(data, throwaway=True)
    os.environ.update(services.start())
    os.environ["UCS_DATA_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(services.stop)
    return data


def redis_database(url: str, number: int) -> str:
    """The same Redis, another numbered database."""
    address, _, _ = url.partition("?")
    if address.startswith("unix:"):
        return f"{address}?db={number}"
    return urlsplit(address)._replace(path=f"/{number}").geturl()
