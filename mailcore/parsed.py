"""What a parsed mail is: plain frozen dataclasses, the language every floor above speaks.

A *defect* is a sentence for a person ("The Date header could not be read."), never an exception: a mail with
twenty defects is still a mail.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Automatic(StrEnum):
    """Who wrote the mail: a person (NO) or a machine, and which kind of machine.

    Nothing but NO may be answered automatically, nor reopen a conversation by itself.
    """

    NO = "no"
    AUTO_REPLY = "auto_reply"  # out of office, acknowledgement, challenge (RFC 3834)
    BOUNCE = "bounce"  # could not be delivered, and will not be (RFC 3464 and its many relatives)
    LIST = "list"  # mailing lists, newsletters, bulk
    REPORT = "report"  # delays, read receipts, DMARC and abuse reports


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. ``email`` has a lower-case domain and is "" when the mail gave none."""

    name: str = ""
    email: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name and self.email else self.name or self.email


@dataclass(frozen=True, slots=True)
class AttachmentPart:
    """A file inside a mail. ``part`` is its IMAP-like path ("2.1"), to be given to ``parse.part_bytes``.

    ``size`` counts decoded bytes; ``inline`` files are shown inside the text; ``content_id`` has no <>.
    ``name`` is for showing and saving as, never for building a path on the server.
    """

    part: str
    name: str
    type: str
    size: int
    inline: bool = False
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A message of ours that did not arrive (RFC 3464).

    ``status`` is an enhanced code such as "5.1.1" or ""; ``message_id`` names the mail of ours, without <>.
    """

    recipients: tuple[str, ...] = ()
    status: str = ""
    message_id: str = ""
    diagnostic: str = ""

    @property
    def is_permanent(self) -> bool:
        """False for 4.x.x: the address may work again tomorrow."""
        return not self.status.startswith("4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A calendar part (RFC 5545, RFC 6047), read. Times are the calendar's own, with their zone.

    ``method`` is REQUEST, REPLY, CANCEL…; ``starts`` and ``ends`` are ISO 8601, dates alone for whole days.
    """

    method: str = ""
    summary: str = ""
    starts: str = ""
    ends: str = ""
    zone: str = ""
    repeats: str = ""
    location: str = ""
    description: str = ""
    organiser: Address = Address()
    attendees: tuple[Address, ...] = ()
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Whose mail this was before a person forwarded it by hand, as the text tells."""

    from_: Address = Address()
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A provider asks whether ``account`` may forward its mail to us; ``code`` or ``link`` says yes."""

    provider: str
    account: str = ""
    code: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """One mail, read. Every text is clean: no NUL, no lone surrogate, NFC; headers are one line each.

    ``html`` is sanitised, with ``cid:`` images as they came and remote images held back (see ``text``).
    ``text[quote_at:]`` is the quoted earlier correspondence; ``quote_at == len(text)`` when there is none.
    ``text[signature_at:quote_at]`` is the signature before it, empty when there is none.
    ``protection`` is "signed" or "encrypted" (S/MIME, PGP), and the mail itself is kept as it came.
    ``date`` is aware UTC, None when the mail does not say or cannot be believed.
    """

    message_id: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    subject: str = ""
    from_: Address = Address()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    date: datetime | None = None
    text: str = ""
    html: str = ""
    quote_at: int = 0
    signature_at: int = 0
    attachments: tuple[AttachmentPart, ...] = ()
    automatic: Automatic = Automatic.NO
    bounce: Bounce | None = None
    invitations: tuple[Invitation, ...] = ()
    forwarded: Forwarded | None = None
    confirmation: Confirmation | None = None
    protection: str = ""
    delivered_to: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()

    @property
    def new_text(self) -> str:
        """The text without the quoted earlier correspondence."""
        return self.text[: self.signature_at].rstrip()
