"""What the intake may take, and taking it: blocking work with the database, for a bounded pool of threads.

A mail is ours when its raw bytes and its rows in the ledger are committed, one for each recipient, all of
them or none. The same bytes again, as after a lost answer, change nothing.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import close_old_connections, transaction
from django.db.models import Case, QuerySet, When
from django.utils import timezone

from mailsenders import returnpath
from mailsources import addressing, ledger
from mailsources.listing import Envelope
from mailsources.models import EmailSource, FetchedMail, SourceState
from mailsources.tasks import announce_delivery

MOST_RECEIVED = 50
MOST_HEADERS = 256 * 1024

Result = TypeVar("Result")

_HEADERS_END = re.compile(rb"\r\n\r\n")
_RECEIVED = re.compile(rb"^received:", re.IGNORECASE | re.MULTILINE)
_OURS_BEFORE = re.compile(rb"^(?:delivered-to|x-loop):([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class Refused(Exception):
    """A recipient or a mail that is not taken; the text is the whole SMTP answer."""


def in_thread(work: Callable[..., Result], *args: object) -> Result:
    """Run blocking work in a thread of a pool, whose database connection may have died meanwhile."""
    close_old_connections()
    try:
        return work(*args)
    finally:
        close_old_connections()


def check_recipient(address: str) -> None:
    """Let pass who has a source here, with any +tag.

    :raises Refused: an address that isn't one of ours, or whose source is switched off or retired.
    """
    found = _sources(address).values_list("is_active", "stage").first()
    if found is None:
        raise Refused(
            f"550 5.1.1 <{address}>: no email source has this address; copy it from the page of the source"
        )
    is_active, stage = found
    if stage == EmailSource.Stage.RETIRED:
        raise Refused(f"550 5.2.1 <{address}>: this email source is retired and takes no mail any more")
    if not is_active:
        # For now only: what the sender keeps isn't lost when the source is switched on again.
        raise Refused(f"450 4.2.1 <{address}>: this email source is switched off for the time being")


def check_mail(raw: bytes) -> None:
    """Let pass what a mail server may hand over.

    :raises Refused: lines that don't end in CR LF, or a mail that runs in circles.
    """
    if raw.count(b"\n") != raw.count(b"\r\n"):
        # Servers that disagree about line ends disagree about where a mail ends: RFC 5321 2.3.8.
        raise Refused("550 5.5.2 The mail has line feeds without carriage returns, which SMTP forbids")
    end = _HEADERS_END.search(raw, 0, MOST_HEADERS)
    headers = raw[: end.start() if end else MOST_HEADERS]
    received = [found.start() for found in _RECEIVED.finditer(headers)]
    if len(received) > MOST_RECEIVED:
        raise Refused(f"554 5.4.6 The mail has passed more than {MOST_RECEIVED} servers: it runs in circles")
    for found in _OURS_BEFORE.finditer(headers):
        address = found[1].decode("ascii", "replace").strip(" \t<>")
        # The server in front of us may note whom it hands the mail to, above everything else.
        is_old = found[0][:1] in b"xX" or (bool(received) and received[0] < found.start())
        if is_old and addressing.token_of(address):
            raise Refused("554 5.4.6 The mail was here before: some address forwards our own mail to us")


def _sources_for_report(address: str) -> QuerySet[EmailSource]:
    """Any will do: the report joins the conversation that its address names, whatever queue that is in.

    Best is one of a queue that has the sender; it may have another by now, or not have been chosen yet.
    """
    named = returnpath.read(address)
    sender = returnpath.sender_of(named) if named else None
    if sender is None:
        return EmailSource.objects.none()
    return EmailSource.objects.defer("password").order_by(
        "-is_active",
        Case(When(queue__sender=sender, then=0), default=1),
        Case(When(server_type="FORWARDING", then=0), default=1),
        "pk",
    )


def store(mail_from: str, recipients: Sequence[str], raw: bytes) -> list[FetchedMail]:
    """Commit one mail for all its recipients, and have it delivered.

    :param mail_from: the envelope sender, "<>" for none.
    :return: a row for each recipient, in their order; two addresses of one source share theirs.
    :raises Refused: `check_mail`, or the source of a recipient went away a moment ago; nothing is stored.
    """
    check_mail(raw)
    now = timezone.now()
    with transaction.atomic():
        sources = [_sources(address).first() for address in recipients]
        wanted: dict[int, tuple[EmailSource, str]] = {}
        for source, address in zip(sources, recipients, strict=True):
            if source is None:
                raise Refused("451 4.3.0 A recipient went away while its mail was on the way: try again")
            wanted.setdefault(source.pk, (source, address))
        rows = {
            pk: ledger.take_in(wanted[pk][0], [raw], now, Envelope(mail_from, wanted[pk][1]))[0]
            for pk in sorted(wanted)  # in the order of their locks
        }
        _note_success(sorted(wanted), now)
        announce_delivery([row.pk for row in rows.values() if row.state == FetchedMail.State.WAITING])
    return [rows[source.pk] for source in sources if source is not None]


def _note_success(source_ids: Sequence[int], now: datetime) -> None:
    for source_id in source_ids:
        SourceState.objects.filter(source=source_id).update(
            last_success_at=now, last_error="", last_cause="", failures=0
        )


def _sources(address: str) -> QuerySet[EmailSource]:
    """The source of an address, or none; of a return path one of a queue that has the sender."""
    if addressing.is_return_path(address):
        return _sources_for_report(address)
    token = addressing.token_of(address)
    if not token:
        return EmailSource.objects.none()
    forwarding = EmailSource.objects.filter(server_type=EmailSource.ServerType.FORWARDING)
    return forwarding.filter(forwarding_token=token).order_by().defer("password")
