"""Mail that tells us that ours did not arrive: the standard form (RFC 3464) and free texts."""

import re
from collections.abc import Iterable

from mailcore.addresses import clean_email
from mailcore.automatic import has_null_sender, is_daemon
from mailcore.clean import clean_line
from mailcore.headers import HeaderBlock, message_ids, read_headers
from mailcore.mime import Part, decoded_body
from mailcore.parsed import Address, Automatic, Bounce

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_MOST_TEXT = 40_000
_MOST_RECIPIENTS = 50
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY_CODE = re.compile(r"\b([45])\d\d[ -]")
_EMAIL = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
_SUBJECT = re.compile(
    r"undeliver|delivery (?:status )?(?:notification|failure|problem|report|has failed)|failure notice|"
    r"returned mail|mail delivery (?:fail|problem|error|system)|non[ -]?deliver|"
    r"mail could not be delivered|returned to sender|message delivery failed|nicht zustellbar|"
    r"unzustellbar|zustell(?:ung|fehler)|nedoručiteln|non remis|failed delivery|delivery failed|"
    r"could ?n[o']?t (?:be )?deliver|no se (?:puede|pudo) entregar|mancato recapito|onbestelbaar|"
    r"user unknown|mailbox (?:full|unavailable)|undelivered|rejected (?:mail|message)|no encontrado|"
    r"delivery failure|message status - undeliver|error sending|mail system error|bounce",
    re.IGNORECASE,
)
_DELAY = re.compile(
    r"\bdelay|warning:? .{0,60}(?:not (?:yet )?(?:been )?(?:sent|delivered)|still)|will (?:keep|"
    r"continue) (?:trying|to try)|"
    r"you do not need to resend|temporarily deferred|verzöger",
    re.IGNORECASE,
)
_FINAL_WORD = re.compile(
    r"permanent|giv(?:en|ing) up|not going to try|undeliverable|failed|returned|rejected", re.IGNORECASE
)
_FAILURE = re.compile(
    r"could ?n[o']?t (?:be|deliver)|error (?:delivering|sending)|did not (?:like|receive)|was aborted|"
    r"failed permanently|no such user here|送信できません|配信できません|(?:was|were|is) not delivered|"
    r"unable to deliver|not able to deliver|undeliverable|permanent (?:fatal )?error|"
    r"delivery (?:to the following recipients? )?(?:has )?failed|user unknown|unknown user|"
    r"no such (?:user|person|recipient|mailbox)|mailbox (?:is )?full|over quota|quota exceeded|"
    r"recipient (?:address )?rejected|does not (?:exist|like recipient)|address(?:es)? had|"
    r"failed (?:recipient|address)|unknown (?:recipient|address)|returned (?:to|because)|"
    r"invalid recipient|wasn't delivered|not listed in|konnte nicht|nicht zugestellt|"
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
    rf"^[ \t]{{0,20}}(?:[*•-][ \t]{{1,4}})?(?:to:|rcpt to:|recipient:|"
    rf"user:)?[ \t]{{0,8}}[<\"']?({_EMAIL})[>\"']?[ \t]{{0,8}}"
    r"(?:[:;,.(-][^\n]{0,300})?$",
    re.IGNORECASE | re.MULTILINE,
)
_NAMED = re.compile(
    rf"(?:final-recipient|original-recipient|recipient|rcpt to|address|user|mailbox|"
    rf"to)\W{{0,3}}\s{{0,3}}"
    rf"(?:rfc822;\s{{0,3}})?[<\"']({_EMAIL})[>\"']",
    re.IGNORECASE,
)
_FINAL = re.compile(
    rf"(?:final|original)-recipient:\s{{0,9}}(?:rfc822;)?\s{{0,9}}<?({_EMAIL})", re.IGNORECASE
)
_MESSAGE_ID = re.compile(r"^[>\s]{0,9}message-id:\s{0,9}(<[^<>\s]{3,998}>)", re.IGNORECASE | re.MULTILINE)


def read_bounce(
    raw: bytes, root: Part, subject: str, sender: Address, text: str
) -> tuple[Bounce | None, Automatic]:
    """Return the failure and BOUNCE; (None, REPORT) for a mere delay; (None, NO) for other mail."""
    status = next((part for part in root.leaves() if part.type in _STATUS_TYPES), None)
    groups = _groups(decoded_body(raw, status)[0][:_MOST_TEXT]) if status else []
    actions = {_action(group) for group in groups} - {""}
    if actions and "failed" not in actions:
        return None, Automatic.REPORT  # delayed, delivered, relayed, expanded
    if any(map(_recipient, groups)):
        return _standard(raw, root, groups), Automatic.BOUNCE
    if not status and not _looks_returned(root, subject, sender, text):
        return None, Automatic.NO
    if _is_delay(subject, text):
        return None, Automatic.REPORT
    return _free_text(raw, root, text), Automatic.BOUNCE


def _looks_returned(root: Part, subject: str, sender: Address, text: str) -> bool:
    """Whether a mail without a machine-readable part is a bounce: two independent signs are needed."""
    if "x-failed-recipients" in root.headers.fields:  # Exim
        return True
    reported = root.parameters.get("report-type", "").lower() == "delivery-status"
    says_so = bool(_SUBJECT.search(subject)) or reported
    fails = bool(_FAILURE.search(text[:_MOST_TEXT]))
    if is_daemon(sender) or has_null_sender(root.headers):
        return says_so or fails
    return says_so and fails and bool(re.search(_EMAIL, text[:_MOST_TEXT]))


def _is_delay(subject: str, text: str) -> bool:
    text = text[:3000]
    return bool(_DELAY.search(subject) or (_DELAY.search(text) and not _FINAL_WORD.search(subject + text)))


def _standard(raw: bytes, root: Part, groups: list[HeaderBlock]) -> Bounce:
    failed = [group for group in groups if _action(group) in ("failed", "")]
    return Bounce(
        recipients=_unique(_recipient(group) for group in failed),
        status=_first(
            _STATUS, (group.text("status") + " " + group.text("diagnostic-code") for group in failed)
        ),
        message_id=_original_id(raw, root),
        diagnostic=next((each for each in map(_diagnostic, failed) if each), ""),
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


def _original(raw: bytes, root: Part) -> HeaderBlock:
    """Return the headers of our mail from the copy that came back."""
    for part in root.leaves():
        if part.type in ("message/rfc822", "message/global", "text/rfc822-headers"):
            body = decoded_body(raw, part)[0][:_MOST_TEXT].lstrip()
            return read_headers(body, 0, len(body))
    return HeaderBlock()


def _original_id(raw: bytes, root: Part) -> str:
    return next(iter(message_ids(_original(raw, root).text("message-id"))), "")


def _free_text(raw: bytes, root: Part, text: str) -> Bounce:
    text = text[:_MOST_TEXT]
    cut = _COPY.search(text)
    notice = text[: cut.start()] if cut and cut.start() else text
    named = [each for value in root.headers.texts("x-failed-recipients") for each in value.split(",")]
    found = named or _FINAL.findall(text) or _FAILED_LINE.findall(notice) or _NAMED.findall(notice)
    recipients = _unique(email for email in map(clean_email, found) if not is_daemon(Address("", email)))
    if not recipients:
        recipients = _unique(address.email for address in _original(raw, root).addresses("to")[0])
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
