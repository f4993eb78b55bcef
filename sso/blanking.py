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
        piece = piece[: len(piece) // 4 * 4]
        if any(secret.encode() in b64decode(piece) for secret in secrets):
            return True
    return False
