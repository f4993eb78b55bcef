"""What a parsed mail is: plain frozen dataclasses, the language every floor above speaks.

A *defect* is a sentence for a person ("The Date header could not be read."), never an exception: a mail with
twenty defects is still a mail.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailcore.folding import new_text


class Automatic(StrEnum):
    """Who wrote the mail: a person (NO) or a machine, and which kind of machine.

    Nothing but NO may be answered automatically, nor reopen a conversation by itself.
    """

    NO = "no"
    AUTO_REPLY = "auto_reply"  # out of office, acknowledgement (RFC 3834)
    CHALLENGE = "challenge"  # wants a person to prove that they are one, and holds our mail until then
    BOUNCE = "bounce"  # could not be delivered, and will not be (RFC 3464 and its many relatives)
    DELAY = "delay"  # not delivered yet, still being tried
    LIST = "list"  # mailing lists, newsletters, bulk
    REPORT = "report"  # read and delivery receipts, DMARC, TLS and abuse reports


class Reason(StrEnum):
    """Why a mail did not arrive; ``mailcore.reasons`` finds it and says it in words."""

    UNKNOWN = ""
    NO_SUCH_USER = "no_such_user"
    NO_SUCH_DOMAIN = "no_such_domain"
    MOVED = "moved"
    TAKES_NO_MAIL = "takes_no_mail"
    MAILBOX_FULL = "mailbox_full"
    SUSPENDED = "suspended"
    NOT_ACCEPTED = "not_accepted"
    SENDER_REFUSED = "sender_refused"
    BLOCKED = "blocked"
    REPUTATION = "reputation"
    NO_REVERSE_NAME = "no_reverse_name"
    NOT_AUTHENTICATED = "not_authenticated"
    POLICY = "policy"
    SPAM = "spam"
    VIRUS = "virus"
    CONTENT = "content"
    FORMAT = "format"
    TOO_BIG = "too_big"
    RELAYING = "relaying"
    SECURITY = "security"
    THROTTLED = "throttled"
    EXPIRED = "expired"
    NETWORK = "network"
    SYSTEM = "system"
    PROGRAM = "program"


DEAD_ADDRESS = frozenset({Reason.NO_SUCH_USER, Reason.NO_SUCH_DOMAIN, Reason.MOVED, Reason.TAKES_NO_MAIL})


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
class Failure:
    """One recipient who has not got our mail, or not yet.

    ``original`` is the address that we wrote to, if the mail was forwarded to ``email`` and the report says
    so. ``status`` is an enhanced code (RFC 3463) such as "5.1.1"; ``answer`` are the words of ``server``.
    All but one of the addresses may be "".
    """

    email: str
    original: str = ""
    status: str = ""
    reason: Reason = Reason.UNKNOWN
    server: str = ""
    answer: str = ""

    @property
    def is_hard(self) -> bool:
        """Whether the address itself is at fault, so that another try is useless."""
        return self.reason in DEAD_ADDRESS


@dataclass(frozen=True, slots=True)
class Bounce:
    """A message of ours that did not arrive, or ``is_delay``: not yet (RFC 3464).

    ``message_id`` names the mail of ours, without <>. ``failures`` may be empty: some reports name nobody.
    """

    failures: tuple[Failure, ...] = ()
    message_id: str = ""
    is_delay: bool = False

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses, each once."""
        return tuple(dict.fromkeys(each.email for each in self.failures if each.email))

    @property
    def status(self) -> str:
        """The first status that is known."""
        return next((each.status for each in self.failures if each.status), "")

    @property
    def answer(self) -> str:
        """The first words of a server."""
        return next((each.answer for each in self.failures if each.answer), "")

    @property
    def reason(self) -> Reason:
        """The first reason that is known."""
        return next((each.reason for each in self.failures if each.reason), Reason.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A calendar part (RFC 5545, RFC 6047), read. Times are the calendar's own, with their zone.

    ``method`` is REQUEST, REPLY, CANCEL…; ``starts`` and ``ends`` are ISO 8601, dates alone for whole days,
    where ``ends`` is the first day after. ``repeats`` says in words how often. ``answer`` is what a REPLY
    says: accepted, declined, tentative.
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
    answer: str = ""
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


@dataclass(frozen=True, slots=True)
class Check:
    """What a server found out about the sender: of ``method`` (spf, dkim, dmarc) a ``result`` like "pass"."""

    method: str
    result: str
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """One header of a mail server that calls itself ``by`` (RFC 8601). Anybody may have written it."""

    by: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """One mail, read. Every text is clean: no NUL, no lone surrogate, NFC; headers are one line each.

    ``html`` is sanitised, with ``cid:`` images as they came and remote images held back (see ``text``).
    ``text[quote_at:]`` is the quoted earlier correspondence; ``quote_at == len(text)`` when there is none.
    ``text[signature_at:quote_at]`` is the signature before it, empty when there is none.
    ``protection`` is "signed" or "encrypted" (S/MIME, PGP), and the mail itself is kept as it came.
    ``date`` is aware UTC, None when the mail does not say or cannot be believed.
    ``rewritten_from`` is From as it stands, where ``from_`` was taken from other headers, which the mail's
    writer may have made up: see ``origin.believed``. None everywhere else.
    ``authentication`` is all that calls itself so, from the top down, which proves nothing; ``findings`` are
    what is believed of it, by who knows the mail server (``authentication.believed``). None from the parser.
    ``has_cards``: it holds the number of a payment card; ``masked`` is the mail without it, in base64. Only
    ``masking`` looks for these.
    """

    message_id: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    subject: str = ""
    from_: Address = Address()
    rewritten_from: Address | None = None
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
    authentication: tuple[Findings, ...] = ()
    findings: Findings | None = None
    defects: tuple[str, ...] = ()
    has_cards: bool = False
    masked: str = ""

    @property
    def new_text(self) -> str:
        """What the writer wrote: the text without quotes and signature."""
        return new_text(self.text, self.signature_at, self.quote_at)
