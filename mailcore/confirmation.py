"""Mail in which a provider asks whether it may forward somebody's mail to us: who asks, code, link.

Recognised by who sends it and by its shape, never by one language alone. From can be forged, so what is
found here is only ever shown to a person: nobody else opens the link, and it leads to the sender's own host.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import unescape

from mailcore.parsed import Address, Confirmation

MOST_TEXT = 20_000
MOST_LINKS = 50
LONGEST_LINK = 2_000

_MACHINE = re.compile(r"(?:no|do-?_?not)[-_.]?reply|forward|notif|verif|confirm|security|mail-?admin", re.I)
_FORWARDING = re.compile(
    r"forward|redirect|weiterleit|umleit|transfert|réachemin|redirig|reenv[ií]|reenvío|inoltr|encaminh|doorst|"
    r"doorgestuurd|przekaz|přepos|přesměr|presmer|preposiel|vidarebefor|videresend|videregiv|edelleenl|továbbít|"
    r"átirány|yönlendir|redirecţion|redirecțion|пересыл|переадрес|переслан|προώθη|転送|转发|轉寄|轉發|전달|"
    r"chuyển tiếp|إعادة توجيه|העברה",
    re.IGNORECASE,
)
_LINK = re.compile(r"https://[^\s<>\"'\\^`{|}]{8,1990}", re.IGNORECASE)
_HREF = re.compile(r"href=\"(https://[^\"<>\s]{8,1990})\"", re.IGNORECASE)
_ANY_LINK = re.compile(r"https?://\S{0,2000}")
_SAYS_YES = re.compile(r"/vf-|verif|confirm|activat|accept|approv|validat|forward|bestaet|potvrd|/f/", re.I)
_SAYS_NO = re.compile(
    r"/uf-|cancel|reject|revoke|unsubscribe|abuse|report|privacy|terms|help|support\.", re.I
)
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_NUMBER = re.compile(r"(?<![\w.,-])(\d{6,10})(?![\w-]|[.,]\d)")
_LABELLED = re.compile(r"[:：]\s{0,5}([A-Z0-9]{6,10}|\d{4,5}|\d{3}[ -]\d{3})\s*$", re.MULTILINE)
_IN_SUBJECT = re.compile(r"\(#\s?(\d{6,12})\)")
_SECOND_LEVEL = {"co", "com", "net", "org", "ac", "gov"}


@dataclass(frozen=True, slots=True)
class _Provider:
    """Who asks: `senders` matches the whole address, `links` the hosts that its links may lead to."""

    name: str
    senders: re.Pattern[str]
    hosts: re.Pattern[str]


_PROVIDERS = (
    _Provider(
        "Gmail",
        re.compile(r"forwarding-noreply@(?:google|googlemail)\.com"),
        re.compile(r"(?:[\w-]+\.)*google\.com"),
    ),
    _Provider(
        "Zoho",
        re.compile(r"[\w.+-]+@(?:[\w-]+\.)*zoho(?:mail)?\.(?:com|eu|in|jp|sa|com\.au|com\.cn)"),
        re.compile(r"(?:[\w-]+\.)*zoho(?:mail)?\.(?:com|eu|in|jp|sa|com\.au|com\.cn)"),
    ),
    _Provider(
        "Yahoo",
        re.compile(r"[\w.+-]+@(?:[\w-]+\.)*(?:yahoo|yahoo-inc|yahooinc|aol)\.com"),
        re.compile(r"(?:[\w-]+\.)*(?:yahoo|aol)\.com"),
    ),
    _Provider(
        "Microsoft",
        re.compile(r"[\w.+-]+@(?:[\w-]+\.)*(?:microsoft|outlook|office|live|office365)\.com"),
        re.compile(r"(?:[\w-]+\.)*(?:microsoft|outlook|office|live|office365|microsoftonline)\.com"),
    ),
    _Provider(
        "Yandex",
        re.compile(r"[\w.+-]+@(?:[\w-]+\.)*yandex\.(?:ru|com|net|team)|[\w.+-]+@ya\.ru"),
        re.compile(r"(?:[\w-]+\.)*yandex\.(?:ru|com|net)"),
    ),
    _Provider(
        "Proton",
        re.compile(r"[\w.+-]+@(?:[\w-]+\.)*(?:proton\.me|protonmail\.com)"),
        re.compile(r"(?:[\w-]+\.)*(?:proton\.me|protonmail\.com)"),
    ),
)


def read_confirmation(
    sender: Address, subject: str, text: str, html: str, recipients: Sequence[Address]
) -> Confirmation | None:
    """Return what a provider asks, None for any other mail.

    Args:
        text, html: the body as parsed; links are looked for in both.
        recipients: To and Cc, which are not the account that wants to forward.
    """
    email = sender.email.lower()
    if not _MACHINE.search(email.partition("@")[0]):
        return None
    text = text[:MOST_TEXT]
    provider = next((each for each in _PROVIDERS if each.senders.fullmatch(email)), None)
    is_gmail = provider is _PROVIDERS[0]
    if not is_gmail and not (_FORWARDING.search(subject) or _FORWARDING.search(text[:3000])):
        return None
    hosts = provider.hosts if provider else _own_hosts(email)
    link = _confirming(_links(text, html), hosts)
    code = _code(subject, text)
    # A machine may write about forwarding in its newsletter, too: unknown ones must ask with a link.
    if not link and not (code and provider):
        return None
    name = provider.name if provider else email.rpartition("@")[2]
    return Confirmation(name, _account(subject, text, recipients, email), code, link)


def _links(text: str, html: str) -> list[str]:
    found = [each.rstrip(".,;:!?)]") for each in _LINK.findall(text)]
    found += [unescape(each) for each in _HREF.findall(html[: MOST_TEXT * 3])]
    return list(dict.fromkeys(found))[:MOST_LINKS]


def _confirming(links: Iterable[str], hosts: re.Pattern[str]) -> str:
    """The link that says yes, on a host of the provider's."""
    for link in links:
        host, _, path = link[len("https://") :].partition("/")
        if hosts.fullmatch(host.lower()) and _SAYS_YES.search(f"/{path}") and not _SAYS_NO.search(link):
            return link[:LONGEST_LINK]
    return ""


