"""What connections to SMTP servers leave in the communication log."""

from mailsenders.heard_client import Tried
from mailsenders.models import EmailSender
from mailsenders.smtp import Line, SmtpError
from sso import communication
from sso.communication import Entry, Kind, Whose


def note(sender_id: int, line: Line) -> None:
    """A connection is put away or has ended; the next entry begins anew.

    One over which nothing was sent, as it was only looked at whether it still stands, leaves nothing.
    """
    if line.tries:
        communication.write([_entry(sender_id, line, line.tries)])
    line.tries = []
    line.hearing.begin_again()


def refused(sender_id: int, error: SmtpError, sentence: str) -> None:
    """No connection came about."""
    if error.hearing is not None:
        whose = Whose(EmailSender, sender_id)
        communication.write([Entry(Kind.SENDING, error.hearing, whose, sentence, is_good=False)])


def _entry(sender_id: int, line: Line, tries: list[Tried]) -> Entry:
    failed = [each for each in tries if not each.is_good]
    good = len(tries) - len(failed)
    told = f"{good} mails were taken." if good != 1 else "1 mail was taken."
    if failed:
        told = f"{told if good else ''} {len(failed)} not: {failed[-1].sentence or 'see the lines'}".strip()
    mails = sorted({each.mail_id for each in tries})
    # A copy: the connection goes on, and what it says next is the next entry's.
    hearing = line.hearing.copy()
    return Entry(Kind.SENDING, hearing, Whose(EmailSender, sender_id), told, is_good=not failed, mails=mails)
