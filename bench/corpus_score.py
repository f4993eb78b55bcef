"""Score our parser against a folder of test mails that brings its own ``score.py``.

python -m bench.corpus_score FOLDER [options of score.py]
"""

import os
import sys
from pathlib import Path
from typing import Any

from mailcore.parse import parse
from mailcore.parsed import Automatic, Reason

# Our reasons in the words of the corpus.
_REASONS = {
    Reason.NO_SUCH_USER: "userunknown",
    Reason.NO_SUCH_DOMAIN: "hostunknown",
    Reason.MOVED: "hasmoved",
    Reason.TAKES_NO_MAIL: "notaccept",
    Reason.MAILBOX_FULL: "mailboxfull",
    Reason.SUSPENDED: "suspend",
    Reason.NOT_ACCEPTED: "filtered",
    Reason.SENDER_REFUSED: "rejected",
    Reason.BLOCKED: "blocked",
    Reason.REPUTATION: "badreputation",
    Reason.NO_REVERSE_NAME: "requireptr",
    Reason.NOT_AUTHENTICATED: "authfailure",
    Reason.POLICY: "policyviolation",
    Reason.SPAM: "spamdetected",
    Reason.VIRUS: "virusdetected",
    Reason.CONTENT: "contenterror",
    Reason.FORMAT: "notcompliantrfc",
    Reason.TOO_BIG: "mesgtoobig",
    Reason.RELAYING: "norelaying",
    Reason.SECURITY: "securityerror",
    Reason.THROTTLED: "toomanyconn",
    Reason.EXPIRED: "expired",
    Reason.NETWORK: "networkerror",
    Reason.SYSTEM: "systemerror",
    Reason.PROGRAM: "mailererror",
}


def score(raw: bytes) -> dict[str, Any]:
    """Return one mail in the shape the scorer compares."""
    mail = parse(raw)
    failure = mail.bounce
    return {
        "subject": mail.subject,
        "from_name": mail.from_.name,
        "from_email": mail.from_.email,
        "message_id": mail.message_id,
        "to": [address.email for address in mail.to],
        "cc": [address.email for address in mail.cc],
        "references": list(mail.references) + ([mail.in_reply_to] if mail.in_reply_to else []),
        "text": mail.text,
        "html": mail.html,
        "attachments": [
            {"name": each.name, "type": each.type, "size": each.size, "inline": each.inline}
            for each in mail.attachments
        ],
        "is_bounce": mail.automatic in (Automatic.BOUNCE, Automatic.DELAY),
        "is_autoreply": mail.automatic in (Automatic.AUTO_REPLY, Automatic.CHALLENGE, Automatic.REPORT),
        "bounce_recipient": list(failure.recipients) if failure else [],
        "bounce_status": failure.status if failure else "",
        "bounce_hard": any(each.is_hard for each in failure.failures) if failure else None,
        "bounce_reason": _REASONS.get(failure.reason, "undefined") if failure else "",
        "reply_text": mail.new_text,
        "forwarded_from": mail.forwarded.from_.email if mail.forwarded else "",
        "forwarded_subject": mail.forwarded.subject if mail.forwarded else "",
    }


def main() -> None:
    """Run the folder's own scorer over this adapter."""
    folder = Path(sys.argv[1])
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    scorer = [sys.executable, str(folder / "score.py"), "--corpus", str(folder), "bench.corpus_score:score"]
    os.execv(sys.executable, [*scorer, *sys.argv[2:]])


if __name__ == "__main__":
    main()
