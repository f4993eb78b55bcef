"""What an answer consists of: recipients, subject, thread headers, signature, quoted mail."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import escape

from django.conf import settings
from django.utils import timezone

from mailcore.addresses import addresses
from mailcore.clean import clean_text
from mailcore.compose import OutFile, recipients_for_reply, reply_references, reply_subject
from mailcore.parsed import Address
from mailcore.text import html_to_text, quote_text, sanitise, text_to_html
from mailsenders.models import EmailSender
from mailstore.batch import once
from queues.models import Conversation, EmailQueue, Message
from queues.refusals import ActionRefused

ATTRIBUTIONS = {
    "cs": ("Dne {date} napsal(a) {who}:", "%d.%m.%Y v %H:%M"),
    "de": ("Am {date} schrieb {who}:", "%d.%m.%Y um %H:%M"),
    "es": ("El {date}, {who} escribió:", "%d/%m/%Y a las %H:%M"),
    "en": ("On {date}, {who} wrote:", "%d %b %Y at %H:%M"),
}
MOST_QUOTED = 30_000  # characters
MOST_FILES = 50
MOST_BYTES = 25_000_000  # what mailboxes take, after base64 has made a third more of it
QUOTE_STYLE = 'type="cite" style="margin:0 0 0 8px;border-left:2px solid #b0b0b0;padding-left:10px"'
SYNTHETIC_DOMAIN = "@ucs.invalid"  # the id that mailcore gives to a mail without one


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an agent wants to send.

    `to` and `cc` empty: as computed. `undo_seconds` None: as the settings say. `token` makes sending twice
    one mail. `seen_message_id`: the newest mail that the agent has seen; None skips the check.
    """

    text: str
    html: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    files: tuple[OutFile, ...] = ()
    close: bool = False
    undo_seconds: int | None = None
    token: str = ""
    seen_message_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail of ours before it has an id.

    `text[:typed]` is what the agent wrote. `is_rich`: the HTML is the agent's, not made of the text.
    """

    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    subject: str
    text: str
    html: str = ""
    is_rich: bool = False
    typed: int = 0
    quote_at: int = 0
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    files: tuple[OutFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who gets the answer."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...]


def answered(conversation: Conversation) -> Message | None:
    """The message that an answer answers: the last one by a person outside, else the last of all."""
    rows = conversation.messages.order_by("-pk")
    by_person = rows.filter(direction=Message.Direction.IN, automatic="no").first()
    return by_person or rows.filter(automatic="no").first() or rows.first()


@once
def own_addresses() -> frozenset[str]:
    """Every address that is ours: of senders, of mailboxes, and of what forwards to us and where to."""
    found: set[str] = set(EmailSender.objects.values_list("email_address", flat=True))
    columns = [f"sources__{name}" for name in ("username", "mailbox", "public_address", "forwarding_token")]
    for *mailboxes, token in EmailQueue.objects.order_by().values_list(*columns):
        found.update(value for value in mailboxes if value and "@" in value)
        if token and settings.INBOUND_DOMAIN:
            found.add(f"{token}@{settings.INBOUND_DOMAIN}")
    return frozenset(value.lower() for value in found)


def computed_recipients(message: Message | None) -> Recipients:
    """Who gets an answer to this message: its sender or Reply-To, and everybody in Cc; never ourselves."""
    if message is None:
        return Recipients((), ())
    sender = Address(message.from_name, message.from_email)
    reply_to, to, cc = (_people(group) for group in (message.reply_to, message.to, message.cc))
    return Recipients(*recipients_for_reply(sender, reply_to, to, cc, own_addresses(), everyone=True))


def _people(rows: Iterable[dict[str, str]]) -> tuple[Address, ...]:
    return tuple(Address(row.get("name", ""), row.get("email", "")) for row in rows)


def chosen_recipients(reply: Reply, message: Message | None) -> Recipients:
    """Who gets it: as typed by the agent, as computed where nothing is typed.

    Raises:
        ActionRefused: an address that is none, or nobody at all.
    """
    computed = computed_recipients(message) if not reply.to else Recipients((), ())
    to = typed_addresses(reply.to) or computed.to
    cc = typed_addresses(reply.cc) or (() if reply.to else computed.cc)
    already = {address.email.lower() for address in to}
    cc = tuple(address for address in cc if address.email.lower() not in already)
    if not to and not cc:
        raise ActionRefused("The customer's address is not known: type one into “To”.")
    return Recipients(to, cc)


def typed_text(reply: Reply) -> str:
    """What the agent wrote, as it begins the mail's text."""
    return clean_text(reply.text or html_to_text(reply.html)).rstrip()


