"""Lets a process take this world for the internet: its names lead to its ports on loopback.

Only name resolution is changed. Certificates are checked as always, against the name that was asked for.
"""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"

#: name → well-known port → real port
Ports = Mapping[str, Mapping[int, int]]


class NoWorldError(Exception):
    """There is no world to be found in the folder."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"The rehearsal world has not been started: {file} is missing or unreadable. "
            f"Start it with: python -m rehearsal --dir {file.parent}"
        )


def read_world(folder: Path) -> dict[str, Any]:
    """What a started world has written about itself.

    :raises NoWorldError: it has written nothing.
    """
    file = folder / "world.json"
    try:
        world: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise NoWorldError(file) from error
    return world


def ports_of(world: Mapping[str, Any]) -> Ports:
    """The names of the world and where their ports really are."""
    return {name: {int(port): real for port, real in ports.items()} for name, ports in world["names"].items()}


def install(names: Ports) -> None:
    """Resolve these names to loopback, and their ports to the real ones, in this whole process.

    A port that the world does not offer leads to the same number on loopback, where nobody answers. All
    other names are resolved as before. Calling it again replaces the names.
    """
    resolve = getattr(socket.getaddrinfo, "_before_rehearsal", socket.getaddrinfo)

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        ports = names.get(_as_name(host))
        if ports is None:
            return resolve(host, port, *args, **kwargs)
        number = _as_number(port)
        return resolve(HOST, ports.get(number, number), *args, **kwargs)

    getaddrinfo._before_rehearsal = resolve  # type: ignore[attr-defined]
    socket.getaddrinfo = getaddrinfo


def _as_name(host: Any) -> str:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    return text.rstrip(".").lower()


def _as_number(port: Any) -> int:
    text = port.decode("ascii", "replace") if isinstance(port, bytes) else str(port or 0)
    return int(text) if text.isdigit() else socket.getservbyname(text)
