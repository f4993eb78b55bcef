"""Tickets of another system brought in: each with one transaction, after all of it was fetched and parsed."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.db import DatabaseError
from django.db.models import F

from mailcore.addresses import addresses
from mailcore.clean import clean_line, clean_text
from mailcore.compose import ComposeError, Draft, compose
from mailcore.parsed import Address, ParsedMail
from mailcore.text import html_to_text
from mailsources.claims import is_away, is_passing
from mailsources.parser import Unparsable
from mailstore.batch import batch, flush
from mailstore.models import RawMail
from movein.bring import by_rule, failed, not_filed, parse_all
from movein.facts import Ours
from movein.freescout import FreeScout
from movein.job import Job, Later
from movein.mbox import on_the_wire
from movein.models import Move, Moved, MoveItem
from movein.system import UNDATED, Article, Gone, Listed, System, Ticket, TicketRefused
from movein.zammad import Zammad
from queues import past
from queues.models import Conversation, Message, Tag
from queues.past import Filed, PastMail

logger = logging.getLogger(__name__)

State = MoveItem.State
SYSTEMS: dict[str, Callable[[Job], System]] = {
    Move.Kind.ZAMMAD: Zammad,
    Move.Kind.FREESCOUT: FreeScout,
}
TRIES = 4
"""In vain, one after the other; then one ticket does not hold up the others."""

LONGEST_TAG = 50
LONGEST_NOTE = 50_000
ONLY_NOTES = "It has no mail, only notes."


@dataclass(frozen=True, slots=True)
class Brought:
    """A mail of a ticket, parsed."""

    article: Article
    mail: ParsedMail
    raw: RawMail


def scan(job: Job) -> Iterator[None]:
    """List what is there; control comes back after each page."""
    for page in SYSTEMS[job.move.kind](job).pages(job.move.cursor):
        keys = [f"ticket/{each.key}" for each in page.rows]
        here = Moved.objects.filter(origin=job.move.origin, key__in=keys).count()
        left = sum(1 for each in page.rows if each.why)
        times = [each.at for each in page.rows if each.at != UNDATED]
        move = job.move
        move.first_at = min([each for each in (move.first_at, *times) if each], default=None)
        move.last_at = max([each for each in (move.last_at, *times) if each], default=None)
        with job.portion():
            MoveItem.objects.bulk_create(_row(job.move, each) for each in page.rows)
            job.note(
                found=F("found") + len(page.rows),
                skipped=F("skipped") + left,
                foreseen_known=F("foreseen_known") + here,
                first_at=move.first_at,
                last_at=move.last_at,
                cursor=page.following,
            )
        yield


def _row(move: Move, each: Listed) -> MoveItem:
    state = State.SKIPPED if each.why else State.WAITING
    return MoveItem(move=move, key=each.key, at=each.at, state=state, why=each.why)


def bring(job: Job) -> Iterator[None]:
    """Bring in ticket after ticket; control comes back after each."""
    system, ours = SYSTEMS[job.move.kind](job), Ours(job.move)
    waiting = MoveItem.objects.filter(move=job.move, state=State.WAITING).order_by("at", "id")
    while (item := waiting.first()) is not None:
        _one(job, system, item, ours)
        yield


def _one(job: Job, system: System, item: MoveItem, ours: Ours) -> None:
    try:
        ticket = system.ticket(item.key, partial(_taken_before, job.move))
        fresh = [_as_taken(each) for each in sorted(ticket.articles, key=lambda each: each.at)]
        brought = _parsed(job.move, ticket, [each for each in fresh if not each.is_note])
        _file(job, item, ticket, fresh, brought, ours)
    except Later as away:
        if job.move.tries < TRIES:
            raise
        system.check()  # or else the whole of it is away, and no fault of this ticket
        failed(job, item, f"It was asked for {TRIES + 1} times in vain. {away}")
    except Gone as gone:
        failed(job, item, str(gone), State.SKIPPED)
    except TicketRefused as refused:
        failed(job, item, str(refused))
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as odd:
        logger.exception("ticket %s of move %s is in no shape that is known", item.key, job.move.pk)
        failed(
            job, item, f"The answer has another shape than its documents say ({type(odd).__name__}: {odd})."
        )
    except DatabaseError as error:
        if is_away(error) or is_passing(error):
            raise
        logger.exception("ticket %s of move %s was not filed", item.key, job.move.pk)
        failed(job, item, not_filed(error))


def _taken_before(move: Move, keys: Sequence[str]) -> set[str]:
    return set(Moved.objects.filter(origin=move.origin, key__in=keys).values_list("key", flat=True))


def _as_taken(article: Article) -> Article:
    """What was said by telephone or chat has nobody to answer to: it becomes a note."""
    return replace(article, is_note=article.is_note or not (article.raw or article.from_.email))


def _parsed(move: Move, ticket: Ticket, articles: Sequence[Article]) -> list[Brought]:
    home = Conversation.objects.select_related("queue").filter(pk=_home(move, ticket) or 0).first()
    raws = [on_the_wire(each.raw) if each.raw else _written(move, each) for each in articles]
    found = []
    for article, raw, outcome in zip(articles, raws, parse_all(raws), strict=True):
        row = RawMail.objects.prepare(raw)
        kept = by_rule(move, outcome, row, home)
        if isinstance(kept, Unparsable):
            raise TicketRefused(f"{article.key}: {kept.reason}")
        found.append(Brought(article, kept, row))
    return found


def _written(move: Move, article: Article) -> bytes:
    """A mail written anew, of what the other system tells of it."""
    host = move.place.partition("://")[2].partition("/")[0].partition(":")[0]
    own_id = f"{move.kind}.{article.key.replace('/', '.')}@{host}"
    to = tuple(each for each in article.to if each.email)
    draft = Draft(
        from_=_clean(article.from_),
        to=tuple(map(_clean, to)),
        cc=tuple(_clean(each) for each in article.cc if each.email),
        bcc=() if to else (_clean(article.from_),),
        subject=clean_line(article.subject),
        date=article.at,
        text=clean_text(article.text),
        html=article.html,
        message_id=article.message_id or own_id,
        in_reply_to=article.in_reply_to,
        references=article.references,
        attachments=article.files,
        automatic=article.is_automatic,
    )
    try:
        return compose(draft)
    except ComposeError as error:
        raise TicketRefused(f"{article.key}: {error}") from error


def _clean(address: Address) -> Address:
    """Without what could not stand in a header."""
    read = addresses(clean_line(address.email))[0]
    return Address(clean_line(address.name), read[0].email if read else address.email)


def _file(
    job: Job, item: MoveItem, ticket: Ticket, fresh: list[Article], brought: list[Brought], ours: Ours
) -> None:
    with job.portion():
        home = _home(job.move, ticket)
        mails, home = _without_live(job.move, brought, home)
        if home is None and not mails:
            _end(job, item, State.KNOWN if brought else State.SKIPPED, "" if brought else ONLY_NOTES)
            return
        with batch():
            filed = _mails(job.move, mails, home, ours)
            conversation = filed[0].message.conversation if filed else Conversation.objects.get(pk=home or 0)
            flush()
            notes = [each for each in fresh if each.is_note]
            for each in notes:
                past.add_note(conversation, _said(each), each.at)
            is_new = not Moved.objects.filter(origin=job.move.origin, key=f"ticket/{ticket.key}").exists()
            if is_new:
                past.add_note(conversation, ticket.reference, ticket.at)
                _tag(conversation, ticket.tags)
        _remember(job.move, ticket, fresh, conversation)
        state = State.TAKEN if filed or notes else State.KNOWN
        _end(job, item, state, messages=len(filed))


def _home(move: Move, ticket: Ticket) -> int | None:
    """The conversation that an earlier run made of it, if it is still there."""
    known = Moved.objects.filter(origin=move.origin, key=f"ticket/{ticket.key}").first()
    if known is None or not Conversation.objects.filter(pk=known.conversation_id).exists():
        return None
    return known.conversation_id


def _without_live(move: Move, brought: list[Brought], home: int | None) -> tuple[list[Brought], int | None]:
    """Without mails that came or left here already; their conversation is the ticket's, too."""
    ids = [each.mail.message_id[:1000] for each in brought]
    rows = list(Message.objects.filter(message_id__in=ids, conversation__queue=move.queue_id))
    left = []
    for each in brought:
        same = [row for row in rows if row.message_id == each.mail.message_id[:1000]]
        if past.is_known(each.mail, same):
            home = home if home is not None else same[0].conversation_id
        else:
            left.append(each)
    return left, home


