"""Mail that tells us that ours did not arrive, or not yet: the standard form (RFC 3464) and free texts.

is it one?  by its form (multipart/report), by two signs of three: who writes, the subject, the text
of whom?    by the fields (``dsn``), else by the text (``notices``), else to whom our mail went
"""

import re
from dataclasses import replace

from mailcore import notices
from mailcore.amazon import HEADER, read_notice
from mailcore.automatic import has_null_sender, is_daemon
from mailcore.autoreplies import answers_by_itself
from mailcore.dsn import Action, Report, best_status, clean_answer, read_report, server_in
from mailcore.headers import HeaderBlock, message_ids, read_headers
from mailcore.mime import Part, decoded_body, read_structure
from mailcore.notice_phrases import FAILURES, SUBJECTS
from mailcore.parsed import Address, Automatic, Bounce, Failure
from mailcore.reasons import reason_of
from mailcore.wording import plain, says

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_RETURNED_TYPES = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "text/rfc822-header",
    "message/global-headers",
    "message/partial",
)
_MOST_BYTES = 40_000
_MOST_WRAPPED = 200_000
_FIELDS_IN_TEXT = re.compile(r"^(?:final|original)-recipient:", re.IGNORECASE | re.MULTILINE)
_AN_EMAIL = re.compile(r"[^\s<>@]@[\w-]{1,63}\.[\w-]")

Found = tuple[Bounce | None, Automatic]
NOTHING: Found = (None, Automatic.NO)


def read_bounce(raw: bytes, root: Part, subject: str, sender: Address, text: str) -> Found:
    """Return the failure and BOUNCE, or the delay and DELAY; (None, REPORT) for a mail that did arrive."""
    if HEADER in root.headers.fields:
        notice_of_amazon = read_notice(text)
        return notice_of_amazon, Automatic.BOUNCE if notice_of_amazon else Automatic.REPORT
    status = next((part for part in root.leaves() if part.type in _STATUS_TYPES), None)
    subject = plain(subject)
    if status is None and not _is_suspect(root, subject, sender):
        return NOTHING
    notice = notices.notice_of(text)
    report = _report(raw, status, text, notice)
    if report is None and status is None and not _looks_returned(root, subject, sender, notice):
        return NOTHING
    if report is not None and report.action is Action.DONE:
        return None, Automatic.REPORT
    delayed = report.action is Action.DELAYED if report else notices.is_delay(subject, plain(notice))
    wrapped = _wrapped(raw, root) if report is None else None
    bounce = wrapped or Bounce(
        failures=_worded(report.failures if report else (), notice) or _failures(raw, root, text),
        message_id=_returned_id(raw, root) or notices.copied_id(text),
        is_delay=delayed,
    )
    return bounce, Automatic.DELAY if bounce.is_delay else Automatic.BOUNCE


def _is_suspect(root: Part, subject: str, sender: Address) -> bool:
    """One sign is enough to look closer; the mail of people ends here."""
    return (
        is_daemon(sender)
        or has_null_sender(root.headers)
        or "x-failed-recipients" in root.headers.fields
        or root.parameters.get("report-type", "").lower() == "delivery-status"
        or says(SUBJECTS, subject)
    )


def _looks_returned(root: Part, subject: str, sender: Address, notice: str) -> bool:
    """Whether a mail without a machine-readable part is a bounce: two independent signs are needed."""
    headers = root.headers
    if "x-failed-recipients" in headers.fields:  # Exim
        return True
    reported = root.parameters.get("report-type", "").lower() == "delivery-status"
    says_so = reported or says(SUBJECTS, subject)
    if says_so and "x-mlserver" in headers.fields:  # the list server fml
        return True
    if not says_so and not is_daemon(sender) and answers_by_itself(headers, subject, notice):
        return False  # "I no longer work here", with an empty return path
    fails = says(FAILURES, plain(notice))
    if is_daemon(sender) or has_null_sender(headers):
        return says_so or fails
    return says_so and fails and bool(_AN_EMAIL.search(notice))


def _report(raw: bytes, status: Part | None, text: str, notice: str) -> Report | None:
    """Read the fields, out of their part or out of the text."""
    if status is not None:
        return read_report(decoded_body(raw, status)[0][:_MOST_BYTES], notice)
    if _FIELDS_IN_TEXT.search(text[: notices.MOST_TEXT]):
        return read_report(text[: notices.MOST_TEXT].encode(), notice)
    return None


def _failures(raw: bytes, root: Part, text: str) -> tuple[Failure, ...]:
    named = [each for value in root.headers.texts("x-failed-recipients") for each in value.split(",")]
    sent_to = [address.email for address in _returned(raw, root).addresses("to")[0]]
    return notices.failures(notices.notice_of(text), named, sent_to or notices.copied_recipients(text))


def _worded(failures: tuple[Failure, ...], notice: str) -> tuple[Failure, ...]:
    """The failures of the fields, with the words of the text for those that have none or no telling code."""
    return tuple(_worded_one(each, notices.said_about(notice, each.email)) for each in failures)


def _worded_one(failure: Failure, said: str) -> Failure:
    if failure.answer or not said:
        return failure
    status = best_status(failure.status, said)
    return replace(
        failure,
        status=status,
        reason=reason_of(said, status) or failure.reason,
        answer=clean_answer(said),
        server=failure.server or server_in(said),
    )


def _returned_part(root: Part) -> Part | None:
    return next((part for part in root.leaves() if part.type in _RETURNED_TYPES), None)


def _returned(raw: bytes, root: Part) -> HeaderBlock:
    """Return the headers of our mail from the copy that came back."""
    part = _returned_part(root)
    if part is None:
        return HeaderBlock()
    body = decoded_body(raw, part)[0][:_MOST_BYTES].lstrip()
    return read_headers(body, 0, len(body))


def _returned_id(raw: bytes, root: Part) -> str:
    return next(iter(message_ids(_returned(raw, root).text("message-id"))), "")


def _wrapped(raw: bytes, root: Part) -> Bounce | None:
    """Read the report that a gateway put into a report of its own, as if it were the mail that came back."""
    part = _returned_part(root)
    if part is None or part.end - part.start > _MOST_WRAPPED:
        return None
    inner = decoded_body(raw, part)[0].lstrip()
    if b"elivery-status" not in inner and b"ELIVERY-STATUS" not in inner:
        return None
    inside, _ = read_structure(inner)
    status = next((each for each in inside.leaves() if each.type in _STATUS_TYPES), None)
    report = read_report(decoded_body(inner, status)[0][:_MOST_BYTES]) if status else None
    if report is None or report.action is Action.DONE:
        return None
    return Bounce(report.failures, _returned_id(inner, inside), report.action is Action.DELAYED)
