"""A line of a conversation's history as people read it; where it names another conversation, a link.

Pure: events and the conversations that the reader may see in, text out.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from queues.history import Kind
from queues.models import Conversation, Event
from queues.named import named_in, tellable
from queues.presentation import age, clock
from queues.reasons import explain
from queues.sayings import told

TOLD_LOUDER = frozenset({Kind.HINT, Kind.ANSWERED_ELSEWHERE, Kind.HELD, Kind.UNSCHEDULED, Kind.VIRUS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The other conversations that events name, as far as the reader may see them.

    :param here: the conversation that is read: what was merged into it is no other one.
    :param query: the end of each link, which keeps the list beside it.
    :param mergeable: those that a hint may offer to merge into.
    """

    rows: Mapping[int, Conversation] = field(default_factory=dict)
    here: int = 0
    query: str = ""
    mergeable: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Who did what, and why. `merge_into` offers one click for what a hint says."""

    kind: str = field(default="event", init=False)
    pk: int
    sentence: SafeString
    is_loud: bool
    merge_into: int | None
    merge_label: str
    has_numbers: bool
    at: str
    iso: str
    age: str


NO_LINKS = Links()


def happening(event: Event, now: datetime, links: Links = NO_LINKS) -> Happening:
    """Format one event."""
    other = _other(event, links)
    offered = other is not None and event.kind == Kind.HINT and other.pk in links.mergeable
    return Happening(
        pk=event.pk,
        sentence=_linked(sentence_of(event, links.rows), other, links.query),
        is_loud=event.kind in TOLD_LOUDER,
        merge_into=other.pk if other and offered else None,
        merge_label=_("Merge into #%(number)s") % {"number": other.number} if other else "",
        has_numbers="rule" in event.data,
        at=clock(event.at),
        iso=event.at.isoformat(timespec="seconds"),
        age=age(event.at, now),
    )


def sentence_of(event: Event, seen: Container[int] = ()) -> str:
    """What it says in the reader's language; why routing chose is told from the numbers.

    :param seen: the ids of the conversations that the reader may see, among those that it names.
    """
    return explain(event.data) or told(tellable(event, seen))


def _other(event: Event, links: Links) -> Conversation | None:
    row = links.rows.get(named_in(event) or 0)
    return None if row is None or links.here in (row.pk, row.merged_into_id) else row


def _linked(sentence: str, other: Conversation | None, query: str) -> SafeString:
    mark = f"#{other.number}" if other else ""
    before, found, after = sentence.partition(mark) if mark else (sentence, "", "")
    if other is None or not found or after[:1].isdigit():
        return mark_safe(conditional_escape(sentence))  # noqa: S308 - escaped
    return format_html('{}<a href="/conversations/{}/{}">{}</a>{}', before, other.pk, query, mark, after)
