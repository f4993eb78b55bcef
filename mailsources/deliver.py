"""A stored mail becomes a message in its queue: claim, parse apart, hand over, all or nothing.

A mail that can't be delivered is tried three times, then it is in quarantine: visible, with its bytes and a
button, and in nobody's way.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from mailcore.parsed import ParsedMail
from mailsources import apart, claims, forwarding, guarding, rulebook, ruling
from mailsources.claims import Claim, ClaimLost
from mailsources.models import EmailSource, FetchedMail
from mailsources.owed import Owed
from mailsources.parser import Limits, Outcome, ParserUnavailable, Unparsable
from mailsources.turns import turn
from mailstore import tries
from mailstore.batch import batch, series
from mailstore.models import RawMail
from queues import intake
from queues.models import Message

logger = logging.getLogger(__name__)
owed = Owed()

State = FetchedMail.State

PORTION_OCTETS = 2 * 1024 * 1024
"""Of raw mail that is read at once; a bigger mail comes alone."""

PATIENCE_SECONDS = 60.0
"""Then the rest of a batch is left to another task: several mails in it must have hung."""

PARSER_PAUSE = timedelta(seconds=30)
DATABASE_PAUSE = timedelta(seconds=20)

TOGETHER = 44
"""Mails in one transaction.

It takes about 160 ms, as agents wait for the rows that it locks; about 25 ms of that are for the look-ups
that all of them share.
"""

KEEP_QUEUES = "SELECT id, queue_id FROM mailsources_emailsource WHERE id = ANY(%s) ORDER BY id FOR SHARE"

OCTETS_TOGETHER = 8 * 1024 * 1024
"""Of raw mail in one transaction, about, as big mails take their time before it."""

AT_FIRST = 6
"""In the first transaction: the parser is waited for then, and is ahead ever after."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One mail on its way into its queue."""

    claim: Claim
    fetched: FetchedMail
    outcome: Outcome


class SourceMoved(Exception):
    """A source got another queue after its mail was parsed by the rules of the former one."""


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
    left = deque(claims.claim(fetched_ids))
    delivered: list[Message] = []
    try:
        delivered += _deliver_claimed(left, limits, until)
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
    with series():
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
        with transaction.atomic():
            failed.update(state=State.WAITING, attempts=0, lease_until=None)
            tries.note(fetched.raw_id, tries.What.AGAIN, "A person had it tried again.")
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


def _portions(claimed: Iterable[Claim]) -> Iterator[list[Claim]]:
    """Portions bounded by their octets."""
    portion: list[Claim] = []
    octets = 0
    for each in claimed:
        if portion and octets + each.size > PORTION_OCTETS:
            yield portion
            portion, octets = [], 0
        portion.append(each)
        octets += each.size
    if portion:
        yield portion


def _deliver_claimed(left: deque[Claim], limits: Limits, until: float) -> Iterator[Message]:
    """Deliver these, and take what is done away from there, until the time is over."""
    rows: dict[int, FetchedMail] = {}
    pool = apart.guarded_parsers if guarding.is_on() else apart.parsers
    claimed = list(left)
    with closing(pool.parse_each(_raws(claimed, rows), limits)) as outcomes:
        for group in _groups(outcomes, claimed):
            works = [
                _Work(claim, row, guarding.by_rule(row, outcome))
                for claim, outcome in zip(left, group, strict=False)
                for row in [rows.pop(claim.pk)]
            ]
            yield from _deliver_together(works, left, outcomes.go_on)
            if time.monotonic() > until:
                break


def _raws(claimed: Iterable[Claim], rows: dict[int, FetchedMail]) -> Iterator[bytes]:
    """The bytes of mails as they are asked for; their rows are put into `rows`."""
    for portion in _portions(claimed):
        found = _rows(portion)
        for each in portion:
            row = rows[each.pk] = found.pop(each.pk)
            yield _bytes(row.raw) if row.raw is not None else b""


def _bytes(raw: RawMail) -> bytes:
    found = raw.as_bytes()
    if raw.size > PORTION_OCTETS:
        del raw.data  # read again if somebody asks: the next may be as big
    return found


