"""What the answer of an SMTP server means for a mail and for its sender: a table, no I/O.

| kind      | the mail                                        | the sender        |
| --------- | ----------------------------------------------- | ----------------- |
| RETRY     | tried again later                               | goes on           |
| FAIL      | final for this recipient, or for the whole mail | goes on           |
| PARK      | waits                                           | pauses            |
| UNCERTAIN | may have been taken: a person decides           | pauses            |

Codes: RFC 5321 4.2 and 4.5.3, enhanced codes RFC 3463 and 5248; the numbers 5.7.139, 5.7.30, 5.2.252,
5.7.60 and 5.7.5xx are Microsoft's, 5.4.5 and 5.7.9 Google's.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")
LONGEST = 500

MINUTE = 60
HOUR = 3600


class Phase(StrEnum):
    """How far the conversation with the server had come."""

    CONNECT = "connecting"
    EHLO = "greeting"
    STARTTLS = "starting TLS"
    AUTH = "signing in"
    MAIL = "naming the sender"
    RCPT = "naming a recipient"
    DATA = "asking to send"
    DOT = "sending the text"


BEFORE_LOGIN = frozenset({Phase.CONNECT, Phase.EHLO, Phase.STARTTLS})
WHOLE_MAIL = frozenset({Phase.MAIL, Phase.DATA, Phase.DOT})
MAIL_PHASES = WHOLE_MAIL | {Phase.RCPT}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `text` may have several lines."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced code, such as "5.7.8", or "" when there is none."""
        found = ENHANCED.match(self.text)
        return found[1] if found else ""

    def __str__(self) -> str:
        # Bytes of the server that aren't UTF-8, and NUL, can't be stored.
        text = self.text.encode("utf-8", "replace").decode().replace("\0", "")
        return " ".join(f"{self.code} {text}".split())[:LONGEST]


class Kind(StrEnum):
    """What is to be done, see above."""

    RETRY = "retry"
    FAIL = "fail"
    PARK = "park"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means.

    :param cause: what happened, as the rest of a sentence that begins with the server's name.
    :param remedy: what to do; {sender}, {username} and {address} are filled in.
    :param seconds: how long a sender pauses; None for the next step of its ladder.
    :param blames_mail: the mail may be the cause, so the try counts and it waits for its own time.
    """

    kind: Kind
    cause: str
    remedy: str
    seconds: int | None = None
    blames_mail: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the table; empty fields match everything."""

    verdict: Verdict
    phases: frozenset[Phase]
    codes: str = ""
    enhanced: str = ""
    words: str = ""

    def matches(self, answer: Answer, phase: Phase) -> bool:
        """Whether this line is about such an answer."""
        return (
            phase in self.phases
            and re.match(self.codes, str(answer.code)) is not None
            and (not self.enhanced or re.fullmatch(self.enhanced, answer.enhanced) is not None)
            and re.search(self.words, answer.text, re.IGNORECASE) is not None
        )


def _park(cause: str, remedy: str, seconds: int | None = None) -> Verdict:
    return Verdict(Kind.PARK, cause, remedy, seconds, blames_mail=False)


SMTP_AUTH_OFF = _park(
    "does not let {username} send by SMTP",
    "in the Microsoft 365 admin centre open Users → Active users → {username} → Mail → Manage email apps and "
    "tick “Authenticated SMTP”; if it is off for the whole organisation, clear “Turn off SMTP AUTH protocol” "
    "in the Exchange admin centre under Settings → Mail flow.",
    HOUR,
)
NO_PASSWORDS = _park(
    "takes no passwords any more",
    "add an SSO provider, sign in with 🔑 and give its token URL as the password of sender “{sender}”.",
    HOUR,
)
APP_PASSWORD = _park(
    "does not take this kind of password for {username}",
    "use the token URL of an SSO provider, or an app password, as the password of sender “{sender}”.",
)
LOGIN_REFUSED = _park(
    "refused the sign-in of “{username}”",
    "check the username and password of sender “{sender}”; with a token URL, sign in again with 🔑 as "
    "that mailbox.",
)
LOGIN_LATER = _park(
    "takes no sign-in at the moment", "nothing needs to be done unless it lasts; “{sender}” tries again."
)
NOT_NOW = _park("does not serve us at the moment", "“{sender}” tries again; if it lasts, ask its operator.")
SLOW_DOWN = Verdict(
    Kind.PARK, "asks us to wait", "“{sender}” pauses; if it lasts, lower the limits of this sender."
)
QUOTA = _park(
    "has taken as much as it allows for now",
    "the mails wait; set the limits of sender “{sender}” below what the provider allows.",
    2 * HOUR,
)
BLOCKED = _park(
    "has blocked {address} from sending",
    "look for sent spam or a stolen password, then have the block lifted by the provider.",
    HOUR,
)
SEND_AS = _park(
    "does not let “{username}” send as {address}",
    "make the e-mail address of sender “{sender}” the one that signs in, or allow it as an alias there.",
)
LOGIN_WANTED = _park(
    "wants a sign-in first", "give sender “{sender}” a username and a password or token URL."
)
TOO_BIG = Verdict(
    Kind.FAIL, "takes no mail of this size", "send smaller attachments, or a link to the files."
)
UNKNOWN_ADDRESS = Verdict(
    Kind.FAIL, "does not know this address", "check it for a typing error and write again."
)
RECIPIENT_REFUSED = Verdict(
    Kind.FAIL, "refused this recipient for good", "read the answer; another address of this person may work."
)
REFUSED = Verdict(Kind.FAIL, "refused the mail for good", "read the answer, mend its cause and send again.")
LATER = Verdict(Kind.RETRY, "refused for now", "nothing needs to be done, it is tried again.")
NO_SMTP = Verdict(
    Kind.RETRY, "gave an answer that is not SMTP", "check server address and port of “{sender}”."
)
UNKNOWN_END = Verdict(
    Kind.UNCERTAIN,
    "has the text, but did not say whether it took the mail",
    "ask the recipient or look into the Sent folder, then choose “Resend” or “Was sent”.",
)

