"""A conversation as people read it: mails, notes, events, each formatted once. As pure as `presentation`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agents.models import Agent
from mailcore.folding import new_text
from queues import scanning
from queues.at_names import with_names
from queues.deliveries import Delivery, delivery
from queues.enclosures import Appointment, Protection, appointments, protection
from queues.files import File, files
from queues.folds import Part, linked, original, parts, signature_at
from queues.genuine import Standing, standing
from queues.happenings import NO_LINKS, Happening, Links, happening, sentence_of
from queues.models import Event, Message, Note, Picture
from queues.pictures import Album, album
from queues.presentation import Person, age, clock, person
from queues.reasons import explain
from queues.subjects import base_subject
from queues.timeline import SILENT, Entry

FOLDED_LENGTH = 160
MACHINE = {
    "auto_reply": gettext_lazy("Automatic reply"),
    "challenge": gettext_lazy("Asks whether a person wrote"),
    "bounce": gettext_lazy("Delivery failure"),
    "delay": gettext_lazy("Delivery delayed"),
    "list": gettext_lazy("Mailing list"),
    "report": gettext_lazy("Report of a mail system"),
}
KEPT = 20
"""Of a long conversation so many things are shown at first."""

MORE = 200
"""So many more with each wish for older ones."""

_COLOURED = re.compile(r"bgcolor=|\bcolor=|background|[\s\";]color:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail."""

    kind: str = field(default="mail", init=False)
    pk: int
    out: bool
    who: Person
    email: str
    to: str
    cc: str
    at: str
    iso: str
    age: str
    subject: str
    machine: str
    folded: str
    parts: tuple[Part, ...]
    forwarded: str
    framed: bool
    album: Album
    is_trusted: bool
    is_doubted: bool
    shut: int
    files: tuple[File, ...]
    wrapping: tuple[File, ...]
    appointments: tuple[Appointment, ...]
    protection: Protection | None
    standing: Standing | None
    defects: tuple[str, ...]
    message_id: str
    has_raw: bool
    outside: bool
    delivery: Delivery | None
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """An internal note."""

    kind: str = field(default="note", init=False)
    pk: int
    who: Person
    text: SafeString
    is_whisper: bool
    folded: str
    at: str
    iso: str
    age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """Stands for the beginning of a long conversation until somebody wants to see it."""

    kind: str = field(default="older", init=False)
    count: int
    depth: int  # so many are shown now
    next: int  # so many then


Item = Letter | Remark | Happening | Older


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all mails of a conversation are shown with.

    :param houses: the domains that are ours alone.
    :param heard: when each person last wrote.
    :param is_supervisor: whether the reader is one.
    :param pictures: of each mail by its id, as far as somebody asked for them.
    :param trusted: senders whose pictures the reader wants always.
    """

    is_supervisor: bool = False
    houses: frozenset[str] = frozenset()
    pictures: Mapping[int, Sequence[Picture]] = field(default_factory=dict)
    trusted: frozenset[str] = frozenset()
    heard: Mapping[str, datetime] = field(default_factory=dict)


ALONE = Shared()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A conversation to be told.

    :param entries: its newest part, at least `depth` + 1 things.
    :param subject: of the conversation; a mail with another one shows its own.
    :param length: how many things there are to tell.
    :param depth: how many are told, the newest; all of them when None.
    """

    entries: list[Entry]
    subject: str
    links: Links = NO_LINKS
    shared: Shared = ALONE
    length: int
    depth: int | None = KEPT


def items(story: Story, now: datetime) -> list[Item]:
    """From the oldest to the newest; mails since our last one are open, older ones folded."""
    newest = _open(story.entries)
    shared = replace(story.shared, heard=_heard(story.entries))
    shown = [entry for entry in story.entries if _is_told(entry)]
    told: list[Item] = []
    if story.depth is not None and story.length > story.depth + 1:
        older = story.length - story.depth
        told.append(Older(count=older, depth=story.depth, next=story.depth + MORE))
        shown = shown[-story.depth :]
    for entry in shown:
        if isinstance(entry.item, Message):
            is_open = entry.item.pk in newest
            told.append(letter(entry.item, now, is_open=is_open, subject=story.subject, shared=shared))
        elif isinstance(entry.item, Note):
            told.append(remark(entry.item, now))
        else:
            told.append(happening(entry.item, now, story.links))
    return told


