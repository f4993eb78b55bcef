"""Mails that came, as rules see them again: same parser, same facts, same engine as at the intake."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from mailcore.parsed import ParsedMail
from mailcore.rule_engine import Decision, decide
from mailsources import apart, ruling
from mailsources.models import FetchedMail
from mailsources.parser import Unparsable
from mailsources.rule_models import RuleList
from mailsources.rulebook import Book
from queues.models import Message
from queues.naming import ids_of, named

State = FetchedMail.State
PORTION_MAILS = 40
PORTION_OCTETS = 4 * 1024 * 1024
DISCARDED = "discarded it; its bytes are kept."


@dataclass(frozen=True, slots=True)
class Past:
    """A mail that came; `queue_id` is where it goes without rules."""

    fetched: FetchedMail
    mail: ParsedMail
    is_answer: bool
    queue_id: int

    def decided(self, rules: Book, *, explain: bool = False) -> Decision:
        """What these rules want done with it."""
        facts = ruling.facts_of(self.fetched, self.mail, is_answer=self.is_answer)
        lists = rules.for_source(self.fetched.source_id)
        return decide(lists, facts, rules.of_queue.get, self.queue_id, explain=explain)


def of_days(days: int, rules: RuleList | None = None) -> QuerySet[FetchedMail]:
    """Mails of the last days that became messages, or that a rule discarded; of a source's list its own."""
    rows = FetchedMail.objects.filter(
        Q(state=State.DELIVERED) | Q(state=State.SKIPPED, reason__endswith=DISCARDED),
        fetched_at__gt=timezone.now() - timedelta(days=days),
        raw__isnull=False,
        is_stub=False,
    )
    return rows.filter(source=rules.source_id) if rules is not None and rules.source_id else rows


def sample(ids: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly spread."""
    if len(ids) <= most:
        return list(ids)
    return [ids[number * len(ids) // most] for number in range(most)]


def portions(ids: Sequence[int]) -> Iterator[list[int]]:
    """Portions bounded by their number and their octets."""
    sizes = dict(FetchedMail.objects.filter(pk__in=list(ids)).values_list("pk", "raw__size"))
    portion: list[int] = []
    octets = 0
    for pk in ids:
        size = sizes.get(pk) or 0
        if portion and (len(portion) >= PORTION_MAILS or octets + size > PORTION_OCTETS):
            yield portion
            portion, octets = [], 0
        portion.append(pk)
        octets += size
    if portion:
        yield portion


def seen_again(ids: Iterable[int]) -> list[Past | None]:
    """These mails as they came; None for one that can't be parsed any more."""
    rows = FetchedMail.objects.select_related("raw", "source__queue", "message__conversation").defer("search")
    found = sorted(rows.in_bulk(list(ids)).values(), key=lambda row: row.pk)
    raws = [row.raw.as_bytes() if row.raw else b"" for row in found]
    outcomes = apart.parsers.parse_all(raws, apart.IN_COMPANY)
    firsts = _firsts(found)
    return [
        None if isinstance(outcome, Unparsable) else _past(row, outcome, firsts)
        for row, outcome in zip(found, outcomes, strict=False)
    ]


def _past(row: FetchedMail, outcome: ParsedMail, firsts: dict[int, int]) -> Past:
    mail = ruling.believed(row, outcome)
    message = row.message
    if message is not None:
        is_answer = firsts.get(message.conversation_id) != message.pk
        return Past(row, mail, is_answer, message.conversation.queue_id if is_answer else row.source.queue_id)
    there = named(ids_of(mail))
    return Past(row, mail, bool(there), there[0].queue_id if there else row.source.queue_id)


def _firsts(rows: Sequence[FetchedMail]) -> dict[int, int]:
    """The first message of each conversation."""
    conversations = {row.message.conversation_id for row in rows if row.message is not None}
    messages = Message.objects.filter(conversation__in=conversations).order_by()
    return dict(
        messages.values("conversation").annotate(first=Min("pk")).values_list("conversation", "first")
    )
