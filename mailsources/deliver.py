"""A stored mail becomes a message in its queue: claim, parse apart, hand over, all or nothing.

A mail that can't be delivered is tried three times, then it is in quarantine: visible, with its bytes and a
button, and in nobody's way.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from mailcore.parsed import ParsedMail
from mailsources import apart, claims, forwarding
from mailsources.claims import Claim, ClaimLost
from mailsources.models import EmailSource, FetchedMail
from mailsources.owed import Owed
from mailsources.parser import Limits, Outcome, ParserUnavailable, Unparsable
from mailsources.turns import turn
from mailstore.batch import batch
from queues import intake
from queues.models import Message

logger = logging.getLogger(__name__)
owed = Owed()

State = FetchedMail.State

PORTION_OCTETS = 4 * 1024 * 1024
"""Of raw mail in memory at once; a bigger mail comes alone."""

PATIENCE_SECONDS = 60.0
"""Then the rest of a batch is left to another task: several mails in it must have hung."""

PARSER_PAUSE = timedelta(seconds=30)
DATABASE_PAUSE = timedelta(seconds=20)

TOGETHER = 20
"""Mails in one transaction: it takes a fraction of a second, as agents wait for the rows that it locks."""

AT_FIRST = 6
"""In the first transaction of a portion."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One mail on its way into its queue."""

    claim: Claim
    fetched: FetchedMail
    outcome: Outcome


class NotRetryable(Exception):
    """A mail that can't be tried again; the text says why."""


def deliver(fetched_id: int) -> Message | None:
    """Deliver one mail; None when it isn't to be delivered now, or when that failed, which its row says."""
    return next(iter(deliver_many([fetched_id])), None)


def deliver_many(fetched_ids: Sequence[int]) -> list[Message]:
    """Deliver mails in order. One that can't be delivered undoes nothing of another.

    Of several, those that were tried before are left out: they are tried alone (see `claims`). One that fails
    says so in its row.

    :return: the messages of those that were delivered.
    """
    limits = apart.ALONE if len(fetched_ids) == 1 else apart.IN_COMPANY
    until = time.monotonic() + PATIENCE_SECONDS
    claimed = claims.claim(fetched_ids)
    left = deque(claimed)
    delivered: list[Message] = []
    try:
        for number, portion in enumerate(_portions(claimed)):
            if number and time.monotonic() > until:
                break
            delivered += _deliver_portion(portion, left, limits, until)
        claims.give_back(left)
    except ParserUnavailable:
        logger.exception("no mail can be parsed")
        claims.give_back(left, PARSER_PAUSE)
    except DatabaseError as error:
        if not claims.is_away(error):
            raise
        logger.warning("%s mails are given back when the database is there again: %s", len(left), error)
        owed.add(partial(claims.give_back, list(left)))
    return delivered


def deliver_in_turn(fetched_ids: Sequence[int], at_once: int) -> list[int]:
    """Deliver what waits of the sources of these mails, each in its order, unless somebody is at it already.

    Whoever is at it sees these mails, too, as they are stored: they look again after they are ready.

    :param at_once: mails that are claimed together.
    :return: mails to go on with in another task, as this one has taken its time.
    """
    if len(fetched_ids) == 1 and FetchedMail.objects.filter(pk=fetched_ids[0], attempts__gt=0).exists():
        deliver_many(fetched_ids)  # out of turn, as it is out of order already
        return []
    until = time.monotonic() + PATIENCE_SECONDS
    sources = FetchedMail.objects.filter(pk__in=fetched_ids, state=State.WAITING).order_by("source")
    left: list[int] = []
    for source_id in sources.values_list("source", flat=True).distinct():
        left += _deliver_source(source_id, at_once, until)
    return left


def _deliver_source(source_id: int, at_once: int, until: float) -> list[int]:
    done = 0
    while not owed and (ids := claims.fresh(source_id, at_once)) and ids[0] > done:
        if time.monotonic() > until:
            return ids
        with turn(source_id) as is_ours:
            if not is_ours:
                break
            # Asked again, as somebody else may have had a turn meanwhile.
            ids = claims.fresh(source_id, at_once) or ids
            deliver_many(ids)
            done = ids[0]
    return []


def retry(fetched: FetchedMail) -> None:
    """Try a mail in quarantine again, with three new attempts; one without bytes at the next look.

    :raises NotRetryable: it isn't in quarantine, or its number on the server is void.
    """
    source = fetched.source
    if fetched.state != State.FAILED:
        raise NotRetryable(
            f"Fetched mail {fetched.pk} is {fetched.state}: only failed ones can be tried again."
        )
    failed = FetchedMail.objects.filter(pk=fetched.pk, state=State.FAILED)
    if fetched.raw_id:
        failed.update(state=State.WAITING, attempts=0, lease_until=None)
    elif fetched.epoch == source.state.epoch:
        failed.update(attempts=0, settled_at=None)
    else:
        raise NotRetryable(
            f"Fetched mail {fetched.pk} was never read, and {source.name} has another mailbox behind it now, "
            "or its server has renumbered its mails: if the mail is still there, it has come in anew."
        )


def waiting(older_than: timedelta, limit: int) -> tuple[list[int], list[int]]:
    """Mails that nobody is delivering, oldest first: those never tried, and those to be tried alone."""
    rows = claims.claimable().filter(Q(fetched_at__lt=Now() - older_than) | Q(attempts__gt=0))
    found = list(rows.order_by("id").values_list("pk", "attempts")[:limit])
    return [pk for pk, attempts in found if not attempts], [pk for pk, attempts in found if attempts]