def typed_addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    """Read what was typed, one address or several in a piece, each once.

    Raises:
        ActionRefused: with the piece that is no address.
    """
    found: dict[str, Address] = {}
    for text in texts:
        for address in addresses(text)[0] if text.strip() else ():
            if not address.email or not _is_plain(address.email):
                raise ActionRefused(
                    f"“{text.strip()}” is not an e-mail address: write it like name@example.com."
                )
            found.setdefault(address.email.lower(), address)
    return tuple(found.values())


def _is_plain(email: str) -> bool:
    local, _, domain = email.rpartition("@")
    return "." in domain and bool(local) and not set(email) & set(' \t"<>()[]\\,;:') and "@" not in local


def check_content(reply: Reply) -> None:
    """Refuse an empty answer, and files that no mailbox would take."""
    if not (reply.text.strip() or html_to_text(reply.html).strip() or reply.files):
        raise ActionRefused("The mail is empty: write something first.")
    size = sum(len(file.data) for file in reply.files)
    if len(reply.files) > MOST_FILES or size > MOST_BYTES:
        raise ActionRefused(
            f"The {len(reply.files)} files have {size / 1e6:.1f} MB together: at most {MOST_FILES} files and "
            f"{MOST_BYTES // 1_000_000} MB fit into a mail."
        )


def write_answer(conversation: Conversation, reply: Reply) -> Letter:
    """The answer to the conversation's last mail."""
    message = answered(conversation)
    people = chosen_recipients(reply, message)
    letter = _body(reply, people, conversation.queue.signature, _quote(message, conversation.language))
    subject = reply_subject(conversation.subject or (message.subject if message else ""))
    return replace(_threaded(letter, message), subject=subject)


def write_first(queue: EmailQueue, subject: str, reply: Reply) -> Letter:
    """The first mail of a new conversation."""
    to, cc = typed_addresses(reply.to), typed_addresses(reply.cc)
    if not to:
        raise ActionRefused("The mail has no recipient: type an address into “To”.")
    letter = _body(reply, Recipients(to, cc), queue.signature, Quote())
    return replace(letter, subject=" ".join(subject.split()))


def write_acknowledgement(conversation: Conversation, message: Message) -> Letter:
    """The automatic answer to the mail that opened a conversation."""
    people = Recipients((Address(message.from_name, message.from_email),), ())
    reply = Reply(text=conversation.queue.acknowledgement)
    letter = _body(reply, people, conversation.queue.signature, Quote())
    return replace(_threaded(letter, message), subject=reply_subject(message.subject))


def _threaded(letter: Letter, message: Message | None) -> Letter:
    """The letter with the headers by which mail programs put it below the message (RFC 5322 3.6.4)."""
    if message is None or message.message_id.endswith(SYNTHETIC_DOMAIN):
        return letter
    references = reply_references(message.references, message.message_id)
    return replace(letter, in_reply_to=message.message_id, references=references)


@dataclass(frozen=True, slots=True)
class Quote:
    """The mail that is answered, in both shapes, below the answer."""

    text: str = ""
    html: str = ""


def _quote(message: Message | None, language: str) -> Quote:
    quoted = message.text[:MOST_QUOTED].strip() if message else ""
    if message is None or not quoted:
        return Quote()
    line = _attribution(message, language)
    html = f"<div>{escape(line)}</div><blockquote {QUOTE_STYLE}>{text_to_html(quoted)}</blockquote>"
    return Quote(quote_text(quoted, line), html)


def _attribution(message: Message, language: str) -> str:
    pattern, date = ATTRIBUTIONS.get(language, ATTRIBUTIONS["en"])
    who = str(Address(message.from_name, message.from_email)) or "?"
    return pattern.format(date=timezone.localtime(message.sent_at).strftime(date), who=who)


def _body(reply: Reply, people: Recipients, signature: str, quote: Quote) -> Letter:
    typed = typed_text(reply)
    tail = f"\n\n-- \n{signature.strip()}" if signature.strip() else ""
    head = f"{typed}{tail}\n"
    text = f"{head}\n{quote.text}" if quote.text else head
    upper = sanitise(clean_text(reply.html)) + text_to_html(tail) if reply.html else text_to_html(head)
    return Letter(
        to=people.to,
        cc=people.cc,
        subject="",
        text=text,
        html=f"{upper}<br>{quote.html}" if quote.html else upper,
        is_rich=bool(reply.html),
        typed=len(typed),
        quote_at=len(head),
        files=reply.files,
    )
