"""Rows as people read them: everything a template shows of a list is formatted here, once per row.

Pure: rows and the time in, text out. Times are also given as ISO text, which the browser keeps telling anew.
"""

from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _

from crm.models import Contact
from queues.models import Conversation
from queues.sayings import told

NO_SUBJECT = gettext_lazy("(no subject)")
HUES = 6
MINUTE, HOUR, DAY = 60, 3600, 86400
SOON = HOUR


@dataclass(frozen=True, slots=True)
class Due:
    """When our answer is due: `level` is calm, amber (within the hour) or red (late)."""

    level: str
    label: str
    iso: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody's name with the letters and the colour (0 to 5) of their disc."""

    name: str
    initials: str
    hue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One conversation in a list. `badge` is the state, where the list shows several; `queue` likewise.

    `tags` are names with colours. Of what a search found, `preview` is the line with the words, `in_note`
    when that is a colleague's.
    """

    pk: int
    name: str
    subject: str
    preview: str
    age: str
    iso: str
    state: str
    badge: str
    queue: str
    language: str
    due: Due | None
    agent: Person | None
    is_new: bool
    has_attachments: bool
    reason: str
    tags: tuple[tuple[str, str], ...] = ()
    in_note: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """What a list says of each row: not what is the same for all of them."""

    queue: bool = True
    state: bool = True
    agent: bool = True


def row(conversation: Conversation, now: datetime, columns: Columns, reason: str = "") -> Row:
    """Format a conversation of `inbox.page`; asks the database nothing.

    :param reason: why nobody can handle it now.
    """
    state = conversation.state
    agent = conversation.agent if columns.agent else None
    return Row(
        pk=conversation.pk,
        name=contact_name(conversation.contact),
        subject=conversation.subject or str(NO_SUBJECT),
        preview=conversation.preview,
        age=age(conversation.last_message_at, now),
        iso=conversation.last_message_at.isoformat(timespec="seconds"),
        state=state,
        badge=told(conversation.get_state_display()) if columns.state else "",
        queue=conversation.queue.name if columns.queue else "",
        language=conversation.language,
        due=due(conversation, now),
        agent=person(str(agent)) if agent else None,
        is_new=conversation.last_direction == "in" and state in ("waiting", "assigned"),
        has_attachments=conversation.has_attachments,
        reason=reason,
        tags=tuple((tag.name, tag.colour) for tag in conversation.tags.all()),
    )


def due(conversation: Conversation, now: datetime) -> Due | None:
    """How long we have left, or how late we are; None when it isn't our turn."""
    if conversation.due_at is None or conversation.state not in ("waiting", "assigned"):
        return None
    left = (conversation.due_at - now).total_seconds()
    iso = conversation.due_at.isoformat(timespec="seconds")
    if left < 0:
        return Due("red", late(-left), iso)
    return Due("amber" if left < SOON else "calm", time_left(left), iso)


def late(seconds: float) -> str:
    """Such as "5 min late"."""
    return _("%(span)s late") % {"span": span(seconds)}


def time_left(seconds: float) -> str:
    """Such as "3 h left"."""
    return _("%(span)s left") % {"span": span(seconds)}


def span(seconds: float) -> str:
    """A length of time in its largest unit: "5 min", "3 h", "2 d"."""
    if seconds < HOUR:
        return _("%(count)s min") % {"count": max(1, int(seconds // MINUTE))}
    if seconds < 2 * DAY:
        return _("%(count)s h") % {"count": int(seconds // HOUR)}
    return _("%(count)s d") % {"count": int(seconds // DAY)}


def age(at: datetime, now: datetime) -> str:
    """How long ago, short; a date when it is more than six days."""
    seconds = (now - at).total_seconds()
    if seconds < MINUTE:
        return _("now")
    if seconds < 6 * DAY:
        return span(seconds)
    return day(at, now)


def day(at: datetime, now: datetime) -> str:
    """Such as "12 Mar", with the year when it is another one."""
    local = timezone.localtime(at)
    return date_format(
        local, "SHORT_DAY" if local.year == timezone.localtime(now).year else "SHORT_DAY_AND_YEAR"
    )


def clock(at: datetime) -> str:
    """Date and time in the reader's zone (`staff/zone.py`), for programs in that of the server."""
    return date_format(timezone.localtime(at), "CLOCK")


def contact_name(contact: Contact) -> str:
    """The name, else the address."""
    if contact.name:
        return contact.name
    addresses = [row.email for row in contact.addresses.all() if row.email]
    return addresses[0] if addresses else _("Unknown sender")


def person(name: str) -> Person:
    """The same name always gets the same colour."""
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word[0].isalnum()]
    letters = "".join(word[0] for word in (words[:1] + words[1:][-1:])) or "?"
    return Person(name, letters.upper(), crc32(name.encode()) % HUES)


def size(octets: int) -> str:
    """A file size for people: "3.4 MB"."""
    if octets < 1000:
        return f"{octets} B"
    if octets < 1_000_000:
        return f"{octets / 1000:.0f} kB"
    return f"{number_format(f'{octets / 1_000_000:.1f}')} MB"


def language_name(tag: str) -> str:
    """The name of "cs", such as "Czech"; a tag that Django doesn't know stays as it is."""
    try:
        return str(get_language_info(tag)["name_translated"]) if tag else ""
    except KeyError:
        return tag
