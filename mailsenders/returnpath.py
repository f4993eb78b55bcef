"""The address that reports about a mail come back to: the sender's own, or one that names the mail.

    plain         box@example.com
    plus-address  box+b=2s-fqk-mzxw6ytboi4dqmrq@example.com       comes into the sender's own mailbox
    inbound       bounce+b=2s-fqk-mzxw6ytboi4dqmrq@in.example.com  handed to our intake
                         │ │  │   └ 80 bits of HMAC over what is before
                         │ │  └ day
                         │ └ number of the outgoing mail (b) or test mail (t)
                         └ kind

A report to such an address is about that mail, whatever its text says. It names the mail, not the recipient:
one address for each recipient would take a message of its own for each (RFC 5321 has one MAIL FROM), which
budgets count and servers are slow to take. A mail to one person thus names that person; of several, the
report itself has to say who it is about. Lower case only, as mail systems change the case of addresses.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import base36_to_int, int_to_base36

from mailcore.writing import wire_email
from mailsenders.models import EmailSender, OutgoingMail, TestSend
from mailsenders.rules import MOST_BEFORE_PLUS

GOOD_FOR = timedelta(days=30)  # servers try for five days (RFC 5321 4.5.4.1), and some take their time
EPOCH = date(2020, 1, 1)
LOCAL = "bounce"  # at our inbound domain
TOKEN = re.compile(
    r"\+(?P<kind>[bt])=(?P<number>[0-9a-z]{1,13})-(?P<day>[0-9a-z]{1,4})-(?P<mac>[a-z2-7]{16})\Z"
)
MAC_BYTES = 10


@dataclass(frozen=True, slots=True)
class Named:
    """What a return path of ours names: an outgoing mail, or a test mail."""

    number: int
    is_test: bool = False


def of_mail(mail: OutgoingMail) -> str:
    """The return path of a mail that leaves now, as SMTP takes it; "" stays "", the null path."""
    is_plain = mail.sender.return_path == EmailSender.ReturnPath.PLAIN
    if not mail.mail_from or (is_plain and not is_signed(mail.mail_from)):
        return mail.mail_from
    return _signed(mail.sender, "b", mail.pk)


def of_test(test: TestSend) -> str:
    """The return path of a test mail: the same kind, so that the test shows whether the server takes it."""
    return _signed(test.sender, "t", test.pk)


def is_signed(address: str) -> bool:
    """Whether it looks like one of ours that names a mail."""
    return bool(TOKEN.search(address.lower().rpartition("@")[0]))


def read(address: str) -> Named | None:
    """What an address names; None for all others, for forged ones, and for those that are too old."""
    found = TOKEN.search(address.strip("<> ").lower().rpartition("@")[0])
    if found is None:
        return None
    kind, number, day = found["kind"], found["number"], found["day"]
    if not constant_time_compare(_mac(kind, number, day), found["mac"]):
        return None
    written = EPOCH + timedelta(days=base36_to_int(day))
    if not written <= timezone.now().date() <= written + GOOD_FOR:
        return None
    return Named(base36_to_int(number), is_test=kind == "t")


def first_named(addresses: Iterable[str]) -> Named | None:
    """What the first return path among some addresses names."""
    return next((named for each in addresses if (named := read(each))), None)


def sender_of(named: Named) -> EmailSender | None:
    """Who sent what is named; None when it is gone."""
    sent = EmailSender.objects.filter(test_sends=named.number)
    return (sent if named.is_test else EmailSender.objects.filter(outgoing=named.number)).first()


def _signed(sender: EmailSender, kind: str, number: int) -> str:
    plain = wire_email(sender.email_address, utf8=True)
    local, _, domain = plain.rpartition("@")
    match sender.return_path:
        case EmailSender.ReturnPath.PLUS if len(local) <= MOST_BEFORE_PLUS:
            return f"{local}+{_token(kind, number)}@{domain}"
        case EmailSender.ReturnPath.DOMAIN if settings.INBOUND_DOMAIN:
            return f"{LOCAL}+{_token(kind, number)}@{settings.INBOUND_DOMAIN}"
    return plain


def _token(kind: str, number: int) -> str:
    written, day = int_to_base36(number), int_to_base36((timezone.now().date() - EPOCH).days)
    return f"{kind}={written}-{day}-{_mac(kind, written, day)}"


def _mac(kind: str, number: str, day: str) -> str:
    digest = salted_hmac("mailsenders.returnpath", f"{kind}={number}-{day}", algorithm="sha256").digest()
    return base64.b32encode(digest[:MAC_BYTES]).decode().lower()
