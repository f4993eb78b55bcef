"""Mail that tells us that ours did not arrive: the standard form (RFC 3464) and the free texts of older
servers.
"""

import re
from collections.abc import Iterable

from mailcore.addresses import clean_email
from mailcore.automatic import has_null_sender, is_daemon
from mailcore.charsets import decode
from mailcore.clean import clean_line
from mailcore.headers import HeaderBlock, message_ids, read_headers
from mailcore.mime import Part, decoded_body
from mailcore.parsed import Automatic, Bounce

_MOST_TEXT = 40_000
_MOST_RECIPIENTS = 50
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY_CODE = re.compile(r"\b([45])\d\d[ -]")
_EMAIL = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
_SUBJECT = re.compile(
    r"undeliver|delivery (?:status )?(?:notification|failure|problem|report|has failed)|"
    r"failure notice|returned mail|mail "
    r"delivery (?:fail|problem|error|system)|non[ -]?deliver|mail could not be delivered|returned to sender|"
    r"message delivery failed|nicht zustellbar|unzustellbar|zustell(?:ung|fehler)|nedoručiteln|non remis|"
    r"failed delivery|delivery failed|could ?n[o']?t (?:be )?deliver|no se (?:puede|pudo) entregar|"
    r"mancato recapito|"
    r"onbestelbaar|user unknown|mailbox (?:full|unavailable)|undelivered|rejected (?:mail|message)|"
    r"no encontrado|"
    r"delivery failure|message status - undeliver|error sending|mail system error|bounce",
    re.IGNORECASE,
)
_DELAY = re.compile(
    r"\bdelay|warning:? .{0,60}(?:not (?:yet )?(?:been )?(?:sent|delivered)|still)|will (?:keep|"
    r"continue) (?:trying|to try)|"
    r"you do not need to resend|temporarily deferred|verzöger",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"could ?n[o']?t (?:be|deliver)|(?:was|were|is) not delivered|unable to deliver|"
    r"not able to deliver|undeliverable|"
    r"permanent (?:fatal )?error|delivery (?:to the following recipients? )?(?:has )?failed|"
    r"user unknown|unknown user|"
    r"no such (?:user|person|recipient|mailbox)|mailbox (?:is )?full|over quota|quota exceeded|"
    r"recipient (?:address )?rejected|"
    r"does not (?:exist|like recipient)|address(?:es)? had|failed (?:recipient|address)|"
    r"unknown (?:recipient|address)|returned "
    r"(?:to|because)|invalid recipient|wasn't delivered|not listed in|konnte nicht|nicht zugestellt|"
    r"n'a pas pu",
    re.IGNORECASE,
)
# Where a free-text bounce starts to quote our own mail: addresses below are not the ones that failed.
_COPY = re.compile(
    r"^\s*(?:-{2,}.{0,80}(?:copy of|original message|unsent message|returned message|message header|"
    r"message follows|"
    r"header|below this line|your message).{0,80}|received:\s.{0,200}|return-path:\s.{0,200})$",
    re.IGNORECASE | re.MULTILINE,
)
_FAILED_LINE = re.compile(
    rf"^[ \t]{{0,20}}(?:to:|rcpt to:|recipient:|user:)?[ \t]{{0,8}}[<\"']?({_EMAIL})[>\"']?[ \t]{{0,8}}"
    r"(?:[:;,.(-][^\n]{0,300})?$",
    re.IGNORECASE | re.MULTILINE,
)
_NAMED = re.compile(
    rf"(?:final-recipient|original-recipient|recipient|rcpt to|address|user|mailbox|to)\W{{0,3}}\s{{0,3}}"
    rf"(?:rfc822;\s{{0,3}})?[<\"']({_EMAIL})[>\"']",
    re.IGNORECASE,
)
_FINAL = re.compile(
    rf"(?:final|original)-recipient:\s{{0,9}}(?:rfc822;)?\s{{0,9}}<?({_EMAIL})", re.IGNORECASE
)
_MESSAGE_ID = re.compile(r"^[>\s]{0,9}message-id:\s{0,9}(<[^<>\s]{3,998}>)", re.IGNORECASE | re.MULTILINE)


