"""Words by which mail servers refuse us for a reason that is not the password, and what each one means.

Response codes are from RFC 5530 (IMAP), RFC 2449 8 and RFC 3206 (POP3); the rest is what Gmail, Exchange,
Yahoo and Dovecot say. The first row that fits counts.
"""

import re
from dataclasses import dataclass

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of refusal.

    :param words: a regular expression; a group named `ms` holds the milliseconds to stay away.
    :param sentence: for the administrator; {place}, {box}, {user}, {host}, {protocol}, {text} and {wait} are
        filled in.
    :param wait: seconds to stay away.
    """

    code: str
    words: "re.Pattern[str]"
    sentence: str
    wait: float = 0
    retry: bool = True


def _row(code: str, words: str, sentence: str, wait: float = 0, *, retry: bool = True) -> Refusal:
    return Refusal(code, re.compile(words, re.IGNORECASE), sentence, wait, retry)


REFUSALS = (
    _row(
        "throttled",
        r"backoff time:?\s*(?P<ms>\d+)",
        "{place} asks us to come less often ({text}): it is tried again by itself in {wait} s.",
    ),
    _row(
        "throttled",
        r"exceeded command or bandwidth limits|bandwidth limit",
        "{place} has given out more for {box} than it gives in a day ({text}): it is tried again by itself "
        "in {wait} s; if other programs read the mailbox too, let them read less.",
        60 * MINUTE,
    ),
    _row(
        "throttled",
        r"\[throttled\]|rate.?limit|too many (failed )?(login|auth|command|request)",
        "{place} asks us to come less often ({text}): it is tried again by itself in {wait} s.",
        5 * MINUTE,
    ),
    _row(
        "login_delay",
        r"\[login-delay\]",
        "{place} lets nobody in twice within a while that it has set ({text}): it is tried again by itself; "
        "set the poll interval of this source to at least that while.",
        2 * MINUTE,
    ),
    _row(
        "connections",
        r"\[limit\]|too many.{0,30}(connections|sessions)|(connections?|sessions).{0,40}exceeded",
        "{place} allows no more connections to {box} at once ({text}): it is tried again by itself in {wait} "
        "s; if that stays so, end other programs that read it, or have the limit raised.",
        5 * MINUTE,
    ),
    _row(
        "locked",
        r"\[in-?use\]|(mailbox|mail ?drop).{0,40}lock|lock.{0,40}(mailbox|mail ?drop)",
        "Another program has the mailbox {box} on {host} open ({text}): it is tried again by itself; if that "
        "stays so, end the other program.",
    ),
    _row(
        "not_connected",
        r"authenticated but not connected",
        "{place} accepts who signs in for {box}, but can't open the mailbox now ({text}): it is tried again "
        "by itself; if that stays so, check that {protocol} is enabled for it and that “mailbox” names it "
        "rightly.",
        MINUTE,
    ),
    _row(
        "disabled",
        r"(imap|pop3?)( access)? (is )?disabled|not enabled for (imap|pop)|(imap|pop3?) is not enabled",
        "{place} has {protocol} switched off for {box} ({text}): switch it on there.",
        retry=False,
    ),
    _row(
        "browser",
        r"application-specific password|app(lication)? password|web ?login required|via your web browser",
        "{place} takes no ordinary password for {user} ({text}): sign in with 🔑 at an SSO provider and give "
        "its token URL, or make an app password there.",
        retry=False,
    ),
    _row(
        "expired",
        r"\[expired\]|password.{0,20}(has )?expired",
        "The password of {user} on {host} has expired ({text}): set a new one there, then type it here.",
        retry=False,
    ),
    _row(
        "not_yours",
        r"\[authorizationfailed\]",
        "{place} lets {user} in, but not into the mailbox {box} ({text}): have {user} given full access to "
        "it.",
        retry=False,
    ),
    _row(
        "no_encryption",
        r"\[privacyrequired\]",
        "{place} takes passwords over an encrypted connection only ({text}): tick “Use SSL connection”.",
        retry=False,
    ),
    _row(
        "operator",
        r"\[contactadmin\]|\[sys/perm\]",
        "{place} lets nobody into {box} until its operator mends something ({text}): ask the operator.",
        retry=False,
    ),
    _row(
        "busy",
        r"\[unavailable\]|\[sys/temp\]|\[serverbug\]|temporar|try (again|later)|connection is closed\. \d+"
        r"|server (is )?(busy|unavailable)|internal (server )?error",
        "{place} can't let us in now ({text}): it is tried again by itself.",
    ),
)


def find(text: str) -> tuple[Refusal, float] | None:
    """What a server's words mean, and for how many seconds to stay away; None: nothing special."""
    for refusal in REFUSALS:
        found = refusal.words.search(text)
        if found:
            return refusal, int(found["ms"]) / 1000 if "ms" in found.groupdict() else refusal.wait
    return None
