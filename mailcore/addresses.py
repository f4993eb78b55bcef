"""Address lists as people's mailers write them → Address. One pass, no recursion, at most 500."""

import re
from dataclasses import dataclass, field

from mailcore.clean import clean_line
from mailcore.parsed import Address
from mailcore.words import decode_words

MOST = 500
_LONGEST = 320  # 64 + @ + 255 (RFC 5321 4.5.3.1)
_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.)*)"|\(([^()]*)\)|<([^<>]*)>|([,;:])|([^",;:()<>\s]+)|(\s+)|.', re.DOTALL
)
_CLOSED_QUOTES = re.compile(r'(?:[^"]++|"(?:[^"\\]|\\.)*")*', re.DOTALL)
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_EMAIL = re.compile(r"[^\s<>()\",;:]{1,320}@[^\s<>()\",;:@]{1,320}")


@dataclass(slots=True)
class _Entry:
    """One address in the making."""

    words: list[str] = field(default_factory=list)
    comment: str = ""
    angle: str | None = None


def addresses(value: str, fallback: str = "") -> tuple[tuple[Address, ...], bool]:
    """Return the addresses of a header in order, and whether there were more than 500.

    Groups lose their name, an unquoted comma in a name does not split it ("Doe, John <j@example.com>").
    """
    found: list[Address] = []
    entry = _Entry()
    closed = _CLOSED_QUOTES.match(value)
    if closed and closed.end() < len(value):  # a quote that never ends would hide all that follows
        value = value[: closed.end()] + value[closed.end() :].replace('"', "")
    for match in _TOKEN.finditer(value):
        separator = match[4]
        if separator is None:
            _add(entry, match)
        elif separator == ":" and entry.angle is None and not _has_email(entry):
            entry = _Entry()  # the name of a group, or a stray "mailto:"
        elif separator == "," and entry.angle is None and entry.words and not _has_email(entry):
            entry.words.append(", ")
        elif separator != ":":
            found += _finish(entry, fallback)
            entry = _Entry()
        if len(found) >= MOST:
            return tuple(found[:MOST]), True
    found += _finish(entry, fallback)
    return tuple(found), False


def _has_email(entry: _Entry) -> bool:
    return any("@" in word for word in entry.words)


def _add(entry: _Entry, match: re.Match[str]) -> None:
    quoted, comment, angle, _, word, space = match.groups()
    if angle is not None:
        if entry.angle is None or "@" not in entry.angle:
            entry.angle = angle
    elif quoted is not None:
        entry.words.append(_BACKSLASH.sub(r"\1", quoted))
    elif comment is not None:
        entry.comment = comment
    elif word:
        entry.words.append(word)
    elif space and entry.words:
        entry.words.append(" ")


def _finish(entry: _Entry, fallback: str) -> list[Address]:
    name = "".join(entry.words).strip(" ,")
    if entry.angle is not None:
        email = entry.angle
        if "@" not in email and "@" in name and not email.strip():
            email = name
    else:
        email, name = _bare(name, entry.comment)
    name = _unquoted(clean_line(decode_words(name, fallback)))
    email = clean_email(email)
    if not email and entry.angle is None and entry.words:
        # A whole address inside one encoded word: forbidden, and seen.
        decoded = clean_line(decode_words("".join(entry.words), fallback))
        inner = _EMAIL.search(decoded)
        if inner:
            return [Address(decoded[: inner.start()].strip("<\"' "), clean_email(inner[0]))]
        return [Address(decoded[:_LONGEST], "")] if decoded else []
    return [Address(name, email)] if name or email else []


def _bare(text: str, comment: str) -> tuple[str, str]:
    """Return address and name of what stands without <>, such as "Carla carla@example.org"."""
    words, space, last = text.rpartition(" ")
    if space and not comment and "@" in last and "@" not in words and words.strip("<>'\" "):
        return last, words
    return text, comment


def _unquoted(name: str) -> str:
    """Take quotes off that stand around the whole name: Outlook's 'Alice Agent', "quotes" within quotes."""
    while len(name) > 1 and name[0] == name[-1] and name[0] in "'\"":
        name = name[1:-1].strip()
    return name


def clean_email(text: str) -> str:
    """Return one bare address with a lower-case domain, "" when it is none."""
    text = clean_line(text).removeprefix("mailto:").strip("<>'\" ")
    if " " in text:
        inner = _EMAIL.search(text)
        text = inner[0] if inner else text.replace(" ", "")
    local, at, domain = text.rpartition("@")
    domain = domain.strip(".").lower()
    if not at or not local or not domain or len(text) > _LONGEST:
        return ""
    return f"{local}@{domain}"