def _own_hosts(email: str) -> re.Pattern[str]:
    """Hosts of the sender's own domain, as far as its last labels tell."""
    labels = email.rpartition("@")[2].split(".")
    count = 3 if len(labels) > 2 and labels[-2] in _SECOND_LEVEL else 2
    return re.compile(rf"(?:[\w-]+\.)*{re.escape('.'.join(labels[-count:]))}")


def _code(subject: str, text: str) -> str:
    """The code, which has stood in the subject and in the body, and may again."""
    in_subject = _IN_SUBJECT.search(subject)
    if in_subject:
        return in_subject[1]
    plain = _EMAIL.sub(" ", _ANY_LINK.sub(" ", text))
    found = (each[1] for each in _LABELLED.finditer(plain))
    labelled: str = next((each for each in found if any(map(str.isdigit, each))), "")
    number = _NUMBER.search(f"{subject}\n{plain}")
    return labelled or (number[1] if number else "")


def _account(subject: str, text: str, recipients: Sequence[Address], sender: str) -> str:
    """The mailbox that wants to forward: the first address named that is neither ours nor the sender's."""
    known = {sender, *(each.email.lower() for each in recipients)}
    domain = sender.rpartition("@")[2]
    plain = _ANY_LINK.sub(" ", f"{subject}\n{text}")
    for match in _EMAIL.finditer(plain):
        found: str = match[0].rstrip(".")
        email = found.lower()
        if email not in known and email.rpartition("@")[2] != domain:
            return found
    return ""
