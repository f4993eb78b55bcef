"""What mail servers found out about a sender: Authentication-Results (RFC 8601) → SPF, DKIM, DMARC.

Anybody can write such a header into a mail, so who reads one says whose word counts: the name by which the
server of our own mailbox signs its findings. It puts them on top, and takes away what others wrote in its
name (section 5); so only the uppermost run of headers with that name is believed.
"""

import re
from collections.abc import Collection

from mailcore.headers import HeaderBlock
from mailcore.parsed import Check, Findings

MOST_HEADERS = 8
MOST_CHECKS = 12  # in one header
NAMELESS = "-"
"""Stands for a header without a name, as Microsoft writes them."""

_METHODS = frozenset({"spf", "dkim", "dmarc"})
_RESULT = re.compile(r"\s*([a-z][a-z0-9-]{0,30})(?:\s*/\s*\d{1,3})?\s*=\s*([a-z]{1,20})", re.IGNORECASE)
_PROPERTY = re.compile(
    r"([a-z]{1,20}\.[a-z0-9_-]{1,40})\s*=\s*(?:\"([^\"]{0,320})\"|([^\s;\"]{1,320}))", re.IGNORECASE
)
_DOMAINS = {
    "dkim": ("header.d", "header.i"),
    "spf": ("smtp.mailfrom", "smtp.helo"),
    "dmarc": ("header.from",),
}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def read_findings(headers: HeaderBlock) -> tuple[Findings, ...]:
    """Read the headers from the top down; nothing is believed yet."""
    texts = headers.texts("authentication-results")[:MOST_HEADERS]
    return tuple(_findings(text) for text in texts)


def believed(found: tuple[Findings, ...], names: Collection[str]) -> Findings | None:
    """What a server with one of these names says, None when none does.

    Args:
        names: in lower case; `NAMELESS` for a server that gives none, of which one header alone counts.
    """
    ours = found[0].by if found else ""
    if ours not in names:
        return None
    run = 1
    while ours != NAMELESS and run < len(found) and found[run].by == ours:
        run += 1
    # Each check may have a header of its own (OpenDKIM, OpenDMARC); of the same one the uppermost counts.
    checks: list[Check] = []
    for each in found[:run]:
        known = {check.method for check in checks}
        checks += [check for check in each.checks if check.method not in known]
    return Findings(ours, tuple(checks))


def is_aligned(domain: str, sender: str) -> bool:
    """Whether a domain speaks for the sender's: the same, or one stands within the other (RFC 7489 3.1)."""
    domain, sender = domain.lower().rstrip("."), sender.lower().rstrip(".")
    if not domain or not sender or "." not in domain or "." not in sender:
        return False
    return domain == sender or domain.endswith(f".{sender}") or sender.endswith(f".{domain}")


def _findings(text: str) -> Findings:
    first, *rest = _split(_without_comments(text))
    by = first.strip().split(" ")[0].lower()
    if "=" in first:  # RFC 8601 wants the name first; Microsoft leaves it out
        by, rest = NAMELESS, [first, *rest]
    checks = [check for part in rest[:MOST_CHECKS] if (check := _check(part)) is not None]
    return Findings(by, tuple(checks))


def _check(part: str) -> Check | None:
    match = _RESULT.match(part)
    if match is None or match[1].lower() not in _METHODS:
        return None
    method = match[1].lower()
    given = {found[1].lower(): found[2] or found[3] for found in _PROPERTY.finditer(part, match.end())}
    value = next((given[name] for name in _DOMAINS[method] if name in given), "")
    domain = value.rpartition("@")[2].strip("<>. ").lower()
    return Check(method, match[2].lower(), domain[:253])


def _split(text: str) -> list[str]:
    """Part at semicolons that stand outside of quotation marks."""
    if '"' not in text:
        return text.split(";")
    hidden = _QUOTED.sub(lambda found: found[0].replace(";", "\0"), text)
    return [part.replace("\0", ";") for part in hidden.split(";")]


def _without_comments(text: str) -> str:
    """Leave out what stands in brackets, which may stand within each other (RFC 5322 section 3.2.2)."""
    if "(" not in text:
        return text
    kept: list[str] = []
    depth = 0
    for piece in re.split(r"([()])", text):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(depth - 1, 0)
        elif not depth:
            kept.append(piece)
    return " ".join(kept)
