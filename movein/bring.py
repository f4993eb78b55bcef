"""Mails in files brought in, the oldest first: each portion is read, parsed, and filed in one transaction."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import DatabaseError
from django.db.models import F

from mailcore.clean import clean_text
from mailcore.parsed import ParsedMail
from mailsources import apart, guarding
from mailsources.claims import is_away, is_passing
from mailsources.parser import Limits, Outcome, Unparsable
from mailstore.batch import batch
from mailstore.copying import copy_in, give_ids
from mailstore.models import RawMail
from movein.facts import Facts, Known, Ours, facts, known
from movein.job import Job, Stopped
from movein.models import Move, Moved, MoveItem
from movein.pieces import fetch
from movein.places import PlaceRefused, located
from queues import cards, past
from queues.models import Conversation, Message
from queues.naming import ids_of, named
from queues.past import Filed, PastMail

logger = logging.getLogger(__name__)

State = MoveItem.State

TOGETHER = 40
"""Mails in one transaction, as live mail has it: agents may wait for the rows that it locks."""

OCTETS = 4 * 1024 * 1024
LONGEST_WHY = 2000

NOT_KEPT = (
    "This mail was moved in without its content, as it held the number of a payment card, and its queue "
    "keeps no such mail."
)


@dataclass(frozen=True, slots=True)
class Brought:
    """A mail that was read and parsed."""

    item: MoveItem
    facts: Facts
    mail: ParsedMail
    raw: RawMail


def bring(job: Job) -> Iterator[None]:
    """Bring in what waits; control comes back after each portion."""
    ours = Ours(job.move)
    while items := _next(job.move):
        ready = _parsed(job, items)
        if ready:
            _file(job, ready, ours)
        yield


def _next(move: Move) -> list[MoveItem]:
    waiting = MoveItem.objects.filter(move=move, state=State.WAITING).order_by("at", "id")
    found: list[MoveItem] = []
    octets = 0
    for item in waiting[:TOGETHER]:
        octets += item.size
        if found and octets > OCTETS:
            break
        found.append(item)
    return found


def _parsed(job: Job, items: Sequence[MoveItem]) -> list[Brought]:
    """Those that can be read; of the others it is written down why not."""
    located(job.move.place)  # a volume that is away is no fault of each mail in it
    raws: list[tuple[MoveItem, bytes]] = []
    for item in items:
        try:
            raws.append((item, fetch(job.move, item, job.hold)))
        except PlaceRefused as error:
            failed(job, item, str(error))
    limits = apart.ALONE if len(raws) == 1 else apart.IN_COMPANY
    ready = []
    for (item, raw), outcome in zip(raws, _outcomes([raw for _, raw in raws], limits), strict=True):
        row = RawMail.objects.prepare(raw)
        kept = by_rule(job.move, outcome, row)
        if isinstance(kept, Unparsable):
            failed(job, item, kept.reason)
        else:
            ready.append(Brought(item, facts(raw, item.at), kept, row))
    return ready


def _outcomes(raws: Sequence[bytes], limits: Limits) -> list[Outcome]:
    pool = apart.guarded_parsers if guarding.is_on() else apart.parsers
    return pool.parse_all(raws, limits)


def parse_all(raws: Sequence[bytes]) -> list[Outcome]:
    """What is in some mails, in their order."""
    return _outcomes(raws, apart.IN_COMPANY)


def by_rule(move: Move, outcome: Outcome, raw: RawMail, home: Conversation | None = None) -> Outcome:
    """The mail as the card rules of its queue, and of where it may join, let it be kept.

    :param home: the conversation that it goes into, if that is known.
    """
    if isinstance(outcome, Unparsable) or not outcome.has_cards:
        return outcome
    queues = [move.queue, *(row.queue for row in named(ids_of(outcome)))]
    queues += [home.queue] if home is not None else []
    return guarding.as_kept(cards.stricter(*queues), outcome, raw, NOT_KEPT)


def _file(job: Job, ready: Sequence[Brought], ours: Ours) -> None:
    """With one transaction; each by itself if one of them undoes it."""
    try:
        _file_together(job, ready, ours)
    except Stopped:
        raise
    except Exception as error:  # whose fault it is, shows when each is on its own
        if isinstance(error, DatabaseError) and (is_away(error) or is_passing(error)):
            raise
        if len(ready) == 1:
            logger.exception("item %s of move %s was not filed", ready[0].item.pk, job.move.pk)
            failed(job, ready[0].item, not_filed(error))
            return
        logger.warning("%s mails of move %s can't be filed together", len(ready), job.move.pk, exc_info=True)
        for one in ready:
            _file(job, [one], ours)


def not_filed(error: Exception) -> str:
    """Why, in one line: in those below it a database quotes the whole row, with the text of the mail."""
    return f"It could not be filed: {type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _file_together(job: Job, ready: Sequence[Brought], ours: Ours) -> None:
    with job.portion():
        here = known(job.move, [each.facts for each in ready])
        fresh = _fresh(ready, here)
        rows = [each.raw for each in fresh]
        give_ids(rows)
        copy_in(rows)
        with batch():
            mails = [_past(job.move, each, ours) for each in fresh]
            past.foresee(mails)
            filed = [past.file(job.move.queue, each) for each in mails]
        _remember(job.move, fresh, filed)
        _settle(job, ready, fresh)


def _fresh(ready: Sequence[Brought], here: Known) -> list[Brought]:
    """Those that are not here, each once."""
    digests, by_id = set(here.digests), {key: list(rows) for key, rows in here.by_id.items()}
    fresh = []
    for each in ready:
        same = by_id.setdefault(each.mail.message_id[:1000], [])
        if each.facts.digest in digests or past.is_known(each.mail, same):
            continue
        digests.add(each.facts.digest)
        same.append(
            Message(
                from_email=each.mail.from_.email,
                subject=each.mail.subject[:1000],
                sent_at=each.mail.date or each.item.at,
                text=each.mail.text,
            )
        )
        fresh.append(each)
    return fresh


def _past(move: Move, each: Brought, ours: Ours) -> PastMail:
    mail = each.mail
    people = [one.email for one in (*mail.to, *mail.cc)]
    is_ours = ours.wrote(mail.from_.email, people, is_local=each.facts.is_local)
    return PastMail(
        mail=mail,
        raw=each.raw,
        at=each.item.at,
        place=move.name,
        is_ours=is_ours,
        agent=ours.agent(mail.from_.email) if is_ours else None,
    )


def _remember(move: Move, fresh: Sequence[Brought], filed: Sequence[Filed]) -> None:
    Moved.objects.bulk_create(
        [
            Moved(
                origin=move.origin,
                key=each.facts.digest,
                conversation_id=one.message.conversation_id,
                move=move,
            )
            for each, one in zip(fresh, filed, strict=True)
        ],
        ignore_conflicts=True,
    )


def _settle(job: Job, ready: Sequence[Brought], fresh: Sequence[Brought]) -> None:
    taken = {each.item.pk for each in fresh}
    MoveItem.objects.filter(pk__in=taken).update(state=State.TAKEN, messages=1)
    others = [each.item.pk for each in ready if each.item.pk not in taken]
    MoveItem.objects.filter(pk__in=others).update(state=State.KNOWN)
    job.note(
        taken=F("taken") + len(taken), messages=F("messages") + len(taken), known=F("known") + len(others)
    )


def failed(job: Job, item: MoveItem, why: str, state: str = State.FAILED) -> None:
    """One that can't be taken: it holds up nothing, and the page says why."""
    count = "failures" if state == State.FAILED else "skipped"
    with job.portion():
        MoveItem.objects.filter(pk=item.pk).update(state=state, why=clean_text(why)[:LONGEST_WHY])
        job.note(**{count: F(count) + 1})