def _mails(move: Move, mails: list[Brought], home: int | None, ours: Ours) -> list[Filed]:
    rows = [_past(move, each, ours) for each in mails]
    if home is not None:
        rows = [replace(each, home=home, begins_anew=False) for each in rows]
    past.foresee(rows)
    filed: list[Filed] = []
    for each, brought in zip(rows, mails, strict=True):
        brought.raw.save(force_insert=True)
        goes_on = replace(each, home=filed[0].message.conversation_id) if filed else each
        filed.append(past.file(move.queue, goes_on))
    return filed


def _past(move: Move, each: Brought, ours: Ours) -> PastMail:
    article = each.article
    return PastMail(
        mail=each.mail,
        raw=each.raw,
        at=article.at,
        place=move.name,
        is_ours=article.is_ours,
        agent=ours.agent(article.author_email, each.mail.from_.email) if article.is_ours else None,
        begins_anew=True,
    )


def _said(article: Article) -> str:
    """A note with who wrote it, and the names of its files, which a note can't have."""
    text = clean_text(html_to_text(article.html) if article.html else article.text).strip()
    files = ", ".join(each.name for each in article.files)
    more = f"\n\nFiles that were not taken: {files}" if files else ""
    return f"{article.author or 'Somebody'}: {text}{more}"[:LONGEST_NOTE]


def _tag(conversation: Conversation, names: Sequence[str]) -> None:
    for given in names:
        name = " ".join(clean_line(given).replace(",", " ").replace('"', " ").split())[:LONGEST_TAG].strip()
        if name:
            found = Tag.objects.filter(name__iexact=name).first() or Tag.objects.create(name=name)
            conversation.tags.add(found)


def _remember(move: Move, ticket: Ticket, fresh: Sequence[Article], conversation: Conversation) -> None:
    first = Moved(
        origin=move.origin,
        key=f"ticket/{ticket.key}",
        conversation_id=conversation.pk,
        move=move,
        was_closed=ticket.is_closed,
    )
    others = [
        Moved(origin=move.origin, key=each.key, conversation_id=conversation.pk, move=move) for each in fresh
    ]
    # Of one that was taken before it counts what has become of it there since.
    now = ["conversation_id", "move", "was_closed"]
    Moved.objects.bulk_create(
        [first], update_conflicts=True, unique_fields=["origin", "key"], update_fields=now
    )
    Moved.objects.bulk_create(others, ignore_conflicts=True)


def _end(job: Job, item: MoveItem, state: str, why: str = "", messages: int = 0) -> None:
    MoveItem.objects.filter(pk=item.pk).update(state=state, why=why, messages=messages)
    counts = {State.TAKEN: "taken", State.KNOWN: "known", State.SKIPPED: "skipped"}
    count = counts[State(state)]
    job.note(**{count: F(count) + 1}, messages=F("messages") + messages)
