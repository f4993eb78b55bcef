"""Ports of this world: free ones at the first start, the same ones afterwards as long as they are free."""

import errno
import json
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


class PortTakenError(Exception):
    """A port that was asked for by number is in use."""

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} is in use by another program. Stop it, or choose another --port.")


def pick(roles: Iterable[str], remembered: Mapping[str, int], fixed: Mapping[str, int]) -> dict[str, int]:
    """A port for every role.

    :param remembered: what each role had last time; taken again if free.
    :param fixed: ports that must be had.
    :raises PortTakenError: a fixed one is in use.
    """
    with ExitStack() as held:
        return {role: _one(held, fixed.get(role), remembered.get(role, 0)) for role in roles}


def _one(held: ExitStack, fixed: int | None, remembered: int) -> int:
    if fixed:
        try:
            return _hold(held, fixed)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortTakenError(fixed) from error
            raise
    try:
        return _hold(held, remembered)
    except OSError:
        return _hold(held, 0)


def _hold(held: ExitStack, port: int) -> int:
    """Bind the port until all are chosen, so that no two roles get the same one."""
    sock = held.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, port))
    sock.listen(1)
    return int(sock.getsockname()[1])


def remembered_ports(file: Path) -> dict[str, int]:
    """The ports in a ``world.json`` of an earlier start; none if there is no usable file."""
    try:
        ports = json.loads(file.read_text())["ports"]
        return {str(role): int(port) for role, port in ports.items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}


def write_atomically(file: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never a half."""
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(value, indent=1) + "\n")
    draft.replace(file)