def _rows(portion: Sequence[Claim]) -> dict[int, FetchedMail]:
    """The rows with their bytes; those of one source share it, as they only read it."""
    rows = FetchedMail.objects.select_related("raw").defer("search").in_bulk([each.pk for each in portion])
    ids = {row.source_id for row in rows.values()}
    sources = EmailSource.objects.select_related("queue").annotate(rules_stamp=rulebook.STAMP).in_bulk(ids)
    for row in rows.values():
        row.source = sources[row.source_id]
        if row.raw is not None:
            row.raw.forget_who_names_it()
    return rows


def _groups(outcomes: Iterable[Outcome], claimed: Sequence[Claim]) -> Iterator[list[Outcome]]:
    """Those for one transaction; one that was not parsed ends its group, as it took its time."""
    group: list[Outcome] = []
    most, octets = AT_FIRST, 0
    for outcome, claim in zip(outcomes, claimed, strict=True):
        group.append(outcome)
        octets += claim.size
        if len(group) == most or octets > OCTETS_TOGETHER or isinstance(outcome, Unparsable):
            yield group
            group, most, octets = [], TOGETHER, 0
    if group:
        yield group


def _deliver_together(
    works: Sequence[_Work], left: deque[Claim], meanwhile: Callable[[], None]
) -> Iterator[Message]:
    """Deliver with one transaction; each by itself if one of them undoes it."""
    if len(works) > 1 and not any(isinstance(work.outcome, Unparsable) for work in works):
        try:
            delivered = _hand_over(works, meanwhile)
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
    except SourceMoved:
        logger.info("the source of fetched mail %s was moved: it goes to the other queue", claim.pk)
        claims.give_back([claim])
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
def _hand_over(works: Sequence[_Work], meanwhile: Callable[[], None] = lambda: None) -> list[Message]:
    _keep_queues(works)
    with batch():
        mails = [(work, mail) for work in works if (mail := _for_people(work)) is not None]
        intake.foresee([mail for work, mail in mails if not ruling.may_be_discarded(work.fetched, mail)])
        delivered = []
        for work, mail in mails:
            message = _into_its_queue(work, mail)
            if message is not None:
                delivered.append((work.claim, message))
            meanwhile()
    claims.settle(delivered)  # or nothing of this has happened
    return [message for _, message in delivered]


def _keep_queues(works: Sequence[_Work]) -> None:
    """Until the end of the transaction nobody moves these sources to other queues.

    :raises SourceMoved: somebody did so since their rows were read.
    """
    sources = {work.fetched.source_id: work.fetched.source.queue_id for work in works}
    with connection.cursor() as cursor:
        cursor.execute(KEEP_QUEUES, [list(sources)])
        if dict(cursor.fetchall()) != sources:
            raise SourceMoved


def _for_people(work: _Work) -> ParsedMail | None:
    """The mail as it came, with what its envelope tells; None if it is no customer's."""
    assert isinstance(work.outcome, ParsedMail)
    mail = ruling.believed(work.fetched, work.outcome)
    reason = forwarding.kept_out(work.fetched, mail)
    if reason:
        guarding.keep(work.fetched, mail)
        _leave_out(work.claim, mail, reason)
        return None
    return mail


def _into_its_queue(work: _Work, mail: ParsedMail) -> Message | None:
    """The message that it has become; None if a rule discarded it."""
    fetched = work.fetched
    if fetched.raw is None:
        raise ValueError("its bytes are not stored")
    at = fetched.received_at or fetched.fetched_at
    guarding.keep(fetched, mail)
    consulted = ruling.consult(fetched, mail)
    if consulted.discarded:
        _leave_out(work.claim, consulted.mail, consulted.discarded)
        return None
    return intake.deliver(
        fetched.source.queue,
        consulted.mail,
        fetched.raw,
        at,
        acknowledge=not fetched.is_history,
        by_rules=consulted.by_rules,
    )


def _leave_out(claim: Claim, mail: ParsedMail, reason: str) -> None:
    """The mail is no customer's: it stays in the ledger alone."""
    skipped = claim.rows().update(
        state=State.SKIPPED, header_id=mail.message_id[:1000], lease_until=None, reason=reason
    )
    if not skipped:
        raise ClaimLost
