"""What looks at mailboxes leave in the communication log: polls, and waiting for mail in IDLE."""

from collections.abc import Iterable
from datetime import datetime

from mailsources.faults import FAULTS, MailboxError, answer
from mailsources.idling import NoIdle
from mailsources.lease import Fetched, Lease
from mailsources.models import EmailSource
from sso import communication
from sso.communication import Entry, Kind, Whose
from sso.hearing import Hearing


def whose(source_id: int) -> Whose:
    """A source, for the log."""
    return Whose(EmailSource, source_id)


def note(outcomes: Iterable[tuple[Lease, Fetched]]) -> None:
    """Keep what was said, at the end of a round; a look without any news is only counted."""
    communication.write([entry for _, fetched in outcomes if (entry := _look(fetched))])
    communication.write_quiet()


def _look(fetched: Fetched) -> Entry | None:
    hearing, source = fetched.hearing, whose(fetched.source.pk)
    if hearing is None:
        return None
    if not fetched.has_news and not communication.is_in_full(source):
        communication.nothing_happened(Kind.POLL, source, hearing.peer, hearing.began_at)
        return None
    told = fetched.error or f"{fetched}."
    return Entry(Kind.POLL, hearing, source, told, is_good=not fetched.failure, mails=fetched.stored)


def watched(source: EmailSource, hearing: Hearing) -> Entry:
    """Its server says when there is mail."""
    return Entry(Kind.IDLE, hearing, whose(source.pk), "Waits in IDLE: the server says when there is mail.")


def not_watched(source: EmailSource, hearing: Hearing, error: Exception) -> Entry:
    """Nobody waits on it, and why."""
    if isinstance(error, NoIdle):
        return Entry(Kind.IDLE, hearing, whose(source.pk), "The server has no IDLE: it is polled only.")
    known = isinstance(error, (MailboxError, *FAULTS))
    return Entry(
        Kind.IDLE, hearing, whose(source.pk), answer(error) if known else "see the log", is_good=False
    )


def no_longer_watched(source_id: int, began_at: datetime, why: str) -> Entry:
    """The connection that waited has ended."""
    hearing = Hearing("IMAP", began_at=began_at)
    return Entry(Kind.IDLE, hearing, whose(source_id), f"Waiting ended: {why}.", is_good=False)
