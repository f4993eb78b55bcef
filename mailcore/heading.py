"""Who wrote a mail, and about what: just enough to find it again, whatever becomes of the mail.

Read when a mail is stored, long before anybody parses it, so this takes bounded time on any bytes: a look at
the first 64 KB for three headers, of which the first few thousand octets count.
"""

import re
from dataclasses import dataclass

from mailcore.headers import HeaderBlock, message_ids, read_headers
from mailcore.parsed import Address

LONGEST_LOOK = 64 * 1024
LONGEST_VALUE = 4096
LONGEST_SUBJECT = 500
LONGEST_SENDER = 320

_NAMES = ("from", "sender", "subject", "message-id")
_MOST_VALUES = 3  # of one name
_BEFORE = re.compile(rb"\A(?:\xef\xbb\xbf)?[ \t\r\n]*+(?:>?From [^\r\n]*+[\r\n]*+)?")


@dataclass(frozen=True, slots=True)
class Heading:
    """``sender`` is an address in lower case, ``name`` stands beside it; "" where the mail doesn't say."""

    sender: str = ""
    name: str = ""
    subject: str = ""
    message_id: str = ""


def read_heading(raw: bytes) -> Heading:
    """Return the heading of a mail, or of headers alone. Never raises, as ``read_headers`` doesn't."""
    start = _BEFORE.match(raw[:LONGEST_LOOK])
    look = raw[start.end() if start else 0 : LONGEST_LOOK]
    if b"\n" not in look:
        look = look.replace(b"\r", b"\n")
    found = read_headers(look, 0, len(look)).fields
    values = {
        name: [value[:LONGEST_VALUE] for value in found.get(name, ())[:_MOST_VALUES]] for name in _NAMES
    }
    block = HeaderBlock(fields=values)
    sender = _sender(block)
    return Heading(
        sender=sender.email.lower()[:LONGEST_SENDER],
        name=sender.name[:LONGEST_SENDER],
        subject=block.decoded("subject")[:LONGEST_SUBJECT],
        message_id=next(iter(message_ids(block.text("message-id"))), ""),
    )


def _sender(block: HeaderBlock) -> Address:
    """The first address of From, or else of Sender."""
    for name in ("from", "sender"):
        for address in block.addresses(name)[0]:
            if address.email:
                return address
    return Address()
