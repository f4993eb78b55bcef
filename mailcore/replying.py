"""What an answer inherits: its signed Message-ID, subject and references. Pure functions."""

import base64
import hmac
import re
from collections.abc import Iterable

from mailcore.headers import thread_subject

_MAC_BYTES = 16  # 128 bits
_OUR_ID = re.compile(r"ucs\.(\d{1,19})\.(\d{1,19})\.([a-z2-7]{26})@[^@\s]{1,253}", re.IGNORECASE)
_PREFIX = re.compile(r"re(?:\[\d+\])?\s*:", re.IGNORECASE)
_MOST_REFERENCES = 20
_LONGEST_REFERENCES = 1490
_LONGEST_ID = 900


def new_message_id(conversation: int, message: int, key: bytes, domain: str) -> str:
    """Return a Message-ID, without <>, that proves later that we wrote it: ids in clear, HMAC beside them.

    Lower-case base32 only, since some servers change the case of ids.
    """
    return f"ucs.{conversation}.{message}.{_mac(conversation, message, key)}@{domain}"


def read_message_id(value: str, key: bytes) -> tuple[int, int] | None:
    """Return (conversation, message) of an id of ours, None when it is not ours or was tampered with."""
    match = _OUR_ID.fullmatch(value.strip().strip("<>").strip())
    if match is None:
        return None
    conversation, message = int(match[1]), int(match[2])
    if not hmac.compare_digest(_mac(conversation, message, key), match[3].lower()):
        return None
    return conversation, message


def _mac(conversation: int, message: int, key: bytes) -> str:
    digest = hmac.digest(key, f"message-id:{conversation}.{message}".encode(), "sha256")
    return base64.b32encode(digest[:_MAC_BYTES]).decode().rstrip("=").lower()


def reply_subject(subject: str) -> str:
    """Return the subject of an answer: "Re: " once, whatever was before it, on one line."""
    subject = " ".join(subject.split())
    return subject if _PREFIX.match(subject) else f"Re: {thread_subject(subject) or subject}".strip()


def reply_references(parent_references: Iterable[str], parent_id: str) -> tuple[str, ...]:
    """Return the References of an answer to ``parent_id`` (RFC 5322 3.6.4), shortened in the middle."""
    return shorten_references((*parent_references, parent_id))


def shorten_references(references: Iterable[str]) -> tuple[str, ...]:
    """Keep the first and the last ids: at most 20, under 1,500 characters, each once and writable."""
    ids = [each.strip().strip("<>") for each in references]
    ids = [each for each in dict.fromkeys(reversed(ids)) if _is_writable(each)][::-1]
    if len(ids) > _MOST_REFERENCES:
        ids = [ids[0], *ids[1 - _MOST_REFERENCES :]]
    while len(ids) > 1 and sum(len(each) + 4 for each in ids) > _LONGEST_REFERENCES:
        del ids[1 if len(ids) > 2 else 0]
    return tuple(ids)


def _is_writable(message_id: str) -> bool:
    return (
        0 < len(message_id) <= _LONGEST_ID
        and message_id.isascii()
        and message_id.isprintable()
        and not re.search(r"[\s<>]", message_id)
    )