AUTH = frozenset({Phase.AUTH})
RCPT = frozenset({Phase.RCPT})
DOT = frozenset({Phase.DOT})
EVERY = frozenset(Phase)

# The first line that matches decides.
RULES = (
    Rule(SMTP_AUTH_OFF, AUTH, "5", r"5\.7\.139"),
    Rule(SMTP_AUTH_OFF, AUTH, "5", words="SmtpClientAuthentication is disabled"),
    Rule(NO_PASSWORDS, EVERY, "5", r"5\.7\.30"),
    Rule(APP_PASSWORD, AUTH, "534"),
    Rule(LOGIN_LATER, AUTH, "4"),
    Rule(LOGIN_REFUSED, AUTH),
    Rule(NOT_NOW, BEFORE_LOGIN),
    Rule(SLOW_DOWN, MAIL_PHASES, "421|432"),
    Rule(SLOW_DOWN, WHOLE_MAIL, "4", r"4\.7\.\d+"),  # at RCPT it is greylisting, of one recipient
    Rule(QUOTA, MAIL_PHASES, "[45]", r"[45]\.4\.5"),
    Rule(QUOTA, WHOLE_MAIL, "5", r"5\.2\.0"),
    Rule(BLOCKED, WHOLE_MAIL, "5", r"5\.1\.8|5\.7\.5\d\d"),
    Rule(SEND_AS, WHOLE_MAIL, "5", r"5\.2\.252|5\.7\.60"),
    Rule(SEND_AS, frozenset({Phase.MAIL, Phase.RCPT}), "553", r"5\.7\.1"),
    Rule(LOGIN_WANTED, MAIL_PHASES, "530"),
    Rule(TOO_BIG, MAIL_PHASES, "5", r"5\.3\.4"),
    Rule(TOO_BIG, WHOLE_MAIL, "552"),
    Rule(UNKNOWN_ADDRESS, RCPT, "5", r"5\.1\.\d+"),
    Rule(RECIPIENT_REFUSED, RCPT, "5"),
    Rule(REFUSED, WHOLE_MAIL, "5"),
    Rule(LATER, MAIL_PHASES, "4"),
    Rule(UNKNOWN_END, DOT),
    Rule(NO_SMTP, MAIL_PHASES),
)


def classify(answer: Answer, phase: Phase) -> Verdict:
    """What an answer that is not the wished one means, when it came at `phase`."""
    return next(rule.verdict for rule in RULES if rule.matches(answer, phase))


@dataclass(frozen=True, slots=True)
class Place:
    """Which sender talked to which server, for the sentences."""

    sender: str
    server: str
    username: str
    address: str

    def sentence(self, verdict: Verdict, answer: Answer | str) -> str:
        """The verdict in words for an administrator: who did what, its very answer, what to do."""
        names = {"sender": self.sender, "username": self.username, "address": self.address}
        return f"{self.server} {verdict.cause.format(**names)} ({answer}): {verdict.remedy.format(**names)}"


def delay(attempts: int, ladder: list[int], longest: int = 48 * HOUR) -> int | None:
    """Seconds until the next try after so many that were refused for now; None: it was tried long enough.

    :param ladder: the pauses in seconds; the last one repeats until all together are `longest`.
    """
    pauses = [ladder[min(step, len(ladder) - 1)] for step in range(attempts)]
    return pauses[-1] if sum(pauses) <= longest else None
