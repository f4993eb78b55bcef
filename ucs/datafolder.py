"""The data folder: where it is laid out, and who may use it at one time.

<data>/secrets.env    keys of this installation, made once (0600)
<data>/services.env   addresses of the running embedded services, gone when they stop
<data>/lock           held by the process that runs the services
<data>/postgres/      the database        <data>/run/    sockets, process ids
<data>/logs/          one file a process  <data>/redis/  empty: Redis keeps nothing
"""

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

DATABASE = "ucs"
# The shortest limit of the systems we run on (macOS) is 104 bytes with the closing zero.
SOCKET_PATH_LIMIT = 100
LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"


class StartError(Exception):
    """The product cannot start or go on; the text is a sentence for the administrator."""


class DataFolderError(StartError):
    """The data folder cannot be used."""


class DataFolder:
    """Paths inside one data folder, and its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.secrets = self.path / "secrets.env"
        self.services = self.path / "services.env"
        self.lock_file = self.path / "lock"
        self.postgres = self.path / "postgres"
        self.redis = self.path / "redis"
        self.logs = self.path / "logs"
        self.processes = self.path / "run" / "processes"
        self._lock: int | None = None

    @property
    def sockets(self) -> Path:
        """The folder of the sockets: in the data folder, or a short private one if that path is too long."""
        inside = self.path / "run"
        if len(os.fsencode(inside / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return inside
        name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"ucs-{os.getuid()}-{name}"

    @property
    def redis_socket(self) -> Path:
        """Where the embedded Redis listens."""
        return self.sockets / "redis.sock"

    @property
    def database_url(self) -> str:
        """The address of the embedded PostgreSQL of this folder, running or not."""
        return f"postgresql://postgres:@/{DATABASE}?host={quote(str(self.sockets))}"

    @property
    def redis_url(self) -> str:
        """The address of the embedded Redis of this folder, running or not."""
        return f"unix://{quote(str(self.redis_socket))}?db=0"

    def make(self) -> None:
        """Create the folder and what belongs in it.

        Raises DataFolderError when it can't be written to.
        """
        try:
            for folder in (self.path, self.path / "run", self.logs, self.redis):
                folder.mkdir(parents=True, exist_ok=True)
            self.sockets.mkdir(mode=0o700, exist_ok=True)
            probe = self.path / f".write-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except (FileExistsError, NotADirectoryError) as error:
            raise DataFolderError(
                f"The data folder {self.path} can't be made, as {error.filename} is a file: "
                "move that away, or choose another folder with UCS_DATA_DIR."
            ) from error
        except OSError as error:
            raise DataFolderError(
                f"The data folder {self.path} can't be written to ({error.strerror}): "
                "make it writable for this user, or choose another one with UCS_DATA_DIR."
            ) from error
        self._check_short_folder()

    def _check_short_folder(self) -> None:
        # The short folder lies in a place where everybody may write: it must be ours (or, for root,
        # belong to the user that PostgreSQL runs as) before a socket goes into it.
        owner = self.sockets.stat().st_uid
        if self.sockets.parent != self.path and os.getuid() not in (0, owner):
            raise DataFolderError(
                f"The socket folder {self.sockets} belongs to another user: "
                "choose a data folder with a shorter path by UCS_DATA_DIR."
            )

    def acquire(self) -> None:
        """Take the lock of this folder until release() or the end of this process; once is enough.

        Raises DataFolderError when another process has it.
        """
        while self._lock is None:
            lock = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                owner = os.read(lock, 20).decode(errors="replace").strip()
                os.close(lock)
                raise DataFolderError(
                    f"The data folder {self.path} is in use by process {owner or '?'}: "
                    "stop that one first, or choose another folder with UCS_DATA_DIR."
                ) from error
            if not self._is_current(lock):
                os.close(lock)  # the owner before us has just removed the file: lock the new one
                continue
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            self._lock = lock

    def _is_current(self, lock: int) -> bool:
        try:
            return self.lock_file.stat().st_ino == os.fstat(lock).st_ino
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back and leave no file behind."""
        if self._lock is not None:
            self.lock_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def is_in_use(self) -> bool:
        """Whether a process holds the lock now."""
        try:
            lock = os.open(self.lock_file, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False
