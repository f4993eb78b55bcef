"""Who gets an answer: one pure function for reply, reply to all and forward.

    the mail is ours ────────────▶ those it went to
    Reply-To names somebody else ▶ them (of a mailing list only if they aren't the list)
    From can be answered ────────▶ its author
    else ────────────────────────▶ the contact, else who wrote all the same, else anybody else it names

Ourselves never, with any +tag and in any letters; nobody twice; Bcc isn't even asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mailcore.automatic import is_daemon, is_no_reply
from mailcore.parsed import Address

Addresses = tuple[Address, ...]


class Mode(StrEnum):
    """What is done with the mail."""

    REPLY = "reply"
    ALL = "all"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The mail that is answered, as its header says.

    ``list_post`` is the address of the mailing list that it came over (RFC 2369), ``contact`` whom the
    conversation is with.
    """

    mail_from: Address
    reply_to: Addresses = ()
    to: Addresses = ()
    cc: Addresses = ()
    list_post: str = ""
    contact: Addresses = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """What is ours, in lower case: addresses, and domains of which every address leads to us."""

    emails: frozenset[str]
    domains: frozenset[str] = frozenset()

    def has(self, email: str) -> bool:
        """Whether the address leads to us, whatever its +tag."""
        plain = without_tag(email)
        return email.lower() in self.emails or plain in self.emails or domain_of(plain) in self.domains


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who gets the answer."""

    to: Addresses
    cc: Addresses


def recipients(
    mail: Asked, ours: Ours, mode: Mode = Mode.ALL, apart: frozenset[str] = frozenset()
) -> Recipients:
    """Return who gets the answer; nobody for a mail that is forwarded, as its reader is yet to be named.

    Args:
        mail: what is answered.
        ours: who never gets it.
        mode: only to its author, or to everybody whom it names.
        apart: addresses, in lower case, that must not learn of the answer: the customer's, when somebody
            else is asked about the customer's mail, and the other way round.
    """
    if mode is Mode.FORWARD:
        return Recipients((), ())
    is_ours = ours.has(mail.mail_from.email)
    answer_to = _others(mail.to, ours, apart) if is_ours else _author(mail, ours, apart)
    posted = (Address("", mail.list_post),) if mail.list_post else ()
    everybody = _others((*mail.to, *mail.cc, *posted), ours, apart)
    if not answer_to:
        return Recipients(everybody if mode is Mode.ALL else everybody[:1], ())
    already = {without_tag(address.email) for address in answer_to}
    copies = (each for each in everybody if without_tag(each.email) not in already)
    return Recipients(answer_to, tuple(copies) if mode is Mode.ALL else ())


def _author(mail: Asked, ours: Ours, apart: frozenset[str]) -> Addresses:
    """Who is to read the answer to a mail from outside, as far as that can be told."""
    back = _others(mail.reply_to, ours, apart)
    # A list that puts itself into Reply-To wants answers for all; an answer to the author is none.
    personal = tuple(each for each in back if each.email.lower() != mail.list_post.lower())
    author = _others((mail.mail_from,), ours, apart)
    if personal:
        return personal
    if author and can_be_answered(author[0]) and author[0].email.lower() != mail.list_post.lower():
        return author
    known = tuple(each for each in _others(mail.contact, ours, apart) if can_be_answered(each))
    return known[:1] or author or back


def _others(addresses: Iterable[Address], ours: Ours, apart: frozenset[str]) -> Addresses:
    """Return the addresses that are somebody else's, each once, +tags aside."""
    found: dict[str, Address] = {}
    for address in addresses:
        email = address.email.lower()
        if "@" in email and not ours.has(email) and email not in apart:
            found.setdefault(without_tag(email), address)
    return tuple(found.values())


def can_be_answered(address: Address) -> bool:
    """Whether a person may read what is sent there: not noreply@… and not the mail system."""
    return bool(address.email) and not is_daemon(address) and not is_no_reply(address)


def without_tag(email: str) -> str:
    """The address in lower case, without what follows a + before the @."""
    local, _, domain = email.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def domain_of(email: str) -> str:
    """The domain in lower case."""
    return email.rpartition("@")[2].lower()


def sender_address(mail: Asked, default: str, allowed: Iterable[str], ours: Ours) -> str:
    """Return the address that an answer comes from: the one that was written to, if the sender may use it.

    Args:
        mail: what is answered; of a mail of our own, its sender.
        default: the sender's own address.
        allowed: others that its server lets it use: addresses, and domains with an @ before them, of which
            every address that is known as ours may be used.
        ours: our addresses; a colleague's address in the same domain isn't one.
    """
    emails = {default.lower(), *(each.lower() for each in allowed)}
    for address in (mail.mail_from, *mail.to, *mail.cc):
        for email in (address.email.lower(), without_tag(address.email)):
            is_allowed = email in emails or f"@{domain_of(email)}" in emails
            if is_allowed and email in {*ours.emails, default.lower()}:
                return email if email != default.lower() else default
    return default
