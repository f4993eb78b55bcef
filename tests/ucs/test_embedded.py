"""The embedded services refuse in words, and pick up what a crash has left."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from ucs import embedded, launcher
from ucs.datafolder import DataFolder, DataFolderError
from ucs.embedded import Embedded, EmbeddedError


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    tmp_path.chmod(0o755)
    return DataFolder(tmp_path / "data")


@contextlib.contextmanager
def running(folder: DataFolder) -> Iterator[dict[str, str]]:
    services = Embedded(folder, throwaway=True)
    yield services.start()
    services.stop()


def databases(folder: DataFolder) -> list[str]:
    connection = psycopg2.connect(host=str(folder.sockets), user="postgres", dbname="postgres")
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


def test_start_stop_start(folder: DataFolder) -> None:
    """The second start finds the database of the first; a lock, a socket, a process stay behind never."""
    with running(folder) as urls:
        assert urls == {"DATABASE_URL": folder.database_url, "REDIS_URL": folder.redis_url}
        made = (folder.postgres / "PG_VERSION").stat().st_ino
        assert redis.Redis.from_url(urls["REDIS_URL"]).ping()
        with pytest.raises(DataFolderError, match=f"in use by process {os.getpid()}"):
            Embedded(DataFolder(folder.path)).start()
    assert not folder.lock_file.exists()
    assert not [path for path in folder.path.rglob("*") if path.is_socket()]
    with running(folder):
        assert databases(folder) == ["postgres", "ucs"]
        assert (folder.postgres / "PG_VERSION").stat().st_ino == made


def test_path_too_long_for_a_socket(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = DataFolder(tmp_path / ("long " * 20) / "data")
    assert folder.sockets.parent != folder.path
    with running(folder):
        assert databases(folder) == ["postgres", "ucs"]
    assert not folder.sockets.exists()


def test_servers_that_outlived_their_starter(folder: DataFolder) -> None:
    """Both still run (as on a system that can't end them with us): the next start takes the folder over."""
    services = Embedded(folder, throwaway=True)
    services.start()
    folder.release()
    left = [psutil.Process(part.process.pid) for part in services.parts if part.process]
    with running(DataFolder(folder.path)):
        assert databases(folder) == ["postgres", "ucs"]
        for part in services.parts:
            assert part.process
            part.process.wait(5)
        assert not any(process.is_running() for process in left)


def test_process_number_of_somebody_else(folder: DataFolder) -> None:
    """After a crash the number in postmaster.pid may belong to any process; that one must live on."""
    services = Embedded(folder, throwaway=True)
    services.start()
    assert services.postgres
    assert services.postgres.process
    services.postgres.process.send_signal(signal.SIGKILL)
    services.postgres.process.wait()
    services.stop()
    pid_file = folder.postgres / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with running(folder):
        assert databases(folder) == ["postgres", "ucs"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("PG_VERSION", "15\n", "was made by PostgreSQL 15, this is 18"),
        ("PG_VERSION", None, "holds no PostgreSQL database"),
        ("global/pg_control", "", "doesn't start on the data in"),
    ],
)
def test_broken_data(folder: DataFolder, name: str, content: str | None, sentence: str) -> None:
    with running(folder):
        pass
    broken = folder.postgres / name
    broken.unlink() if content is None else broken.write_text(content)
    with pytest.raises(EmbeddedError, match=sentence) as refused:
        Embedded(folder, throwaway=True).start()
    assert "back-up" in str(refused.value) or "dump" in str(refused.value)
    assert not folder.lock_file.exists()


def test_interrupted_first_start(folder: DataFolder) -> None:
    """What initdb had not finished is thrown away."""
    (folder.path / "postgres.new" / "base").mkdir(parents=True)
    with running(folder):
        assert databases(folder) == ["postgres", "ucs"]
    assert not (folder.path / "postgres.new").exists()


def test_missing_program(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "wheel_file", lambda *_: folder.path / "nowhere")
    with pytest.raises(EmbeddedError, match="make setup"):
        embedded.valkey_program()


def test_package_that_is_not_installed() -> None:
    with pytest.raises(EmbeddedError, match=r"not_a_package is not installed: run `make setup`"):
        embedded.wheel_file("not_a_package", "bin")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_folder_that_is_not_ours(folder: DataFolder) -> None:
    folder.path.mkdir(mode=0o500)
    with pytest.raises(DataFolderError, match="UCS_DATA_DIR"):
        Embedded(folder).start()


def test_no_room_for_the_database(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """initdb fails: its own words are in the sentence, and the next start begins anew."""
    folder.make()
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "initdb_options", lambda throwaway: ["--encoding=nonsense"])
        with pytest.raises(EmbeddedError, match=r"can't make its database in .*nonsense"):
            Embedded(folder, throwaway=True).start()
    shutil.rmtree(folder.path / "postgres.new", ignore_errors=True)
    assert not folder.postgres.exists()


def test_a_service_that_is_killed_while_it_starts_is_started_again(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Embedded(folder, throwaway=True)
    services.start()
    postgres = services.postgres
    assert postgres is not None
    assert postgres.process is not None
    postgres.process.kill()
    postgres.process.wait()
    began = embedded.Postgres._make_database
    kills = iter([True, True])

    def killed_while_starting(self: embedded.Postgres) -> bool:
        if next(kills, False):
            assert self.process is not None
            self.process.kill()
            self.process.wait()
        return began(self)

    monkeypatch.setattr(embedded.Postgres, "_make_database", killed_while_starting)
    monkeypatch.setattr(launcher, "REVIVAL_PAUSES", (0.2, 0.5, 1, 2))
    said: list[str] = []
    monkeypatch.setattr(launcher, "say", said.append)
    launcher.revive(postgres)
    assert len(said) >= 2  # what a killed server leaves behind can refuse the next one for a moment
    assert "ucs" in databases(folder)
    services.stop()
