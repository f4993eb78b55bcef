"""Encoded words and parameters of headers, read forgivingly (RFC 2047, RFC 2231)."""

import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from mailcore.charsets import codec_of, decode

# Every repeat excludes the character that ends it, so the pattern is linear on any input.
_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
# Some mailers leave question marks unencoded within Q words.
_LOOSE_Q_WORD = re.compile(r"=\?([^?\s*]{1,60})\?([qQ])\?((?:[^?\s]|\?(?!=))*)\?=")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
# A quote in the middle of a word does not end the value: filename="the "old" price.pdf".
_PARAMETER = re.compile(
    r";\s*([^\s=;\"]+)\s*=\s*(?:\"((?:[^\"\\]|\\.|\"(?!\s{0,9}(?:;|\Z)|\s{1,9}[\w*-]{1,40}=))*)\"?|([^;]*))",
    re.DOTALL,
)
_CONTINUED = re.compile(r"([^*]+)\*(?:(\d{1,3})(\*)?)?\Z")
_BACKSLASH = re.compile(r"\\([\"\\])")
_MOST_PARAMETERS = 100


def decode_words(text: str, fallback: str = "") -> str:
    """Return header ``text`` with its encoded words decoded.

    Neighbouring words of one charset are joined before decoding: many mailers cut a letter in two.
    """
    if "=?" not in text:
        return text
    out: list[str] = []
    end, pending, charset = 0, b"", ""
    for match in _words(text):
        gap = text[end : match.start()]
        touching = bool(end) and not gap.strip()
        if not touching or match[1].lower() != charset:
            out.append(decode(pending, charset, fallback)[0])
            pending, charset = b"", match[1].lower()
        if not touching:
            out.append(gap)
        pending += _word_bytes(charset, match[2], match[3])
        end = match.end()
    out += [decode(pending, charset, fallback)[0], text[end:]]
    return "".join(out)


def _words(text: str) -> Iterator[re.Match[str]]:
    position = 0
    while match := _WORD.search(text, position) or _LOOSE_Q_WORD.search(text, position):
        yield match
        position = match.end()


def _word_bytes(charset: str, encoding: str, payload: str) -> bytes:
    if encoding in "qQ":
        # 8-bit letters inside a word are forbidden and seen; they were read already: back to its charset.
        codec = "ascii" if payload.isascii() else codec_of(charset) or "utf_8"
        return binascii.a2b_qp(payload.encode(codec, "replace"), header=True)
    digits = _NOT_BASE64.sub("", payload)
    return binascii.a2b_base64(digits[: len(digits) - (len(digits) % 4 == 1)] + "=" * (-len(digits) % 4))


def parameters(value: str) -> dict[str, str]:
    """Return the ``; name=value`` parameters of a structured header, decoded, names lower case."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for number, match in enumerate(_PARAMETER.finditer(value)):
        if number == _MOST_PARAMETERS:
            break
        name = match[1].lower()
        text = _BACKSLASH.sub(r"\1", match[2]) if match[2] is not None else match[3].strip().strip('"')
        continued = _CONTINUED.match(name)
        if continued:
            encoded = continued[2] is None or continued[3] is not None
            pieces.setdefault(continued[1], {}).setdefault(int(continued[2] or 0), (text, encoded))
        else:
            plain.setdefault(name, decode_words(text))
    return {**plain, **{name: _join_pieces(parts) for name, parts in pieces.items()}}


def _join_pieces(parts: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231 3 and 4: pieces in order, percent-decoded, then read in the charset of the first."""
    charset, data = "", b""
    for number in sorted(parts):
        text, encoded = parts[number]
        if encoded and number == min(parts) and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
            text = text.strip('"')
        raw = text.encode("utf-8", "replace")
        data += unquote_to_bytes(raw) if encoded else raw
    text = decode(data, charset)[0]
    return decode_words(text)
