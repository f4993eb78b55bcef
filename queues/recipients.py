"""Who gets an answer, and which address of ours it comes from. What decides is `mailcore.recipients`."""

import re
from collections.abc import Iterable

from django.conf import settings
from django.utils.translation import gettext as _

from mailcore.addresses import addresses
from mailcore.headers import read_headers
from mailcore.parsed import Address, Automatic
from mailcore.recipients import Asked, Mode, Ours, Recipients, can_be_answered, recipients, sender_address
from mailsenders.models import EmailSender, OutgoingMail
from mailstore.batch import once
from queues.models import Conversation, EmailQueue, Message
from queues.refusals import ActionRefused

__all__ = [
    "Mode",
    "Recipients",
    "answered",
    "computed_recipients",
    "from_address",
    "own_addresses",
    "typed_addresses",
    "unanswerable",
]

LONGEST_HEAD = 256_000  # octets
_MAILTO = re.compile(r"<mailto:([^>?]+)", re.IGNORECASE)


def answered(conversation: Conversation) -> Message | None:
    """The message that an answer answers: the last one by a person outside, else the last of all.

    What somebody else was asked about the matter, and said, the customer isn't part of. One that was taken
    back tells only whom it was for, and only when there is no other.
    """
    # Old mail that was moved in has younger ids than what came live before.
    rows = conversation.messages.filter(is_outside=False).order_by("-created_at", "-pk")
    by_person = rows.filter(direction=Message.Direction.IN, automatic="no").first()
    by_us = rows.filter(automatic="no")
    left = by_us.exclude(outgoing__state=OutgoingMail.State.CANCELLED)
    return by_person or left.first() or by_us.first() or rows.first()


@once
def own_addresses() -> frozenset[str]:
    """Every address that is ours: of senders, of mailboxes, and of what forwards to us and where to."""
    found: set[str] = set()
    for address, aliases in EmailSender.objects.values_list("email_address", "aliases"):
        found.update([address, *(each for each in aliases.split() if not each.startswith("@"))])
    columns = ["username", "mailbox", "public_address", "collected_by__username", "collected_by__mailbox"]
    columns = [f"sources__{name}" for name in (*columns, "aliases", "forwarding_token")]
    for *mailboxes, aliases, token in EmailQueue.objects.order_by().values_list(*columns):
        ours = {value for value in mailboxes if value and "@" in value}
        found |= ours | {each for each in (aliases or "").split() if "@" in each}
        if token and settings.INBOUND_DOMAIN:
            found.add(f"{token}@{settings.INBOUND_DOMAIN}")
        if token:  # a plus-address of the mailbox in which it arrives
            found.update(value.replace("@", f"+{token}@") for value in ours)
    return frozenset(value.lower() for value in found)


def _ours() -> Ours:
    domain = settings.INBOUND_DOMAIN
    return Ours(own_addresses(), frozenset({domain.lower()} if domain else ()))


def computed_recipients(message: Message | None, mode: Mode = Mode.ALL) -> Recipients:
    """Who gets an answer to this message; never ourselves, and never both the customer and who is asked."""
    if message is None:
        return Recipients((), ())
    return recipients(_asked(message), _ours(), mode, _apart(message))


def _asked(message: Message) -> Asked:
    reply_to, to, cc = (_people(group) for group in (message.reply_to, message.to, message.cc))
    contact: tuple[Address, ...] = ()
    if not message.is_outside:
        rows = message.conversation.contact.addresses.all()
        contact = tuple(Address(message.conversation.contact.name, row.email) for row in rows)
    return Asked(
        mail_from=Address(message.from_name, message.from_email),
        reply_to=reply_to,
        to=to,
        cc=cc,
        list_post=_list_post(message),
        contact=contact,
    )


def _apart(message: Message) -> frozenset[str]:
    """Who must not get an answer to this message: whoever is on the other side of it.

    Being copied in on the one side makes nobody of the other one who wrote or was asked there.
    """
    if not message.conversation.has_outside:
        return frozenset()
    named: dict[bool, set[str]] = {True: set(), False: set()}
    own = {
        True: set[str](),
        False: set(message.conversation.contact.addresses.values_list("email", flat=True)),
    }
    rows = message.conversation.messages.values_list("is_outside", "direction", "from_email", "to", "cc")
    for is_outside, direction, sender, to, cc in rows:
        people = {each.get("email", "").lower() for each in (*to, *cc)}
        named[is_outside] |= people | {sender.lower()}
        if direction == Message.Direction.IN:
            own[is_outside].add(sender.lower())
        elif is_outside:  # whom an agent has asked
            own[True] |= people
    if message.is_outside:
        return frozenset(named[False] - (own[True] - own[False]) - {""})
    return frozenset(named[True] - own[False] - {""})


def _list_post(message: Message) -> str:
    """The address of the mailing list that the mail came over, "" when it came directly."""
    if message.automatic != Automatic.LIST or message.raw is None:
        return ""
    head = message.raw.as_bytes()[:LONGEST_HEAD]
    found = _MAILTO.search(read_headers(head, 0, len(head)).text("list-post"))
    return found[1].strip() if found else ""


def _people(rows: Iterable[dict[str, str]]) -> tuple[Address, ...]:
    return tuple(Address(row.get("name", ""), row.get("email", "")) for row in rows)


def from_address(queue: EmailQueue, message: Message | None) -> str:
    """The address that a mail of the queue comes from: the one that the customer wrote to, if it may be."""
    if queue.sender is None:
        return ""
    default = queue.sender.email_address
    if message is None or not queue.sender.aliases.strip():
        return default
    return sender_address(_asked(message), default, queue.sender.aliases.lower().split(), _ours())


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
    local, _at, domain = email.rpartition("@")
    return "." in domain and bool(local) and not set(email) & set(' \t"<>()[]\\,;:') and "@" not in local


def unanswerable(people: Recipients) -> str:
    """What to tell before sending to an address that says that nobody reads it; "" when there is none."""
    found = [each.email for each in (*people.to, *people.cc) if not can_be_answered(each)]
    return (
        _("%(addresses)s says that nobody reads what is sent there.") % {"addresses": ", ".join(found)}
        if found
        else ""
    )
