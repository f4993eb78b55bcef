"""Amazon SES tells of its mails in JSON, by mail if somebody has subscribed an address to its topic (SNS).

Either the notice itself, or wrapped as text into the "Message" of another object.
"""

import json
from typing import Any

from mailcore.addresses import clean_email
from mailcore.dsn import MOST_FAILURES, best_status, clean_answer
from mailcore.parsed import Bounce, Failure
from mailcore.reasons import reason_of

HEADER = "x-amz-sns-message-id"
_MOST_TEXT = 100_000  # characters
_DECODER = json.JSONDecoder(strict=False)  # mail servers break the one long line


def read_notice(text: str) -> Bounce | None:
    """Return the failure that a notice tells of; None for deliveries, complaints and what can't be read."""
    notice = _object(text)
    if isinstance(notice.get("Message"), str):
        notice = _object(notice["Message"])
    kind = notice.get("notificationType") or notice.get("eventType")
    bounce, mail = notice.get("bounce"), notice.get("mail")
    if kind != "Bounce" or not isinstance(bounce, dict):
        return None
    recipients = bounce.get("bouncedRecipients")
    rows = [each for each in recipients if isinstance(each, dict)] if isinstance(recipients, list) else []
    failures = tuple(_failure(each, bounce) for each in rows[:MOST_FAILURES])
    return Bounce(failures, message_id=_sent_id(mail) if isinstance(mail, dict) else "")


def _object(text: str) -> dict[str, Any]:
    start = text.find("{")
    if start < 0:
        return {}
    try:
        found, _ = _DECODER.raw_decode(text[start : start + _MOST_TEXT])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(row: dict[str, Any], bounce: dict[str, Any]) -> Failure:
    answer = clean_answer(_text(row, "diagnosticCode"))
    status = best_status(_text(row, "status"), answer)
    words = answer or _text(bounce, "bounceSubType")
    return Failure(
        email=clean_email(_text(row, "emailAddress")),
        status=status,
        reason=reason_of(words, status),
        server="",
        answer=answer,
    )


def _sent_id(mail: dict[str, Any]) -> str:
    """The Message-ID that we gave; SES puts its own into the mail that it sends."""
    headers = mail.get("commonHeaders")
    return _text(headers, "messageId").strip("<> ") if isinstance(headers, dict) else ""


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
