"""A conversation as people read it: mails, notes, events, each formatted once. As pure as `presentation`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.safestring import SafeString

from mailcore.folding import new_text
from mailcore.markup import content_ids
from mailsenders import holds
from mailsenders.models import OutgoingMail, OutgoingRecipient
from queues.enclosures import Appointment, Protection, appointments, protection, split_files
from queues.folds import Part, linked, original, parts, signature_at
from queues.happenings import NO_LINKS, Happening, Links, happening
from queues.history import ASSIGNMENTS, MOVED_FROM, Kind
from queues.inbox import Entry
from queues.models import Attachment, Event, Message, Note
from queues.presentation import Person, age, clock, person, size
from queues.subjects import base_subject

RASTER = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
THUMBNAIL_OCTETS = 5_000_000
FOLDED_LENGTH = 160
# Of these the mail itself stands there.
SILENT = frozenset({Kind.OPENED, Kind.RECEIVED, Kind.REPLIED, Kind.ASKED, Kind.ANSWERED_OUTSIDE})
MACHINE = {
    "auto_reply": "Automatic reply",
    "challenge": "Asks whether a person wrote",
    "bounce": "Delivery failure",
    "delay": "Delivery delayed",
    "list": "Mailing list",
    "report": "Report of a mail system",
}
TRYING = timedelta(days=6)  # servers give up after five (RFC 5321 4.5.4.1)
NOBODY: Mapping[str, datetime] = {}
_COLOURED = re.compile(r"bgcolor=|\bcolor=|background|[\s\";]color:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """An attachment; `picture` when it may be shown in the page."""

    pk: int
    name: str
    size: str
    picture: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a mail of ours, and what can be done about it.

    `again` is the number of seconds after which to look once more, 0 when nothing will change by itself;
    `held_until` counts down the time left for undo.
    """

    level: str
    label: str
    answer: str = ""
    held_until: str = ""
    again: int = 0
    can_resend: bool = False
    may_have_left: bool = False
    refused: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    delayed: tuple[str, ...] = ()


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
    remote_images: bool
    files: tuple[File, ...]
    wrapping: tuple[File, ...]
    appointments: tuple[Appointment, ...]
    protection: Protection | None
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
    at: str
    iso: str
    age: str


Item = Letter | Remark | Happening


def items(entries: list[Entry], subject: str, now: datetime, links: Links = NO_LINKS) -> list[Item]:
    """The story from the oldest to the newest; mails since our last one are open, older ones folded.

    :param subject: of the conversation; a mail with another one shows its own.
    """
    newest, heard = _open(entries), _heard(entries)
    told: list[Item] = []
    for entry in entries:
        if isinstance(entry.item, Message):
            is_open = entry.item.pk in newest
            told.append(letter(entry.item, now, is_open=is_open, subject=subject, heard=heard))
        elif isinstance(entry.item, Note):
            told.append(_remark(entry.item, now))
        elif entry.item.kind not in SILENT and entry.item.sentence:
            told.append(happening(entry.item, now, links))
    return told


def why(entries: list[Entry]) -> str:
    """Why the conversation went to whom it went last."""
    chosen = [entry.item for entry in entries if isinstance(entry.item, Event)]
    own = [event for event in chosen if MOVED_FROM not in event.data]
    sentences = [event.sentence for event in own if event.kind in ASSIGNMENTS]
    return sentences[-1] if sentences else ""


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
    heard: Mapping[str, datetime] = NOBODY,
) -> Letter:
    """Format one mail of `inbox.timeline`.

    :param heard: when each person last wrote.
    """
    name = message.from_name or message.from_email or "Unknown sender"
    if message.agent is not None:
        name = str(message.agent)
    body = new_text(message.text, signature_at(message), message.quote_at)
    shown, wrapping = files(message)
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
        machine=MACHINE.get(message.automatic, "") if message.direction == "in" else "",
        folded=" ".join(body[: 4 * FOLDED_LENGTH].split())[:FOLDED_LENGTH],
        parts=parts(message),
        forwarded=original(message),
        framed=bool(message.html) and message.direction == "in",
        remote_images="data-remote-src=" in message.html,
        files=shown,
        wrapping=wrapping,
        appointments=appointments(message),
        protection=protection(message, message.attachments.all()),
        defects=tuple(message.defects),
        message_id=message.message_id,
        has_raw=message.raw_id is not None,
        outside=message.is_outside,
        delivery=delivery(message.outgoing, now, heard) if message.outgoing else None,
        open=is_open,
    )