def in_portions(fetched_ids: Iterable[int], size: int) -> list[list[int]]:
    """Portions for tasks: one for each mail would cost more than the mails."""
    ids = list(fetched_ids)
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _portions(claimed: Sequence[Claim]) -> list[list[Claim]]:
    """Portions bounded by their octets."""
    portions: list[list[Claim]] = []
    octets = 0
    for each in claimed:
        if not portions or octets + each.size > PORTION_OCTETS:
            portions.append([])
            octets = 0
        portions[-1].append(each)
        octets += each.size
    return portions


def _deliver_portion(
    portion: Sequence[Claim], left: deque[Claim], limits: Limits, until: float
) -> Iterator[Message]:
    """Deliver these, the first of those that are left, and take what is done away from there."""
    rows = _rows(portion)
    raws = [_raw(rows[each.pk]) for each in portion]
    with closing(apart.parsers.parse_each(raws, limits)) as outcomes:
        for group in _groups(outcomes):
            pairs = zip(left, group, strict=False)
            yield from _deliver_together([_Work(each, rows[each.pk], one) for each, one in pairs], left)
            if time.monotonic() > until:
                break


def _rows(portion: Sequence[Claim]) -> dict[int, FetchedMail]:
    """The rows with their bytes; those of one source share it, as they only read it."""
    rows = FetchedMail.objects.select_related("raw").defer("search").in_bulk([each.pk for each in portion])
    ids = {row.source_id for row in rows.values()}
    sources = EmailSource.objects.select_related("queue").in_bulk(ids)
    for row in rows.values():
        row.source = sources[row.source_id]
        if row.raw is not None:
            row.raw.forget_who_names_it()
    return rows


def _groups(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Those for one transaction; one that was not parsed ends its group, as it took its time.

    For the first group the parser is waited for, while the next ones are parsed as that is delivered.
    """
    group: list[Outcome] = []
    most = AT_FIRST
    for outcome in outcomes:
        group.append(outcome)
        if len(group) == most or isinstance(outcome, Unparsable):
            yield group
            group, most = [], TOGETHER
    if group:
        yield group


def _raw(fetched: FetchedMail) -> bytes:
    return fetched.raw.as_bytes() if fetched.raw else b""


def _deliver_together(works: Sequence[_Work], left: deque[Claim]) -> Iterator[Message]:
    """Deliver with one transaction; each by itself if one of them undoes it."""
    if len(works) > 1 and not any(isinstance(work.outcome, Unparsable) for work in works):
        try:
            delivered = _hand_over(works)
        except Exception as error:  # whose fault it is, shows when each is on its own
            if claims.is_away(error):
                raise
            logger.warning("%s mails can't be delivered together", len(works), exc_info=True)
        else:
            for _ in works:
                left.popleft()
            yield from delivered
            return
    for work in works:
        yield from _deliver_alone(work)
        left.popleft()


def _deliver_alone(work: _Work) -> list[Message]:
    claim = work.claim
    try:
        if not isinstance(work.outcome, Unparsable):
            return _hand_over([work])
        logger.error("fetched mail %s, attempt %s: %s", claim.pk, claim.attempts, work.outcome.reason)
        claims.failed(claim, work.outcome.reason)
    except ClaimLost:
        logger.info("fetched mail %s is in other hands", claim.pk)
    except Exception as error:  # the edge: the next mail must not suffer
        if claims.is_away(error):
            raise
        if claims.is_passing(error):
            logger.warning("fetched mail %s waits for the database: %s", claim.pk, error)
            claims.give_back([claim], DATABASE_PAUSE)
            return []
        logger.exception("fetched mail %s was not delivered, attempt %s", claim.pk, claim.attempts)
        claims.failed(claim, f"It could not be put into its queue: {type(error).__name__}: {error}")
    return []


@transaction.atomic
def _hand_over(works: Sequence[_Work]) -> list[Message]:
    with batch():
        mails = [(work, mail) for work in works if (mail := _for_people(work)) is not None]
        intake.foresee([mail for _, mail in mails])
        delivered = [(work.claim, _into_its_queue(work.fetched, mail)) for work, mail in mails]
    claims.settle(delivered)  # or nothing of this has happened
    return [message for _, message in delivered]


def _for_people(work: _Work) -> ParsedMail | None:
    """The mail as it came, with what its envelope tells; None if it is no customer's."""
    assert isinstance(work.outcome, ParsedMail)
    mail = forwarding.with_its_envelope(work.fetched, work.outcome)
    reason = forwarding.kept_out(work.fetched, mail)
    if reason:
        _leave_out(work.claim, mail, reason)
        return None
    return mail


def _into_its_queue(fetched: FetchedMail, mail: ParsedMail) -> Message:
    if fetched.raw is None:
        raise ValueError("its bytes are not stored")
    at = fetched.received_at or fetched.fetched_at
    return intake.deliver(fetched.source.queue, mail, fetched.raw, at, acknowledge=not fetched.is_history)


def _leave_out(claim: Claim, mail: ParsedMail, reason: str) -> None:
    """The mail is no customer's: it stays in the ledger alone."""
    skipped = claim.rows().update(
        state=State.SKIPPED, header_id=mail.message_id[:1000], lease_until=None, reason=reason
    )
    if not skipped:
        raise ClaimLost
