"""Kept connections: one per sender and process, closed when idle, changed or broken.

A sender has one connection in a process because one task at a time sends for it (`turns`). Providers allow
few (Exchange three), so the number of worker processes is what multiplies them.
"""

import asyncio
from dataclasses import dataclass

from mailsenders import background
from mailsenders.answers import Phase
from mailsenders.smtp import Line, Refused, Server, SmtpError, Unreachable
from sso import secrets
from sso.secrets import Credential
from sso.tls import BundleUnreadable

IDLE_SECONDS = 60.0


@dataclass
class Kept:
    """A connection between two uses, and the timer that ends it."""

    line: Line
    timer: asyncio.TimerHandle


_kept: dict[int, Kept] = {}  # by sender; touched on the loop only


def take(sender_id: int, server: Server) -> Line:
    """A connection that is signed in: the kept one if it is alive and the settings are the same.

    Asks the SSO provider when a token is needed, so call it outside of transactions.

    :raises SmtpError: no connection, or the sign-in is refused.
    :raises SignInError: there is no token.
    """
    line = background.run(_take_kept(sender_id, server))
    return line or connect(server)


def keep(sender_id: int, line: Line) -> None:
    """Put a connection away for the next mail."""
    background.run(_keep(sender_id, line))


def close(line: Line, *, politely: bool = True) -> None:
    """Hang up."""
    background.run(line.close(politely=politely))


def close_all() -> None:
    """Hang up everywhere, as at the end of the process."""
    background.run(_close_all())


def connect(server: Server) -> Line:
    """A new connection, signed in. A refused token is refreshed once, and tried once more.

    :raises SmtpError, SignInError: as `take`.
    """
    if not server.username:
        return background.run(_connect(server, None))
    credential = secrets.resolve(server.password)
    try:
        return background.run(_connect(server, credential))
    except Refused as refusal:
        if refusal.phase != Phase.AUTH or credential.kind != "xoauth2":
            raise
    return background.run(_connect(server, secrets.resolve(server.password, fresh=True)))


async def _connect(server: Server, credential: Credential | None) -> Line:
    try:
        line = Line(server)
    except BundleUnreadable as error:
        raise Unreachable(Phase.CONNECT, str(error)) from error
    await line.open()
    try:
        if credential:
            await line.sign_in(credential)
    except BaseException:
        await line.close()
        raise
    return line


async def _take_kept(sender_id: int, server: Server) -> Line | None:
    kept = _kept.pop(sender_id, None)
    if kept is None:
        return None
    kept.timer.cancel()
    if kept.line.server != server:
        await kept.line.close()
        return None
    try:
        await kept.line.reset()
    except SmtpError:  # the server has hung up meanwhile, as it may
        await kept.line.close(politely=False)
        return None
    return kept.line


async def _keep(sender_id: int, line: Line) -> None:
    loop = asyncio.get_running_loop()
    timer = loop.call_later(IDLE_SECONDS, lambda: loop.create_task(_close_kept(sender_id, line)))
    _kept[sender_id] = Kept(line, timer)


async def _close_kept(sender_id: int, line: Line) -> None:
    kept = _kept.get(sender_id)
    if kept is not None and kept.line is line:
        del _kept[sender_id]
        await line.close()


async def _close_all() -> None:
    while _kept:
        _, kept = _kept.popitem()
        kept.timer.cancel()
        await kept.line.close()