def people(addresses: list[dict[str, Any]]) -> str:
    """The addresses of a header in one line."""
    lines = [
        f"{each.get('name')} <{each.get('email')}>" if each.get("name") else str(each.get("email", ""))
        for each in addresses
    ]
    return ", ".join(lines)


def files(message: Message) -> tuple[tuple[File, ...], tuple[File, ...]]:
    """The attachments that the text doesn't show itself; apart from them, those that are only wrapping."""
    sent, wrapping = split_files(list(message.attachments.all()), is_signed=message.protection == "signed")
    shown = content_ids(message.html) if any(each.content_id for each in sent) else frozenset()
    free = [each for each in sent if each.content_id not in shown or not each.content_id]
    return tuple(map(file, free)), tuple(map(file, wrapping))


def file(attachment: Attachment) -> File:
    """Format one attachment."""
    picture = attachment.type.lower() in RASTER and attachment.size <= THUMBNAIL_OCTETS
    return File(attachment.pk, attachment.name or "without a name", size(attachment.size), picture)


def delivery(mail: OutgoingMail, now: datetime, heard: Mapping[str, datetime] = NOBODY) -> Delivery:
    """Say in words where a mail of ours is; only of one that waits, the database is asked why."""
    state = OutgoingMail.State
    answer = mail.last_error or mail.last_answer
    refused = tuple(
        f"{each.email}: {each.answer}" if each.answer else each.email
        for each in mail.recipients.all()
        if each.state == "refused" and not each.returned_at and not answer.startswith(f"{each.email}:")
    )
    back = tuple(
        f"{each.email}, {clock(each.returned_at)}: {each.answer}"
        for each in mail.recipients.all()
        if each.returned_at
    )
    delayed = tuple(
        f"{each.email}: {each.delay}" for each in mail.recipients.all() if _is_late(each, mail, now, heard)
    )
    soon = 2 if now - mail.created_at < timedelta(minutes=1) else 15
    if mail.state == state.HELD and mail.not_before > now:
        left = int((mail.not_before - now).total_seconds()) + 1
        until = mail.not_before.isoformat(timespec="milliseconds")
        return Delivery("", "Leaves in", held_until=until, again=left + 1)
    wait = holds.wait_of(mail, now)
    if wait is not None:
        until = f" until {clock(wait.at)}" if wait.at else ""
        return Delivery("warn", f"Waits{until}: {wait.why}", mail.last_error, again=15, refused=refused)
    if mail.state in (state.HELD, state.QUEUED):
        return Delivery("", "Waiting to be sent", again=soon)
    if mail.state == state.SENDING:
        return Delivery("", "Being sent", again=soon)
    if mail.state == state.SENT:
        label = f"Sent {clock(mail.sent_at)}" if mail.sent_at else "Sent"
        level = "bad" if refused or back else "warn" if delayed else "good"
        return Delivery(level, label, refused=refused, back=back, delayed=delayed)
    if mail.state == state.RETRY:
        label = f"Not sent yet, next try {clock(mail.not_before)}"
        again = 5 if mail.not_before - now < timedelta(minutes=2) else 30
        return Delivery("warn", label, answer, again=again, refused=refused)
    if mail.state == state.UNCERTAIN:
        label = "It is not known whether this was sent"
        answer = f"{answer} {mail.folder_note}".strip()
        return Delivery("bad", label, answer, can_resend=True, may_have_left=True, refused=refused)
    if mail.state == state.FAILED:
        if back:
            return Delivery("bad", "Came back", can_resend=True, refused=refused, back=back)
        return Delivery("bad", "Could not be sent", answer, can_resend=True, refused=refused)
    return Delivery("", "Taken back")


def _is_late(
    row: OutgoingRecipient, mail: OutgoingMail, now: datetime, heard: Mapping[str, datetime]
) -> bool:
    """Whether a server may still be trying: not when the person wrote since, nor after its days of trying."""
    sent_at = mail.sent_at or mail.created_at
    spoke = heard.get(row.email.lower())
    return bool(row.delay) and now - sent_at < TRYING and (spoke is None or spoke < sent_at)


def _remark(note: Note, now: datetime) -> Remark:
    return Remark(
        pk=note.pk,
        who=person((note.user.get_full_name() or note.user.get_username()) if note.user else "Former user"),
        text=linked(note.text),
        at=clock(note.created_at),
        iso=note.created_at.isoformat(timespec="seconds"),
        age=age(note.created_at, now),
    )


def is_coloured(html: str) -> bool:
    """The mail brings colours of its own, which want the light ground they were chosen for."""
    return _COLOURED.search(html) is not None
