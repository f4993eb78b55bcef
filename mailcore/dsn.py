"""The machine-readable part of a report about our mail (RFC 3464, RFC 6533): fields → who has not got it.

It comes as a part of its own, or, from gateways that flatten mails, as plain text among other text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from mailcore.addresses import clean_email
from mailcore.clean import clean_line
from mailcore.headers import HeaderBlock, read_headers
from mailcore.parsed import Failure
from mailcore.reasons import reason_of

MOST_FAILURES = 50
LONGEST_ANSWER = 500

STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_TYPED = re.compile(r"\A[\w.-]{1,20}\s*;\s*")  # "rfc822;", "smtp;", "dns;" (RFC 3464 2.1.2)
_SERVER = re.compile(
    r"(?:\bhost|\bserver|\bfrom|\bby|\bat|\bmx)\s{1,3}\[?((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24})\b",
    re.IGNORECASE,
)


class Action(Enum):
    """What became of the mail for one recipient (RFC 3464 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DONE = "done"  # delivered, relayed, expanded: nothing to worry about


_ACTIONS = {
    "delayed": Action.DELAYED,
    "delivered": Action.DONE,
    "relayed": Action.DONE,
    "expanded": Action.DONE,
}


@dataclass(frozen=True, slots=True)
class Report:
    """What the fields say: the worst that became of anybody, and of whom."""

    action: Action
    failures: tuple[Failure, ...] = ()


def read_report(body: bytes, notice: str = "") -> Report | None:
    """Return what a delivery-status part says; None when it names no recipient.

    Args:
        body: the decoded part.
        notice: the text for people that came with it, asked for the reason when the fields give none.
    """
    groups = _groups(body)
    if not groups:
        return None
    for action in (Action.FAILED, Action.DELAYED):
        chosen = [group for group in groups if _action(group) is action]
        if chosen:
            failures = _unique(_failure(group, notice) for group in chosen)
            return Report(action, failures)
    return Report(Action.DONE)


def _groups(body: bytes) -> list[HeaderBlock]:
    """Read the per-recipient groups of fields, which empty lines separate."""
    lines = (line.rstrip() for line in body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    pieces = b"\n".join(lines).strip(b"\n").split(b"\n\n")
    groups = [read_headers(piece, 0, len(piece)) for piece in map(bytes.lstrip, pieces[: MOST_FAILURES * 2])]
    return [
        group for group in groups if "final-recipient" in group.fields or "original-recipient" in group.fields
    ]


def _action(group: HeaderBlock) -> Action:
    word = group.text("action").strip().lower().partition(" ")[0].rstrip(";,.")
    return _ACTIONS.get(word, Action.FAILED)


def _failure(group: HeaderBlock, notice: str) -> Failure:
    final, original = _address(group, "final-recipient"), _address(group, "original-recipient")
    if (
        original and "." not in final.rpartition("@")[2]
    ):  # a name inside the house, which nobody outside knows
        final = original
    answer = clean_answer(group.decoded("diagnostic-code"))
    status = best_status(group.text("status"), answer)
    said = answer or group.text("status").partition("(")[2]
    server = clean_line(_TYPED.sub("", group.decoded("remote-mta"))).partition(" ")[0].rstrip(".")
    return Failure(
        email=final or original,
        original=original if original.lower() != final.lower() else "",
        status=status,
        reason=reason_of(said, status) or reason_of(notice),
        server=(server if "." in server else "") or server_in(answer),
        answer=answer,
    )


def _address(group: HeaderBlock, name: str) -> str:
    return clean_email(_TYPED.sub("", group.text(name)).split("(")[0])


def clean_answer(text: str) -> str:
    """Return a server's words on one line, without the "smtp;" before them and not too many."""
    return clean_line(_TYPED.sub("", text))[:LONGEST_ANSWER]


def best_status(*texts: str) -> str:
    """Return the first telling status of these texts: "5.1.1" rather than "5.0.0", which says nothing."""
    found = [match for text in texts for match in STATUS.findall(text)]
    return next((each for each in found if not each.endswith(".0.0")), found[0] if found else "")


def server_in(answer: str) -> str:
    """Return the server that an answer names, "" when it names none."""
    match = _SERVER.search(answer)
    return match[1].lower() if match else ""


def _unique(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    found: dict[str, Failure] = {}
    for each in failures:
        if each.email:
            found.setdefault(each.email.lower(), each)
    return tuple(found.values())[:MOST_FAILURES]
