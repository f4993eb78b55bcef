"""Sends what is due for one sender: connect, then a crew claims and delivers.

A mail is claimed only when a connection stands that is signed in: a server that is away or a password that
is wrong costs no mail a try, it parks the sender.
"""

import threading

from django.utils import timezone

from mailsenders import connections, holds, parking, sessions, turns
from mailsenders.answers import classify
from mailsenders.crew import Crew
from mailsenders.delivery import place_of
from mailsenders.due import ready_sender
from mailsenders.models import EmailSender
from mailsenders.smtp import Line, Lost, Refused, SmtpError, Unreachable
from sso import communication
from sso.oauth import SignInError

TOKEN_PAUSE = 60  # looking again is cheap while a provider waits for its sign-in


_stopping = threading.Event()


def stop() -> None:
    """Let this process end: the mails under way are finished, no other one is begun."""
    _stopping.set()


def send_due_mail(sender_id: int) -> bool:
    """Send what is due for a sender, half a minute long; False when another thread is at it already.

    What remains is found by the next tick.
    """
    communication.look_up()
    inbox = turns.enter(sender_id)
    if inbox is None:
        return False
    try:
        while True:
            line = None if _stopping.is_set() else _connection(sender_id)
            goes_on = line is not None and Crew(sender_id, inbox, _stopping).run(line)
            if not goes_on and turns.leave(sender_id):
                break
    except BaseException:
        turns.abandon(sender_id)
        raise
    holds.note(sender_id, timezone.now())
    return True


def _connection(sender_id: int) -> Line | None:
    """A connection for a sender that has something to send; None when none is needed or to be had."""
    sender = ready_sender(sender_id, timezone.now())
    if sender is None:
        return None
    try:
        return connections.take(sender)
    except SignInError as error:
        parking.park(sender_id, error.sentence, TOKEN_PAUSE, error.cause.name)
    except SmtpError as error:
        sentence, seconds = why_not(sender, error)
        parking.park(sender_id, sentence, seconds, cause_of(error))
        sessions.refused(sender_id, error, sentence)
    return None


def cause_of(error: SmtpError) -> str:
    """What the error means, by its name in sso/causes; "" when it is no known one."""
    if isinstance(error, Refused):
        return classify(error.answer, error.phase).name
    return error.cause.name if isinstance(error, Unreachable) else ""


def why_not(sender: EmailSender, error: SmtpError) -> tuple[str, int | None]:
    """Why there is no connection, in a sentence, and how many seconds to wait (None: as the ladder says)."""
    if isinstance(error, Refused):
        verdict = classify(error.answer, error.phase)
        return place_of(sender).sentence(verdict, error.answer), verdict.seconds
    if isinstance(error, Lost):
        return f"{error}: check server type, address and port of sender “{sender}” if it lasts.", None
    return str(error), None
