"""Reports about undelivered mail that are written for people: known by their phrases, read for addresses.

The phrases are in ``notice_phrases``; a text is compared with them in lower case and with single spaces.
"""

import re
from collections.abc import Iterable

from mailcore.addresses import clean_email
from mailcore.automatic import is_daemon
from mailcore.dsn import MOST_FAILURES, STATUS, best_status, clean_answer, server_in
from mailcore.headers import message_ids
from mailcore.notice_phrases import DELAYS, FAILURES, FINAL
from mailcore.parsed import Address, Failure
from mailcore.reasons import reason_of
from mailcore.wording import says

MOST_TEXT = 40_000  # characters

_EMAIL = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
# Where a notice starts to quote our own mail: addresses below are not the ones that failed.
_COPY = re.compile(
    r"^\s*(?:-{2,}.{0,80}(?:copy of|original message|unsent message|returned message|message header|"
    r"message follows|header|below this line|your message).{0,80}|received:\s.{0,200}|return-path:\s.{0,200}|"
    r"original message (?:follows|headers?|details)\W{0,3}|message headers? follow.{0,40})$",
    re.IGNORECASE | re.MULTILINE,
)
# One address at the head of its line, and nothing but what the server said after it.
_FAILED_LINE = re.compile(
    r"^[ \t]{0,20}(?:[*•-]{1,2}[ \t]{1,4}|[45]\d\d[ -])?(?:rcpt to:|recipient:|user:|error-for:|address:)?"
    rf"[ \t]{{0,8}}[<\[\"'(]?(?:mailto:)?({_EMAIL})[>\]\"')]{{0,2}}"
    r"(?:[ \t]{0,8}|[ \t]on[ \t]\w{3,9},[^\n]{0,60})(?:[:;,.([<-][^\n]{0,300})?$",
    re.IGNORECASE | re.MULTILINE,
)
# One address at the end of a sentence that says that something is wrong.
_LABELLED = re.compile(
    r"^[^\n@]{0,60}(?:fail|invalid|unknown|deliver|refus|reject|recipient|no such|user|error|add?ress|"
    rf"destinat|odbiorc|příjemc|adresát|empfänger)[^\n@:]{{0,60}}:[ \t]{{0,8}}[<\[\"']?({_EMAIL})"
    r"[>\]\"']?[ \t.]{0,4}(?:[.,;]?[ \t][^\n]{0,300})?$",
    re.IGNORECASE | re.MULTILINE,
)
_PHRASED = re.compile(
    r"(?:undeliverable to|deliver(?:ed|ing)?(?: (?:your |the |this )?(?:e-?mail|message))? to|failed for|"
    rf"mail for|sent to|rejected for)\s{{1,9}}[<\"']?({_EMAIL})",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:final-recipient|original-recipient|recipient|rcpt to|address|user|mailbox|account|smtp|to)\W{0,3}"
    rf"\s{{0,3}}(?:rfc822;\s{{0,3}})?[<\"'=(\[]({_EMAIL})[>\"';)\]]",
    re.IGNORECASE,
)
_EXPANDED = re.compile(
    rf"\((?:expanded|generated|originally|ultimately generated) from:?\s{{0,9}}<?({_EMAIL})>?\)",
    re.IGNORECASE,
)
_TO = re.compile(rf"\bTo:\s{{0,9}}<?({_EMAIL})")
_MESSAGE_ID = re.compile(r"^[>\s]{0,9}message-id:\s{0,9}(<[^<>\s]{3,998}>)", re.IGNORECASE | re.MULTILINE)
_REPLY_CODE = re.compile(r"(?<![\d.:\]])\b([45])[0-7]\d(?:[ -]|\Z)")


def is_delay(subject: str, notice: str) -> bool:
    """Whether the server goes on trying: of two plain texts, the subject decides first."""
    if says(DELAYS, subject):
        return True
    return says(DELAYS, notice) and not says(FINAL, subject + " " + notice)


def notice_of(text: str) -> str:
    """Return what the server says, without the copy of our mail below it."""
    text = text[:MOST_TEXT]
    cut = _COPY.search(text)
    return text[: cut.start()] if cut and text[: cut.start()].strip() else text


def failures(notice: str, named: Iterable[str], fallback: Iterable[str]) -> tuple[Failure, ...]:
    """Return who has not got the mail, and why, as far as the text says.

    Args:
        notice: of ``notice_of``.
        named: addresses that a header names (Exim's X-Failed-Recipients).
        fallback: to whom our mail went, for notices that name nobody.
    """
    emails = _emails(named) or _in_text(notice) or _emails(fallback)
    everything = telling_words(notice)
    return tuple(
        _failure(email, said_about(notice, email) or everything, notice) for email in emails or ("",)
    )


def copied_recipients(text: str) -> list[str]:
    """Return to whom our mail went where its headers stand in the text below the notice."""
    return _TO.findall(text[len(notice_of(text)) : MOST_TEXT])


def copied_id(text: str) -> str:
    """Return the Message-ID of our mail where its headers stand in the text."""
    found = _MESSAGE_ID.search(text[:MOST_TEXT])
    return next(iter(message_ids(found[1])), "") if found else ""


def _emails(found: Iterable[str]) -> tuple[str, ...]:
    clean = (clean_email(each) for each in found)
    people = (email for email in clean if email and not is_daemon(Address("", email)))
    return tuple({email.lower(): email for email in people}.values())[:MOST_FAILURES]


def _in_text(notice: str) -> tuple[str, ...]:
    for pattern in (_FAILED_LINE, _LABELLED, _PHRASED, _NAMED, _TO):
        found = _emails(pattern.findall(notice))
        if found:
            return _emails([*found, *_EXPANDED.findall(notice)])
    return ()


def _failure(email: str, answer: str, notice: str) -> Failure:
    status = best_status(answer) or best_status(notice)
    code = None if status else _REPLY_CODE.search(answer) or _REPLY_CODE.search(notice)
    status = status or (f"{code[1]}.0.0" if code else "")
    return Failure(
        email=email,
        status=status,
        reason=reason_of(answer, "") or reason_of(notice, status),
        server=server_in(answer),
        answer=clean_answer(answer),
    )


def said_about(notice: str, email: str) -> str:
    """Return what the text says about this recipient: what follows the address, up to the next one."""
    at = notice.lower().find(email.lower()) if email else -1
    if at < 0:
        return ""
    for paragraph in notice[at + len(email) :].split("\n\n", 2)[:2]:
        following = _EMAIL_LINE.search(paragraph)
        words = _FROM_WHOM.sub("", paragraph[: following.start()] if following else paragraph[:1500])
        words = " ".join(words.split()).lstrip(">]\"'):;,.- ")
        if len(words) > 3:
            return words if STATUS.search(words) or _REPLY_CODE.search(words) or reason_of(words) else ""
    return ""


_FROM_WHOM = re.compile(r"\((?:expanded|generated|ultimately generated|originally) from[^()\n]{0,400}\)")
_EMAIL_LINE = re.compile(rf"^[ \t]{{0,20}}[<\[\"']?{_EMAIL}[>\]\"']?[ \t]{{0,8}}[:;]?", re.MULTILINE)


def telling_words(notice: str) -> str:
    """Return the line, with the two below it, that says most of why."""
    lines = notice.split("\n")[:300]
    for test in (STATUS.search, _REPLY_CODE.search, reason_of, lambda line: says(FAILURES, line.lower())):
        for number, line in enumerate(lines):
            if test(line[:1000]):
                return " ".join(" ".join(lines[number : number + 3]).split())
    return ""
