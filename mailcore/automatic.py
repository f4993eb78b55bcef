"""Did a person write this mail, or a machine? Judged cautiously: people must not be flagged."""

import re

from mailcore.autoreplies import answers_by_itself
from mailcore.headers import HeaderBlock
from mailcore.mime import Part
from mailcore.parsed import Address, Automatic
from mailcore.reports import is_report

_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "x-mailing-list",
    "feedback-id",
    "x-csa-complaints",
)
_DAEMON = re.compile(
    r"(?:mailer[-_]?daemon|mail-?daemon|post_?master|bounces?|mdaemon|mail[-_.]?delivery|"
    r"microsoftexchange[0-9a-f]{32})(?:[+=_.-].*)?\Z",
    re.IGNORECASE,
)
_DAEMON_NAME = re.compile(
    r"(?:mailer-?daemon|(?:internet )?mail delivery(?: (?:sub)?system| service)?|"
    r"mail (?:delivery )?subsystem|postmaster|mail administrator)\s*\Z",
    re.IGNORECASE,
)
_NO_REPLY = re.compile(
    r"(?:no|do-?_?not|donot)[-_.]?reply|ne-?pas-?repondre|no[-_.]?responder|nicht[-_.]?antworten|"
    r"neodpovidat|nie[-_.]?odpowiadaj",
    re.IGNORECASE,
)
_BULK = ("list", "bulk", "junk")


def automatic(root: Part, sender: Address, subject: str, text: str) -> Automatic:
    """Return which machine wrote the mail, NO for a person. Bounces are looked for in ``bounce``."""
    headers = root.headers
    if is_report(root, root.parameters.get("report-type", "").lower(), subject):
        return Automatic.REPORT
    submitted = headers.text("auto-submitted").partition(";")[0].strip().lower()
    if submitted and submitted.partition(" ")[0] != "no":  # RFC 3834 section 5
        return Automatic.REPORT if submitted == "auto-notified" else Automatic.AUTO_REPLY
    if answers_by_itself(headers, subject, text):
        return Automatic.AUTO_REPLY
    if is_daemon(sender) or has_null_sender(headers):
        return Automatic.AUTO_REPLY
    if any(name in headers.fields for name in _LIST_HEADERS):
        return Automatic.LIST
    if headers.text("precedence").strip().lower() in _BULK:
        return Automatic.AUTO_REPLY  # lists say more than that; vacation programs don't
    return Automatic.LIST if is_no_reply(sender) else Automatic.NO


def has_null_sender(headers: HeaderBlock) -> bool:
    """Whether the last server noted an empty envelope sender (RFC 5321 4.5.5), which no person has."""
    return headers.text("return-path").replace(" ", "").lower() in ("<>", "<mailer-daemon>")


def is_daemon(sender: Address) -> bool:
    """Whether mail servers, not people, write from this address."""
    return bool(_DAEMON.match(sender.email.partition("@")[0]) or _DAEMON_NAME.match(sender.name))


def is_no_reply(sender: Address) -> bool:
    """Whether the address says that nobody reads what is sent there."""
    return bool(_NO_REPLY.search(sender.email.partition("@")[0]))
