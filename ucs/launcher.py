"""`manage.py up`: everything the product needs, started in order, watched, stopped in order.

lock the data folder → clear what a crash left → PostgreSQL, Redis → (rehearsal world) → migrate
→ first administrator → web, worker, beat, watch, (intake) → address and sign-in
Ctrl-C: web, worker, beat, watch, (intake) → rehearsal world → Redis → PostgreSQL → unlock
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.core.management import call_command
from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from mailsources.listeners import read_listeners
from ucs import environment, firststart, keys, supervisor
from ucs.datafolder import DataFolder, StartError
from ucs.embedded import Embedded, EmbeddedError, Postgres, Valkey
from ucs.supervisor import Child, Program, Supervisor

HOST = "127.0.0.1"
LAST_PORT = 65535
WORKER_THREADS = 8
QUEUES = "fetch,deliver,send,tokens,housekeeping"
READY_SECONDS = 180
REVIVAL_PAUSES = (1, 2, 4, 8)
# Celery warns of root because of pickle, which we don't accept; in a container everybody is root.
NO_WARNINGS = "ignore:You're running the worker with superuser privileges"
DEMO_FILE = environment.PRODUCT / "rehearsal" / "demo.yml"
WORLD = "rehearsal"
PROCESSES = ("web", "worker", "beat", "watch")
INTAKE = "intake"
# Where the demo takes forwarded mail, so that this can be tried too.
DEMO_SETTINGS = "rehearsal.settings"
DEMO_DOMAIN = "inbound.example.test"
DEMO_INTAKE_PORT = 2525


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    port: int
    demo: bool
    embedded: bool


def say(line: str) -> None:
    """A line for the person at the terminal."""
    # Nobody may be there to read it any more: the terminal closed, `| head`. That stops nothing.
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class Launcher:
    """One run of `up`."""

    def __init__(self, options: Options, folder: DataFolder) -> None:
        self.options = options
        self.folder = folder
        self.port = options.port
        self.supervisor = Supervisor(folder, say)
        self.embedded = Embedded(
            folder,
            postgres=options.embedded and os.environ["DATABASE_URL"] == folder.database_url,
            valkey=options.embedded and os.environ["REDIS_URL"] == folder.redis_url,
        )
        self.env: dict[str, str] = {}
        self.filling: subprocess.Popen[str] | None = None  # what puts data into a new demo

    def run(self) -> None:
        """Until a signal raises KeyboardInterrupt; nothing is left behind, whatever happens."""
        self.folder.make()
        self.folder.acquire()
        try:
            self._start()
            self._watch()
        finally:
            # From here a second Ctrl-C must not leave half of it running.
            ignore_signals()
            say("Stopping …")
            self._stop()
            say("Stopped.")

    def _start(self) -> None:
        if left := supervisor.clear_left_over(self.folder):
            say(f"Cleared away {left} processes of an earlier start.")
        self.port = free_port(self.options.port)
        self.env = self._environment()
        if self.options.demo:
            world = self._start_world()
        self._start_services()
        if self.options.demo:
            self._wait_for_world(world)
        migrate()
        check_keys()
        self._begin_demo()
        web, *others = self._programs()
        self._introduce(self.supervisor.start(web))
        self._wait_for_web()  # before the others: people wait for the page, not for the clock
        if self.filling:
            firststart.finish_demo(self.filling, DEMO_FILE)
        connections.close_all()
        for program in others:
            self._introduce(self.supervisor.start(program))
        self._invite()

    def _begin_demo(self) -> None:
        if self.options.demo:
            past = self.folder.path / WORLD / "past.json"
            self.filling = firststart.begin_demo(DEMO_FILE, past, self.env, say)

    def _environment(self) -> dict[str, str]:
        """What every child gets; written down for commands in other terminals."""
        own = {
            "UCS_DATA_DIR": str(self.folder.path),
            "UCS_BASE_URL": os.environ.get("UCS_BASE_URL") or f"http://{HOST}:{self.port}",
            "DATABASE_URL": os.environ["DATABASE_URL"],
            "REDIS_URL": os.environ["REDIS_URL"],
            # On one's own machine an OAuth server on it is no attack.
            "UCS_ALLOW_PRIVATE_HOSTS": os.environ.get("UCS_ALLOW_PRIVATE_HOSTS")
            or ("true" if self.embedded.postgres else "false"),
            "DJANGO_SETTINGS_MODULE": DEMO_SETTINGS if self.options.demo else self._settings(),
            **self._forwarding(),
        }
        text = "".join(f"{name}={value}\n" for name, value in own.items())
        environment.write_private(self.folder.services, text)
        return (
            environment.THRIFT
            | dict(os.environ)
            | own
            | {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": NO_WARNINGS}
        )

    def _settings(self) -> str:
        """The module with the settings: the product's own, unless somebody names another."""
        return os.environ.get("DJANGO_SETTINGS_MODULE", "ucs.settings")

    def _forwarding(self) -> dict[str, str]:
        """The domain and the place of forwarded mail; a demo that isn't told has both."""
        domain, bind = (os.environ.get(name, "") for name in ("UCS_INBOUND_DOMAIN", "UCS_INTAKE_BIND"))
        if self.options.demo:
            domain = domain or DEMO_DOMAIN
            bind = bind or f"smtp://{HOST}:{usual_or_free(DEMO_INTAKE_PORT)}"
        return {"UCS_INBOUND_DOMAIN": domain, "UCS_INTAKE_BIND": bind}

    def _start_services(self) -> None:
        started = time.monotonic()
        self.embedded.start()
        if self.embedded.parts:
            names = " and ".join(part.name for part in self.embedded.parts)
            say(f"{names} started in {time.monotonic() - started:.1f} s, data in {shown(self.folder.path)}")

    def _start_world(self) -> Child:
        command = [sys.executable, "-m", WORLD, "--dir", str(self.folder.path / WORLD), *self._inbound()]
        return self.supervisor.start(Program(WORLD, command, self.env, ready_mark="ready"))

    def _inbound(self) -> list[str]:
        """Where the world outside hands over mail for the product's domain."""
        smtp = (one for one in read_listeners(self.env["UCS_INTAKE_BIND"]) if not one.is_lmtp)
        return [f"--inbound={HOST}:{one.port}" for one in smtp][:1]

    def _wait_for_world(self, world: Child) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not world.relay.seen.wait(supervisor.TICK_SECONDS):
            if not world.is_running() or time.monotonic() > deadline:
                raise StartError(f"The rehearsal world didn't start: its log {world.log} says why.")
        self._introduce(world)

    def _programs(self) -> list[Program]:
        python = sys.executable
        celery = [python, "-m", "celery", "--quiet", "-A", "ucs"]
        commands: Mapping[str, list[str]] = {
            "web": [
                python, "-m", "uvicorn", "ucs.asgi:application", "--host", HOST, "--port", str(self.port),
                "--timeout-graceful-shutdown", "3", "--no-access-log", "--log-level", "warning",
                "--no-server-header",
            ],
            "worker": [
                *celery, "worker", "-P", "threads", "-c", str(WORKER_THREADS), "-Q", QUEUES,
                "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat",
            ],
            "beat": [*celery, "beat", "--loglevel", "WARNING", "--pidfile="],
            "watch": [python, str(environment.PRODUCT / "manage.py"), "watch"],
            INTAKE: [python, str(environment.PRODUCT / "manage.py"), "intake"],
        }  # fmt: skip
        wanted = [*PROCESSES, INTAKE] if self.env["UCS_INTAKE_BIND"] else PROCESSES
        return [Program(name, commands[name], self.env) for name in wanted]

    def _introduce(self, one: Child) -> None:
        say(f"{one.program.name:9} started, process {one.process.pid}, log {shown(one.log)}")

    def _wait_for_web(self) -> None:
        web = self.supervisor.children["web"]
        deadline = time.monotonic() + READY_SECONDS
        while not answers(f"http://{HOST}:{self.port}/healthz"):
            if not web.is_running() or time.monotonic() > deadline:
                raise StartError(f"The web process didn't start: its log {web.log} says why.")
            time.sleep(supervisor.TICK_SECONDS)

    def _invite(self) -> None:
        sign_in = firststart.demo_sign_in(DEMO_FILE) if self.options.demo else firststart.sign_in()
        connections.close_all()
        say("")
        say(f"  Open {self.env['UCS_BASE_URL']}/")
        for line in sign_in:
            say(f"  {line}")
        if self.options.demo:
            say(f"  The mail world around it: {world_address(self.folder)}")
        if self.env["UCS_INTAKE_BIND"]:
            say(f"  Mail forwarded to {self.env['UCS_INBOUND_DOMAIN']}: {self.env['UCS_INTAKE_BIND']}")
        say("  Ctrl-C stops everything; the data stays")
        say("")

    def _watch(self) -> None:
        while True:
            self.supervisor.look()
            for part in self.embedded.dead():
                say(f"{part.name} has stopped; starting it again.")
                revive(part)
            time.sleep(supervisor.TICK_SECONDS)

    def _stop(self) -> None:
        self.folder.services.unlink(missing_ok=True)
        if self.filling:
            self.filling.kill()
        self.supervisor.stop([*PROCESSES, INTAKE])
        self.supervisor.stop([WORLD])
        self.embedded.stop()
        self.folder.release()


