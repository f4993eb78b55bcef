"""What an answer consists of: recipients, subject, thread headers, signature, quoted mail."""

from dataclasses import dataclass, replace
from datetime import datetime
from html import escape

from django.db.models import Q

from agents.models import Agent
from mailcore.authored import PICTURE
from mailcore.clean import clean_text
from mailcore.compose import OutFile, reply_references, reply_subject
from mailcore.folding import new_text
from mailcore.parsed import Address, Automatic
from mailcore.quotation import Quotation, Said, quotation
from mailcore.text import html_to_text, sanitise, text_to_html
from mailsenders.models import OutgoingMail
from queues import hours, texts
from queues.capacity import MOST_BYTES, MOST_FILES
from queues.folds import signature_at
from queues.models import Conversation, EmailQueue, Message
from queues.recipients import (
    Mode,
    Recipients,
    answered,
    computed_recipients,
    from_address,
    own_addresses,
    typed_addresses,
)
from queues.refusals import ActionRefused
from queues.windows import Window

__all__ = [
    "MOST_BYTES",
    "MOST_FILES",
    "Letter",
    "Recipients",
    "Reply",
    "answered",
    "check_content",
    "chosen_recipients",
    "computed_recipients",
    "own_addresses",
    "typed_addresses",
    "typed_text",
    "write_acknowledgement",
    "write_answer",
    "write_first",
]


