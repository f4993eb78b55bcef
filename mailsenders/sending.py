"""Sends what is due for one sender: connect, then claim and deliver one mail after the other.

A mail is claimed only when a connection stands that is signed in: a server that is away or a password that
is wrong costs no mail a try, it parks the sender.
"""

import threading
import time

from django.utils import timezone

from mailsenders import connections, outbox, parking
from mailsenders.answers import classify
from mailsenders.delivery import Delivery, place_of
from mailsenders.due import ready_sender
from mailsenders.models import EmailSender
from mailsenders.smtp import Line, Lost, Refused, Server, SmtpError
from mailsenders.turns import take_turns
from sso.oauth import SignInError

TURN_SECONDS = 30.0
TOKEN_PAUSE = 60  # looking again is cheap while a provider waits for its sign-in


_stopping = threading.Event()


def stop() -> None:
    """Let this process end: the mail under way is finished, no other one is claimed."""
    _stopping.set()


def send_due_mail(sender_id: int) -> bool:
    """Send what is due for a sender, half a minute long; False when another thread is at it already.

    What remains is found by the next tick.
    """
    return take_turns(sender_id, lambda: _send_while_due(sender_id))


def _send_while_due(sender_id: int) -> None:
    end = time.monotonic() + TURN_SECONDS
    line: Line | None = None
    try:
        while time.monotonic() < end and not _stopping.is_set():
            line = line or _connection(sender_id)
            claim = outbox.claim(sender_id, timezone.now()) if line else None
            if line is None or claim is None:
                break
            delivery, line = Delivery(claim, line), None
            line = _deliver(delivery)
    finally:
        if line:
            connections.keep(sender_id, line)


def _deliver(delivery: Delivery) -> Line | None:
    """Deliver; the connection when it can be used again."""
    is_good = False
    try:
        is_good = delivery.run()
    finally:
        if not is_good:
            connections.close(delivery.line, politely=False)
    return delivery.line if is_good else None


def _connection(sender_id: int) -> Line | None:
    """A connection for a sender that has something to send; None when none is needed or to be had."""
    sender = ready_sender(sender_id, timezone.now())
    if sender is None:
        return None
    try:
        return connections.take(sender_id, Server.of(sender))
    except SignInError as error:
        parking.park(sender_id, error.sentence, TOKEN_PAUSE)
    except SmtpError as error:
        parking.park(sender_id, *why_not(sender, error))
    return None


def why_not(sender: EmailSender, error: SmtpError) -> tuple[str, int | None]:
    """Why there is no connection, in a sentence, and how many seconds to wait (None: as the ladder says)."""
    if isinstance(error, Refused):
        verdict = classify(error.answer, error.phase)
        return place_of(sender).sentence(verdict, error.answer), verdict.seconds
    if isinstance(error, Lost):
        return f"{error}: check server type, address and port of sender “{sender}” if it lasts.", None
    return str(error), None