def _is_told(entry: Entry) -> bool:
    item = entry.item
    return not isinstance(item, Event) or (item.kind not in SILENT and bool(item.sentence))


def why(event: Event | None, agent: Agent | None) -> str:
    """Why the conversation went to whom it went last, by the event of that.

    :param agent: the reader, who is spoken to if it was them.
    """
    if event is None:
        return ""
    is_mine = agent is not None and event.data.get("agent") == agent.pk
    return explain(event.data, to_agent=is_mine) or sentence_of(event)


def _heard(entries: list[Entry]) -> dict[str, datetime]:
    """When each person last wrote here: whoever writes gets mail, so a delay before that is over."""
    came = [entry.item for entry in entries if isinstance(entry.item, Message)]
    rows = [each for each in came if each.direction == "in" and each.automatic == "no"]
    return {each.from_email.lower(): each.created_at for each in sorted(rows, key=lambda one: one.created_at)}


def _open(entries: list[Entry]) -> set[int]:
    messages = [entry.item for entry in entries if isinstance(entry.item, Message)]
    since: set[int] = set()
    for message in reversed(messages):
        since.add(message.pk)
        if message.direction == "out" and message.automatic == "no":
            break
    troubled = ("failed", "uncertain", "retry")
    return since | {each.pk for each in messages if each.outgoing and each.outgoing.state in troubled}


def letter(
    message: Message,
    now: datetime,
    *,
    is_open: bool = True,
    subject: str = "",
    shared: Shared = ALONE,
) -> Letter:
    """Format one mail of `inbox.timeline`."""
    name = message.from_name or message.from_email or _("Unknown sender")
    if message.agent is not None:
        name = str(message.agent)
    body = new_text(message.text, signature_at(message), message.quote_at)
    judged = standing(message, shared.houses)
    shown, wrapping = files(message, is_supervisor=shared.is_supervisor)
    return Letter(
        pk=message.pk,
        out=message.direction == "out",
        who=person(name),
        email=message.from_email,
        to=people(message.to),
        cc=people(message.cc),
        at=clock(message.created_at),
        iso=message.created_at.isoformat(timespec="seconds"),
        age=age(message.created_at, now),
        subject=message.subject if base_subject(message.subject) != base_subject(subject) else "",
        machine=str(MACHINE.get(message.automatic, "")) if message.direction == "in" else "",
        folded=" ".join(body[: 4 * FOLDED_LENGTH].split())[:FOLDED_LENGTH],
        parts=parts(message),
        forwarded=original(message),
        framed=bool(message.html) and message.direction == "in",
        album=album(message, shared.pictures.get(message.pk, ())),
        is_trusted=message.from_email.lower() in shared.trusted,
        is_doubted=judged is not None and judged.level == "bad",
        shut=sum(not scanning.is_open(each, message.direction) for each in message.attachments.all()),
        files=shown,
        wrapping=wrapping,
        appointments=appointments(message),
        protection=protection(message, message.attachments.all()),
        standing=judged,
        defects=tuple(message.defects),
        message_id=message.message_id,
        has_raw=message.raw_id is not None,
        outside=message.is_outside,
        delivery=delivery(message.outgoing, now, shared.heard) if message.outgoing else None,
        open=is_open,
    )


def people(addresses: list[dict[str, Any]]) -> str:
    """The addresses of a header in one line."""
    lines = [
        f"{each.get('name')} <{each.get('email')}>" if each.get("name") else str(each.get("email", ""))
        for each in addresses
    ]
    return ", ".join(lines)


def remark(note: Note, now: datetime) -> Remark:
    """Format one note; of one that mentions people, their names stand out."""
    names = [each.agent.user.get_username() for each in note.mentions.all()]
    return Remark(
        pk=note.pk,
        who=person(
            (note.user.get_full_name() or note.user.get_username()) if note.user else _("Former user")
        ),
        text=with_names(linked(note.text), names),
        is_whisper=note.audience == Note.Audience.HOLDER,
        folded=" ".join(note.text[: 4 * FOLDED_LENGTH].split())[:FOLDED_LENGTH],
        at=clock(note.created_at),
        iso=note.created_at.isoformat(timespec="seconds"),
        age=age(note.created_at, now),
    )


def is_coloured(html: str) -> bool:
    """The mail brings colours of its own, which want the light ground they were chosen for."""
    return _COLOURED.search(html) is not None
