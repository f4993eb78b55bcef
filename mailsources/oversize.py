"""A mail too big to be imported: what is put in its place, so that an agent learns of it."""

import hashlib
import re

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from mailsources.listing import LONGEST_HEADERS, TooBig
from mailsources.models import EmailSource

_LAST_EMPTY_LINE = re.compile(rb"\r?\n\r?\n.*\Z", re.DOTALL)
_OF_THE_BODY = re.compile(
    rb"^(?:content-[!-9;-~]*|mime-version)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_NEW_BODY = (
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
)


def stub(source: EmailSource, mail: TooBig) -> bytes:
    """The headers as they came, but for those that describe the body, and a text that says where it is."""
    headers = _LAST_EMPTY_LINE.sub(b"", mail.headers[:LONGEST_HEADERS].strip(b"\r\n")) + b"\r\n"
    kept = _OF_THE_BODY.sub(b"", headers).strip(b"\r\n")
    return _NEW_BODY + kept + (b"\r\n" if kept else b"") + b"\r\n" + notice(source, mail).encode() + b"\r\n"


def notice(source: EmailSource, mail: TooBig) -> str:
    """What the agent reads. It names the mail exactly, as two big mails may have no headers at all."""
    box = source.mailbox or source.username
    is_imap = source.server_type == EmailSource.ServerType.IMAP
    where = f"the folder {source.folder} of {box}" if is_imap else f"the mailbox {box}"
    name = mail.listed.uid if mail.listed.uid is not None else mail.listed.uidl
    return (
        f"The mail has {filesizeformat(mail.listed.size)} and was left in the mailbox: no more than "
        f"{filesizeformat(settings.LARGEST_MAIL)} are imported. Only its headers are here; to read it, open "
        f"{where} on {source.server_address} with a mail program (mail {name or 'without a number'}, "
        f"{mail.listed.size} octets)."
    )


def content(mail: TooBig) -> str:
    """What is the same when the server shows the mail again, under whatever number."""
    if not mail.headers:
        return hashlib.sha256(f"{mail.listed.size} {mail.listed.uid} {mail.listed.uidl}".encode()).hexdigest()
    return hashlib.sha256(b"%d %s" % (mail.listed.size, mail.headers)).hexdigest()