def read_bounce(
    raw: bytes, root: Part, subject: str, sender: str, text: str
) -> tuple[Bounce | None, Automatic]:
    """Return the failure a mail reports and ``Automatic.BOUNCE``; (None, REPORT) for a mere delay; (None,
    NO) else.
    """
    status = next((part for part in root.leaves() if part.type in _STATUS_TYPES), None)
    if status is not None:
        return _standard(raw, root, status)
    is_machine = (
        is_daemon(sender) or has_null_sender(root.headers) or "x-failed-recipients" in root.headers.fields
    )
    looks = bool(_SUBJECT.search(subject)) or root.parameters.get("report-type", "") == "delivery-status"
    if not is_machine and not (looks and _mentions_failure(text)):
        return None, Automatic.NO
    if (
        not looks
        and not _FAILURE.search(text[:_MOST_TEXT])
        and "x-failed-recipients" not in root.headers.fields
    ):
        return None, Automatic.NO
    if _DELAY.search(subject) or (_DELAY.search(text[:3000]) and not _FAILURE.search(subject)):
        return None, Automatic.REPORT
    return _free_text(raw, root, text), Automatic.BOUNCE


_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")


def _mentions_failure(text: str) -> bool:
    return bool(_FAILURE.search(text[:_MOST_TEXT]) and re.search(_EMAIL, text[:_MOST_TEXT]))


def _standard(raw: bytes, root: Part, status: Part) -> tuple[Bounce | None, Automatic]:
    body = decoded_body(raw, status)[0][:_MOST_TEXT]
    groups = _groups(body)
    failed = [group for group in groups if _action(group) in ("failed", "")]
    if not any(_recipient(group) for group in failed):
        return None, Automatic.REPORT
    return (
        Bounce(
            recipients=_unique(_recipient(group) for group in failed),
            status=_first(
                _STATUS, (group.text("status") + " " + group.text("diagnostic-code") for group in failed)
            ),
            message_id=_original_id(raw, root),
            diagnostic=next((each for each in map(_diagnostic, failed) if each), ""),
        ),
        Automatic.BOUNCE,
    )


def _groups(body: bytes) -> list[HeaderBlock]:
    """Read the per-recipient groups of fields, which empty lines separate."""
    body = body.replace(b"\r\n", b"\n")
    groups = [
        read_headers(piece, 0, len(piece))
        for piece in body.strip(b"\n").split(b"\n\n")[: _MOST_RECIPIENTS * 2]
    ]
    return [
        group for group in groups if "final-recipient" in group.fields or "original-recipient" in group.fields
    ]


def _action(group: HeaderBlock) -> str:
    return group.text("action").strip().lower().partition(" ")[0]


def _recipient(group: HeaderBlock) -> str:
    for name in ("final-recipient", "original-recipient"):
        value = group.text(name)
        email = clean_email(re.sub(r"^[\w-]{1,20}\s*;", "", value).split("(")[0])
        if email:
            return email
    return ""


def _diagnostic(group: HeaderBlock) -> str:
    return clean_line(group.decoded("diagnostic-code"))[:500]


def _first(pattern: re.Pattern[str], texts: Iterable[str]) -> str:
    for text in texts:
        match = pattern.search(text)
        if match:
            return match[1]
    return ""


def _unique(emails: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(email for email in emails if email))[:_MOST_RECIPIENTS]


def _original_id(raw: bytes, root: Part) -> str:
    """Return the Message-ID of our mail from the copy that came back."""
    for part in root.leaves():
        if part.type in ("message/rfc822", "message/global", "text/rfc822-headers"):
            body = decoded_body(raw, part)[0][:_MOST_TEXT].lstrip()
            ids = message_ids(read_headers(body, 0, len(body)).text("message-id"))
            if ids:
                return ids[0]
    return ""


def _free_text(raw: bytes, root: Part, text: str) -> Bounce:
    text = text[:_MOST_TEXT]
    cut = _COPY.search(text)
    notice = text[: cut.start()] if cut and cut.start() else text
    named = [each for value in root.headers.texts("x-failed-recipients") for each in value.split(",")]
    found = named or _FINAL.findall(text) or _FAILED_LINE.findall(notice) or _NAMED.findall(notice)
    recipients = _unique(email for email in map(clean_email, found) if not is_daemon(email))
    code = _REPLY_CODE.search(notice)
    copied = _MESSAGE_ID.search(text)
    return Bounce(
        recipients=recipients,
        status=_first(_STATUS, [notice]) or (f"{code[1]}.0.0" if code else ""),
        message_id=_original_id(raw, root) or (message_ids(copied[1])[0] if copied else ""),
        diagnostic=_reason(notice),
    )


def _reason(notice: str) -> str:
    for line in notice.split("\n"):
        if _STATUS.search(line) or _REPLY_CODE.search(line) or _FAILURE.search(line[:400]):
            return clean_line(line)[:500]
    return ""


def status_text(raw: bytes, part: Part) -> str:
    """Return a delivery status part as text."""
    return decode(decoded_body(raw, part)[0])[0]