def revive(part: Postgres | Valkey) -> None:
    """Start a service again that has run before; what killed it may still be about.

    Raises EmbeddedError when it doesn't start in several tries.
    """
    for pause in REVIVAL_PAUSES:
        try:
            part.start()
        except EmbeddedError as error:
            say(f"{error} Trying again in {pause} s.")
            time.sleep(pause)
        else:
            return
    part.start()


def free_port(wanted: int) -> int:
    """The wanted port if nobody has it; for 0 any free one. Raises StartError naming who has it."""
    if not 0 <= wanted <= LAST_PORT:
        raise StartError(f"There is no port {wanted}: choose one from 1024 to {LAST_PORT} with --port.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except PermissionError as error:
            raise StartError(f"Port {wanted} is only for root: choose one above 1023 with --port.") from error
        except OSError as error:
            raise StartError(
                f"Port {wanted} is taken by {who_listens(wanted)}: stop that one, or choose another port, "
                f"like `make run PORT={wanted + 1}` (manage.py up --port {wanted + 1})."
            ) from error
        port: int = probe.getsockname()[1]
        return port


def usual_or_free(usual: int) -> int:
    """A port by its usual number, or any that is free when another program has it."""
    try:
        return free_port(usual)
    except StartError:
        return free_port(0)


def who_listens(port: int) -> str:
    """The process that has a port, as far as we may know."""
    try:
        for one in psutil.net_connections("inet"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    except (psutil.Error, OSError):
        pass
    return "another program"


def migrate() -> None:
    """Bring the database up to this version; quick when it is."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise StartError(f"The database doesn't answer ({reason}): see to DATABASE_URL.") from error
    if plan:
        say(f"Preparing the database: {len(plan)} steps …")
        call_command("migrate", interactive=False, verbosity=0)


def check_keys() -> None:
    """Raises StartError when what is stored was encrypted with a key that isn't there."""
    if found := keys.complaints():
        raise StartError(" ".join([*found, keys.REMEDY]))


def answers(url: str) -> bool:
    """Whether a page is there already."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def world_address(folder: DataFolder) -> str:
    """The status page of the rehearsal world."""
    try:
        return str(json.loads((folder.path / WORLD / "world.json").read_text())["url"])
    except (OSError, ValueError, KeyError):
        return "its address is in its log"


def shown(path: Path) -> str:
    """A path as short as it goes."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def ignore_signals() -> None:
    """Nobody interrupts the stopping."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