MOST_THREAD = 20  # mails looked at for the quoted history
SYNTHETIC_DOMAIN = "@ucs.invalid"  # the id that mailcore gives to a mail without one
_BOTH = {"en": "{agent} at {team}", "de": "{agent} von {team}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an agent wants to send.

    `to` and `cc` empty: as computed for `mode`. `undo_seconds` None: as the queue says. `token` makes sending
    twice one mail. `seen_message_id`: the newest mail that the agent has seen; None skips the check;
    `seen_note_id`: the same of notes.

    `is_outside`: it goes to somebody who is asked about the matter, never to the customer; `about_id` is the
    message that is forwarded, or answered when it came from there, None the last one. `send_at`: not before.

    `window`: the editor that sends it; None throws away whatever is saved as its draft.
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
    seen_note_id: int | None = None
    mode: Mode = Mode.ALL
    is_outside: bool = False
    about_id: int | None = None
    send_at: datetime | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail of ours before it has an id.

    `text[:typed]` is what the agent wrote, and `html[:typed_html]` if `is_rich`: the HTML is the agent's, not
    made of the text.
    """

    from_: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    subject: str
    text: str
    html: str = ""
    is_rich: bool = False
    typed: int = 0
    typed_html: int = 0
    quote_at: int = 0
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    files: tuple[OutFile, ...] = ()
    language: str = ""
    is_outside: bool = False


def chosen_recipients(reply: Reply, message: Message | None) -> Recipients:
    """Who gets it: as typed by the agent, as computed where nothing is typed.

    Raises:
        ActionRefused: an address that is none, or nobody at all.
    """
    computed = Recipients((), ()) if reply.to else computed_recipients(message, reply.mode)
    to = typed_addresses(reply.to) or computed.to
    cc = typed_addresses(reply.cc) or (() if reply.to else computed.cc)
    already = {address.email.lower() for address in to}
    cc = tuple(address for address in cc if address.email.lower() not in already)
    if not to and cc:
        to, cc = cc, ()
    if not to:
        raise ActionRefused("The customer's address is not known: type one into “To”.")
    return Recipients(to, cc)


def typed_text(reply: Reply) -> str:
    """What the agent wrote, as it begins the mail's text."""
    return clean_text(reply.text or html_to_text(reply.html)).rstrip()


def check_content(reply: Reply) -> None:
    """Refuse an empty answer, and files that no mailbox would take."""
    is_written = reply.text.strip() or html_to_text(reply.html).strip() or reply.files
    if not (is_written or reply.is_outside):
        raise ActionRefused("The mail is empty: write something first.")
    size = sum(len(file.data) for file in reply.files)
    if len(reply.files) > MOST_FILES or size > MOST_BYTES:
        raise ActionRefused(
            f"The {len(reply.files)} files have {size / 1e6:.1f} MB together: at most {MOST_FILES} files and "
            f"{MOST_BYTES // 1_000_000} MB fit into a mail."
        )


def write_answer(conversation: Conversation, reply: Reply, agent: Agent | None = None) -> Letter:
    """The answer to the conversation's last mail."""
    message = answered(conversation)
    people = chosen_recipients(reply, message)
    read = None if message and _is_taken_back(message) else message  # nobody has got it, so nobody knows it
    letter = body(reply, people, texts.signature(conversation, agent), _quote(conversation, read))
    subject = reply_subject(conversation.subject or (message.subject if message else ""))
    letter = replace(letter, subject=subject, from_=from_whom(conversation, message, agent))
    return replace(threaded(letter, read), language=conversation.language)


def _is_taken_back(message: Message) -> bool:
    return message.outgoing is not None and message.outgoing.state == OutgoingMail.State.CANCELLED


def write_first(conversation: Conversation, people: Recipients, reply: Reply, agent: Agent) -> Letter:
    """The first mail of a new conversation."""
    letter = body(reply, people, texts.signature(conversation, agent), Quotation())
    return replace(letter, subject=conversation.subject, from_=from_whom(conversation, None, agent))


def first_recipients(reply: Reply) -> Recipients:
    """Whom the first mail of a conversation is written to.

    Raises:
        ActionRefused: to nobody, or to what is no address.
    """
    to, cc = typed_addresses(reply.to), typed_addresses(reply.cc)
    if not to:
        raise ActionRefused("The mail has no recipient: type an address into “To”.")
    return Recipients(to, cc)


def write_acknowledgement(conversation: Conversation, message: Message, text: str) -> Letter:
    """The automatic answer to the mail that opened a conversation.

    :param text: as the queue has it for the language and the hour.
    """
    people = Recipients((Address(message.from_name, message.from_email),), ())
    reply = Reply(text=texts.filled(text, conversation))
    letter = body(reply, people, texts.signature(conversation, None), Quotation())
    letter = replace(
        letter, subject=reply_subject(message.subject), from_=from_whom(conversation, message, None)
    )
    return replace(threaded(letter, message), language=conversation.language)


def from_whom(conversation: Conversation, message: Message | None, agent: Agent | None) -> Address:
    """Which name and address of ours it comes from."""
    queue = conversation.queue
    team = (queue.sender.display_name if queue.sender else "") or queue.name
    name = team
    if agent is not None and queue.from_name == EmailQueue.FromName.AGENT:
        name = str(agent)
    elif agent is not None and queue.from_name == EmailQueue.FromName.BOTH:
        name = _BOTH.get(conversation.language or "en", "{agent} ({team})").format(agent=agent, team=team)
    return Address(name, from_address(queue, message))


def threaded(letter: Letter, message: Message | None) -> Letter:
    """The letter with the headers by which mail programs put it below the message (RFC 5322 3.6.4).

    Thread-Topic and Thread-Index are Exchange's own; Outlook goes by References and the subject without them.
    """
    if message is None or message.message_id.endswith(SYNTHETIC_DOMAIN):
        return letter
    references = reply_references(message.references, message.message_id)
    return replace(letter, in_reply_to=message.message_id, references=references)


def _quote(conversation: Conversation, message: Message | None) -> Quotation:
    """The history below the answer, as much as the queue wants: of what the customer has seen anyway."""
    quoted = conversation.queue.quoted
    if message is None or quoted == EmailQueue.Quoted.NONE:
        return Quotation()
    if quoted == EmailQueue.Quoted.LAST:
        return quotation([said(conversation, message, message.text)], conversation.language)
    rows = conversation.messages.filter(is_outside=False, pk__lte=message.pk).exclude(
        outgoing__state=OutgoingMail.State.CANCELLED
    )
    by_machine = Q(direction=Message.Direction.IN) & ~Q(automatic__in=(Automatic.NO, Automatic.LIST))
    rows = rows.exclude(by_machine)  # reports and the like came to us alone
    mails = rows.order_by("-pk")[:MOST_THREAD]
    return quotation([said(conversation, each, _own_words(each)) for each in mails], conversation.language)


def said(conversation: Conversation, message: Message, text: str) -> Said:
    """A mail as it is quoted."""
    who = Address(message.from_name, message.from_email)
    return Said(who, our_time(conversation, message.sent_at), text)


def our_time(conversation: Conversation, at: datetime) -> datetime:
    """In the zone of the queue's hours, whoever answers from wherever, also when a worker sends it."""
    return at.astimezone(hours.of(conversation.queue).zone)


def _own_words(message: Message) -> str:
    """The mail without what it quotes, as its parts are quoted themselves."""
    return new_text(message.text, signature_at(message), message.quote_at).strip() or message.text


def body(reply: Reply, people: Recipients, signature: str, quote: Quotation) -> Letter:
    """The mail in both shapes; its subject and its sender are the caller's."""
    typed = typed_text(reply)
    tail = f"\n\n-- \n{signature}" if signature else ""
    head = f"{typed}{tail}\n"
    text = f"{head}\n{quote.text}" if quote.text else head
    written = sanitise(clean_text(reply.html)) if reply.html else text_to_html(head)
    written = _with_pictures(written, reply.files)
    upper = written + text_to_html(tail) if reply.html else written
    return Letter(
        from_=Address("", ""),
        to=people.to,
        cc=people.cc,
        subject="",
        text=text,
        html=f"{upper}<br>{quote.html}" if quote.html else upper,
        is_rich=bool(reply.html),
        typed=len(typed),
        typed_html=len(written) if reply.html else 0,
        quote_at=len(head),
        files=reply.files,
    )


def _with_pictures(html: str, files: tuple[OutFile, ...]) -> str:
    """Pictures where the text names them; what isn't named anywhere is a file like any other."""
    for file in files:
        shown = f'<img src="cid:{file.content_id}"'
        if file.content_id and shown in html:
            html = html.replace(shown, f'<img style="max-width:100%" src="cid:{file.content_id}"')
        elif file.content_id:
            mark = escape(PICTURE.format(file.name))
            image = f'<img src="cid:{file.content_id}" alt="{escape(file.name)}" style="max-width:100%">'
            html = html.replace(mark, image, 1)
    return html
