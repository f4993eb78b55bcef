"""A server's words without the secrets that it was sent: some servers repeat what they don't understand."""

import re
from base64 import b64decode

HIDDEN = "…"
SHORTEST = 4
"""Shorter secrets stand in any text by chance: hiding them would tell them."""

BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def blanked(text: str, *secrets: str) -> str:
    """The text without these secrets, also where they stand inside of base64 (SASL, RFC 4954 and 9051)."""
    hidden = [secret for secret in secrets if len(secret) >= SHORTEST]
    for secret in hidden:
        text = text.replace(secret, HIDDEN)
    return (
        BASE64.sub(lambda found: HIDDEN if _holds(found[0], hidden) else found[0], text) if hidden else text
    )


def _holds(text: str, secrets: list[str]) -> bool:
    """Whether some decoding of it has a secret; a piece may begin and end anywhere."""
    for begin in range(4):
        piece = text[begin:].rstrip("=").replace("-", "+").replace("_", "/")
        piece = piece[:-1] if len(piece) % 4 == 1 else piece
        piece += "=" * (-len(piece) % 4)  # the last group may be cut short, and still holds the end
        if any(secret.encode() in b64decode(piece) for secret in secrets):
            return True
    return False


NAMES = (
    "access_token|refresh_token|id_token|client_secret|client_assertion|code_verifier|password|passwd|secret"
    "|api_?key|sessionid|csrftoken"
)
MAYBE = re.compile(
    r"cookie|authoriz|bearer|token|secret|assertion|verifier|passw|api_?key|sessionid|code=|login|auth|pass\s|eyJ"
    r"|ya29\.|1//0|M\.C|dXNlcj",
    re.IGNORECASE,
)
"""Without one of these no pattern fits: most lines need no closer look."""

PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"((?:set-)?cookie2?:\s*).+",
        r"((?:proxy-)?authorization:\s*(?:\w+\s+)?)\S.*",
        r"(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}",
        r"(\bauth=bearer\s*)[^\s\x01]+",
        rf"(\b(?:{NAMES})[\"']?\s*=\s*[\"']?)[^\s\"'&,;}}]{{3,}}",
        rf"([\"'](?:{NAMES})[\"']\s*:\s*[\"'])[^\"']+",
        r"((?:^|[?&\s])code=)[^\s&]{6,}",
        r"(\b[a-z]{4}\d+ login )\S.*",
        r"(\b(?:authenticate|auth) [\w-]+\s+)[A-Za-z0-9+/_-]{16,}={0,2}",
        r"(^\s*pass\s)\S.*",
        r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
        r"()\b(?:ya29\.|1//0|M\.C\d{3}_)[A-Za-z0-9._!*$-]{10,}",
        r"()\bdXNlcj[0A-Za-z+/_-]{20,}={0,2}",
    )
)
"""What secrets look like, for those that nobody has named: headers, forms, commands of mail servers, tokens.

The last ones are JSON Web Tokens, tokens of Google and Microsoft, and “user=” in base64 (XOAUTH2).
"""


def without_patterns(line: str) -> str:
    """A line without what looks like a secret; what stands before it stays."""
    if MAYBE.search(line):
        for pattern in PATTERNS:
            line = pattern.sub(rf"\1{HIDDEN}", line)
    return line
