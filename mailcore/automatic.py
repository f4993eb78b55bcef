"""Did a person write this mail, or a machine? Judged cautiously: people must not be flagged."""

import re

from mailcore.headers import HeaderBlock
from mailcore.parsed import Address, Automatic

_AUTO_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply",
    "x-mail-autoreply",
    "x-autoreply-from",
    "x-vacation",
)
_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "x-mailing-list",
    "feedback-id",
    "x-csa-complaints",
)
_AUTO_SUBJECT = re.compile(
    r"\s*\W{0,3}(?:auto(?:matic|matische|mated|matisch|svar|reply|response|responder|-?re(?:ply|"
    r"sponse)?)\b.{0,12}(?::|reply|response|antwort|antwoord|answer|svar|\Z)|automat(?:ická|ische|isk|"
    r"yczna|ico|ica|ique|iskt)\s|réponse automatique|respuesta autom[aá]tica|risposta automatica|"
    r"resposta autom[aá]tica|odpowiedź automatyczna|automatyczna odpowiedź|odpoveď automatická|"
    r"automatická odpov[eě][dď]|automaattinen vastaus|autosvar|автоматический ответ|автоответ|自动回复|"
    r"自動回覆|自動返信|자동 회신|out[- ]of[- ](?:the[- ])?office\b|(?:i am |i'm )?away from (?:my|"
    r"the) (?:office|mail|desk)|on vacation\b|ooo:|abwesenheits(?:notiz|nachricht|benachrichtigung|"
    r"assistent)?\b|(?:bin )?abwesend\b|nicht im (?:büro|haus)\b|absence du bureau|"
    r"absent(?:e)? du bureau|fuera de (?:la )?oficina|ausente\b|fuori (?:sede|ufficio)|"
    r"mimo kancelář|nepřítomnost|poza biurem|nieobecno|frånvaro|ude af kontoret|fraværende|afwezig)",
    re.IGNORECASE,
)
_DAEMON = re.compile(
    r"(?:mailer-?daemon|mail-?daemon|postmaster|bounce[sd]?|mdaemon|mail\.?delivery)(?:[+=_.-].*)?\Z", re.I
)
_DAEMON_NAME = re.compile(r"mailer-?daemon|mail delivery (?:sub)?system|postmaster", re.IGNORECASE)
_NO_REPLY = re.compile(r"(?:no|do-?_?not|donot)[-_.]?reply|ne-?pas-?repondre|noreply", re.IGNORECASE)
_REPORT_SUBJECT = re.compile(
    r"\s*(?:report domain:\s*\S+\s+submitter:|\[?dmarc\]? ?(?:aggregate )?report|(?:read|gelesen|lu|"
    r"přečteno|letto|leído)\s?:"
    r"|(?:not read|ungelesen|non lu|nepřečteno)\s?:|tls-?report)",
    re.IGNORECASE,
)


def automatic(headers: HeaderBlock, report_type: str, sender: Address, subject: str) -> Automatic:
    """Return which machine wrote the mail, NO for a person. Bounces are looked for in ``bounce``."""
    if report_type not in ("", "delivery-status"):
        return Automatic.REPORT
    if _REPORT_SUBJECT.match(subject) and not headers.raw("in-reply-to"):
        return Automatic.REPORT
    reply = _auto_reply(headers, subject)
    if reply is not Automatic.NO:
        return reply
    if is_daemon(sender) or has_null_sender(headers):
        return Automatic.AUTO_REPLY
    if any(name in headers.fields for name in _LIST_HEADERS) or _precedence(headers) in (
        "list",
        "bulk",
        "junk",
    ):
        return Automatic.LIST
    return Automatic.LIST if _NO_REPLY.search(sender.email.partition("@")[0]) else Automatic.NO


def _auto_reply(headers: HeaderBlock, subject: str) -> Automatic:
    submitted = headers.text("auto-submitted").partition(";")[0].strip().lower()
    if submitted and submitted != "no":  # RFC 3834 section 5
        return Automatic.REPORT if submitted == "auto-notified" else Automatic.AUTO_REPLY
    if _precedence(headers) in ("auto_reply", "auto-reply") or any(
        name in headers.fields for name in _AUTO_HEADERS
    ):
        return Automatic.AUTO_REPLY
    if _AUTO_SUBJECT.match(subject):
        return Automatic.AUTO_REPLY
    return Automatic.NO


def _precedence(headers: HeaderBlock) -> str:
    return headers.text("precedence").strip().lower()


def has_null_sender(headers: HeaderBlock) -> bool:
    """Whether the last server noted an empty envelope sender (RFC 5321 4.5.5), which no person has."""
    return headers.text("return-path").replace(" ", "") == "<>"


def is_daemon(sender: Address) -> bool:
    """Whether mail servers, not people, write from this address."""
    if _DAEMON.match(sender.email.partition("@")[0]):
        return True
    return not sender.email and bool(_DAEMON_NAME.match(sender.name))
