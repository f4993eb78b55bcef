"""Our parser as ``corpus_score`` asks for it: raw bytes in, a plain dictionary out."""

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
    """Return one mail in the shape that the scorer of a folder of test mails compares.

    A delay counts as a bounce there; lists and newsletters are mail of people to it.
    """
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
        "calendar": [each.summary or each.method for each in mail.invitations],
        "confirmation_code": mail.confirmation.code if mail.confirmation else "",
        "confirmation_link": mail.confirmation.link if mail.confirmation else "",
    }
