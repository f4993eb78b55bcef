"""Who wrote a mail that was forwarded by a machine on its way to us, and to whom. Pure functions.

Servers that forward rewrite the envelope (SRS, so that SPF holds), and some rewrite From (so that DMARC
holds): “Max via Support” <support@…>, with the true writer in Reply-To or X-Original-From.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mailcore.addresses import clean_email
from mailcore.automatic import is_daemon
from mailcore.headers import SYNTHETIC_DOMAIN, HeaderBlock, message_ids, read_headers
from mailcore.parsed import Address, Automatic, ParsedMail

NULL_PATH = "<>"

DELIVERED = (
    *("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to"),
    *("x-forwarded-to", "x-forwarded-for", "resent-to", "resent-cc"),
)
"""Headers in which servers note whom a mail was for, besides To and Cc."""

_GROUP = ("x-beenthere", "list-post", "mailing-list", "x-original-to", "resent-from", *DELIVERED)
_TRUE_SENDERS = ("x-original-from", "x-google-original-from", "x-original-sender")
_MOST_NOTED = 50

_ORIGINAL_IDS = (
    *("x-original-message-id", "x-google-original-message-id", "x-microsoft-original-message-id"),
    *("original-message-id", "x-ms-exchange-parent-message-id"),
)
"""Where those who give a mail another Message-ID keep the one that it had."""

_OF_A_RULE = "mailbox rules agent"
_ID_MAKERS = ("mx.google.com", ".prod.outlook.com", ".amazonses.com", ".exchangelabs.com", SYNTHETIC_DOMAIN)
"""Domains of ids that forwarding services make; the last one is ours, for mail that has none."""

# Hash, time stamp, host and local part (Sender Rewriting Scheme); SRS1 names the first forwarder as well.
_SRS0 = re.compile(r"SRS0[=+-][^=@]{1,40}=[^=@]{1,10}=([^=@]{1,253})=([^@]{1,128})@", re.IGNORECASE)
_SRS1 = re.compile(
    r"SRS1[=+-][^=@]{1,40}=[^=@]{1,253}=[=+-][^=@]{1,40}=[^=@]{1,10}=([^=@]{1,253})=([^@]{1,128})@",
    re.IGNORECASE,
)
_BATV = re.compile(r"(?:prvs=[0-9a-z]{4,16}=|btv1==[^=@]{1,64}==)([^@]{1,128}@[^@]{1,253})\Z", re.IGNORECASE)
_VIA = re.compile(
    r"\A['\"]?(.{0,200}?)['\"]?\s+(?:via|über|durch|tramite|mediante|a través de|przez|přes|prostřednictvím|"
    r"prostredníctvom|door|genom|gennem)\s+\S",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[^\s<>()\[\],;:\"]{1,64}@[^\s<>()\[\],;:\"@]{1,253}")
_MACHINE = re.compile(r"(?:no|do-?_?not)[-_.]?reply", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """How a forwarded mail was handed over to us: its envelope, and the address whose mail is forwarded."""

    mail_from: str
    rcpt_to: str
    public_address: str = ""


def srs_original(address: str) -> str:
    """Return the sender before forwarders rewrote it (SRS0, SRS1, BATV), "" when nobody did."""
    for pattern in (_SRS0, _SRS1):
        match = pattern.match(address)
        if match:
            return clean_email(f"{match[2]}@{match[1]}")
    match = _BATV.match(address)
    return clean_email(match[1]) if match else ""


def true_sender(headers: HeaderBlock, sender: Address) -> Address:
    """Return who wrote the mail, also when a list or mailbox on the way put its own address into From.

    Only From of an address that the mail went through is doubted; ``believed`` decides what to make of it.
    """
    email = sender.email.lower()
    if not email or not (_via(sender) or any(name in headers.fields for name in _TRUE_SENDERS)):
        return sender
    passed = {each.lower() for each in _passed(headers)}
    if email not in passed:
        return sender
    for found in _candidates(headers, sender):
        if found.email and found.email.lower() not in passed:
            return Address(found.name or _via(sender), found.email)
    return sender


def believed(mail: ParsedMail, is_ours: Callable[[str], bool]) -> ParsedMail:
    """Return the mail with From as it stands, unless an address of ours has rewritten it.

    Only of those it is known that they do; anybody else could become any other person by a header that he
    adds, and with a From of his own that passes every check on the way (DMARC).

    Args:
        is_ours: whether an address is one of ours, or of our house.
    """
    shown = mail.rewritten_from
    if shown is None or is_ours(shown.email.lower()):
        return mail
    return replace(mail, from_=shown, rewritten_from=None)


def noted_recipients(headers: HeaderBlock) -> tuple[str, ...]:
    """Return the envelope recipients that servers noted, newest first, each once."""
    return tuple(dict.fromkeys(_emails(headers, DELIVERED)))[:_MOST_NOTED]


def with_envelope(mail: ParsedMail, raw: bytes, handed: Handed) -> ParsedMail:
    """Return the mail with what its envelope tells: recipient, true sender, and whether a machine wrote it.

    Args:
        raw: the mail's bytes, of which the headers are read.
    """
    recipients = dict.fromkeys((handed.rcpt_to, *mail.delivered_to))
    sender = mail.from_
    rewritten = sender.email.lower() in ("", handed.public_address.lower())
    original = srs_original(handed.mail_from)
    if rewritten and original and original.lower() != handed.public_address.lower():
        sender = Address(_via(sender) or sender.name, original)
    kind = mail.automatic
    if kind is Automatic.NO and handed.mail_from == NULL_PATH:  # RFC 5321 4.5.5: no person writes so
        kind = Automatic.AUTO_REPLY
    elif kind is Automatic.LIST and _is_own_group(raw, handed.public_address, sender):
        kind = Automatic.NO
    return replace(
        mail, from_=sender, automatic=kind, delivered_to=tuple(each for each in recipients if each)
    )


def with_original_id(mail: ParsedMail, raw: bytes, handed: Handed) -> ParsedMail:
    """Return the mail with the Message-ID that its writer gave it, if the forwarder has put another there.

    Later mails of the thread name that one. Only an id that a forwarder evidently made is doubted, and only
    one id is believed, which is no part of the thread before: an automatic answer names what it answers in
    the same headers. Whoever makes them up gains nothing, as he could have written that Message-ID himself.

    Args:
        raw: the mail's bytes, of which the headers are read.
        handed: of a source to which mail is forwarded; any other keeps the ids of its mails.
    """
    if not _is_made_on_the_way(mail.message_id, handed):
        return mail
    headers = read_headers(raw, 0, len(raw))
    by_rule = _OF_A_RULE in headers.text("x-ms-exchange-generated-message-source").lower()
    names = _ORIGINAL_IDS if by_rule else _ORIGINAL_IDS[:-1]
    noted = {each for name in names for text in headers.texts(name)[:2] for each in message_ids(text)}
    known = {mail.message_id, mail.in_reply_to, *mail.references}
    if len(noted) != 1 or noted & known:
        return mail
    return replace(mail, message_id=noted.pop())


def _is_made_on_the_way(message_id: str, handed: Handed) -> bool:
    """Whether the id was made by the mailbox that forwards, its server, or a service that is known to."""
    domain = message_id.rpartition("@")[2].lower()
    rewriter = handed.mail_from if srs_original(handed.mail_from) else ""
    forwarders = {each.rpartition("@")[2].lower() for each in (handed.public_address, rewriter)}
    return bool(domain) and (domain in forwarders or f".{domain}".endswith(_dotted(_ID_MAKERS)))


def _dotted(domains: Iterable[str]) -> tuple[str, ...]:
    return tuple(f".{each.removeprefix('.')}" for each in domains)


def _is_own_group(raw: bytes, public_address: str, sender: Address) -> bool:
    """Whether the list is only how our own mail is forwarded: people write to the group as to a mailbox."""
    headers = read_headers(raw, 0, len(raw))
    through = {each.lower() for each in _emails(headers, ("list-post", "x-beenthere", "mailing-list"))}
    machine = is_daemon(sender) or bool(_MACHINE.search(sender.email.partition("@")[0]))
    return public_address.lower() in through and not machine


def _via(sender: Address) -> str:
    """The name before “via …”, "" when there is none."""
    match = _VIA.match(sender.name)
    return match[1].strip(" '\"") if match else ""


def _passed(headers: HeaderBlock) -> list[str]:
    to = [each.email for name in ("to", "cc") for each in headers.addresses(name)[0]]
    return [*to, *_emails(headers, _GROUP)]


def _candidates(headers: HeaderBlock, sender: Address) -> Iterable[Address]:
    for name in _TRUE_SENDERS:
        yield from headers.addresses(name)[0][:1]
    reply_to = headers.addresses("reply-to")[0]
    if _via(sender) and len(reply_to) <= 2:  # the writer, perhaps beside the group
        yield from reply_to


def _emails(headers: HeaderBlock, names: Iterable[str]) -> list[str]:
    """Addresses of headers that are written in many ways: <mailto:a@b>, “list a@b; contact …”, “a@b c@d”."""
    found = []
    for name in names:
        for text in headers.texts(name)[:20]:
            found += [clean_email(each.removeprefix("mailto:")) for each in _EMAIL.findall(text[:4000])]
    return [each for each in found if each]
