"""Connections of this process: opened within the sender's number, kept between two turns, closed when idle.

How many a sender has at once, over all machines, is what `slots` counts: a connection that sends mail has a
slot for as long as it stands.
"""

import asyncio
from dataclasses import dataclass

from mailsenders import abilities, background, sessions, slots
from mailsenders.answers import Phase
from mailsenders.models import EmailSender
from mailsenders.smtp import Line, Refused, Server, SmtpError, Unreachable
from sso import secrets
from sso.secrets import Credential
from sso.tls import BundleUnreadable

IDLE_SECONDS = 20.0  # short, as other machines may want the slot
PARTING_SECONDS = 10.0


@dataclass
class Kept:
    """A connection between two turns, and the timer that ends it."""

    line: Line
    timer: asyncio.TimerHandle


_kept: dict[int, Kept] = {}  # by sender; touched on the loop only


def take(sender: EmailSender) -> Line | None:
    """A connection that is signed in: the kept one if it is alive and the settings are the same.

    None when other processes hold as many as the sender allows. Asks the SSO provider when a token is needed,
    so call it outside of transactions.

    :raises SmtpError: no connection, or the sign-in is refused.
    :raises SignInError: there is no token.
    """
    server = Server.of(sender)
    kept = background.run(_pop(sender.pk))
    if kept is not None:
        has_slot = bool(slots.renew(sender.pk, [kept.slot])) and kept.slot <= sender.connections
        if has_slot and kept.server == server and background.run(_is_alive(kept)):
            return kept
        drop(sender.pk, kept)
    slots.release_all(sender.pk)  # of a turn that broke off while the database was away
    slot = slots.take(sender.pk, sender.connections)
    if slot is None:
        return None
    try:
        line = connect(server)
    except BaseException:
        slots.release(sender.pk, [slot])
        raise
    abilities.note(sender.pk, line)
    line.slot = slot
    return line


def keep(sender_id: int, line: Line) -> None:
    """Put a connection away for the next turn."""
    sessions.note(sender_id, line)
    if slots.renew(sender_id, [line.slot], IDLE_SECONDS + PARTING_SECONDS):
        background.run(_keep(sender_id, line))
    else:
        close(line)


def drop(sender_id: int, line: Line, *, politely: bool = False) -> None:
    """Hang up, and let others have the slot."""
    close(line, politely=politely)
    sessions.note(sender_id, line)
    slots.release(sender_id, [line.slot])


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
    credential = credential_of(server)
    try:
        return background.run(dial(server, credential))
    except Refused as refusal:
        if refusal.phase != Phase.AUTH or credential is None or credential.kind != "xoauth2":
            raise
    return background.run(dial(server, secrets.resolve(server.password, server.host, fresh=True)))


def credential_of(server: Server) -> Credential | None:
    """What signs in there, None when nobody has to; may ask the SSO provider.

    :raises SignInError: there is no token.
    """
    return secrets.resolve(server.password, server.host) if server.username else None


async def dial(server: Server, credential: Credential | None) -> Line:
    """Connect and sign in; on the loop.

    :raises SmtpError: it did not work.
    """
    try:
        line = Line(server)
    except BundleUnreadable as error:
        raise Unreachable(Phase.CONNECT, str(error)) from error
    try:
        await line.open()
        if credential:
            await line.sign_in(credential)
    except BaseException as error:
        if isinstance(error, SmtpError):
            error.hearing = line.hearing
        await line.close()
        raise
    return line


async def _pop(sender_id: int) -> Line | None:
    kept = _kept.pop(sender_id, None)
    if kept is None:
        return None
    kept.timer.cancel()
    return kept.line


async def _is_alive(line: Line) -> bool:
    try:
        await line.reset()
    except SmtpError:  # the server has hung up meanwhile, as it may
        return False
    return True


async def _keep(sender_id: int, line: Line) -> None:
    loop = asyncio.get_running_loop()
    timer = loop.call_later(IDLE_SECONDS, lambda: loop.create_task(_close_kept(sender_id, line)))
    _kept[sender_id] = Kept(line, timer)


async def _close_kept(sender_id: int, line: Line) -> None:
    """The time is over; the slot's lease ends by itself a moment later."""
    kept = _kept.get(sender_id)
    if kept is not None and kept.line is line:
        del _kept[sender_id]
        await line.close()


async def _close_all() -> None:
    while _kept:
        _, kept = _kept.popitem()
        kept.timer.cancel()
        await kept.line.close()
