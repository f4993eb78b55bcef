"""Rich text as Outlook keeps it: decompressed (MS-OXRTFCP), as text or as HTML (MS-OXRTFEX).

Linear, within limits, never raises. Formatting is dropped: it is read only when a mail has no other body.
"""

import re
from dataclasses import dataclass, field, replace

from mailcore.charsets import decode
from mailcore.clean import clean_text

LARGEST = 4_000_000  # octets of RTF
_MOST_GROUPS = 500  # within each other
_RING = 4096
# What every compressor begins with (MS-OXRTFCP 2.1.2.1).
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\",
    re.DOTALL,
)
_HIDDEN = frozenset({
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "headerl", "headerr", "footer",
    "footerl", "footerr", "footnote", "themedata", "datastore", "listtable", "listoverridetable", "filetbl",
    "revtbl", "rsidtbl", "generator", "xmlnstbl", "fldinst", "nonshppict", "mhtmltag",
})  # fmt: skip
_LETTERS = {
    "par": "\n", "line": "\n", "row": "\n", "page": "\n", "sect": "\n", "tab": "\t", "cell": "\t",
    "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "emspace": " ", "enspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "-", b"-": "", b"{": "{", b"}": "}", b"\\": "\\", b"\n": "\n", b"\r": "\n"}
# \fcharset → Windows code page.
_CHARSETS = {
    0: 1252, 77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258,
    177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250, 255: 437,
}  # fmt: skip


def uncompressed(data: bytes, room: int = LARGEST) -> bytes:
    """Return the RTF in a PR_RTF_COMPRESSED value, ``room`` octets at most; what is damaged ends early."""
    kind, body = data[8:12], data[16:]
    if kind == b"MELA":
        return body[:room]
    if kind != b"LZFu":
        return b""
    out = bytearray(_DICTIONARY)
    largest = len(_DICTIONARY) + min(int.from_bytes(data[4:8], "little"), room)
    at = 0
    while at < len(body) and len(out) < largest:
        flags = body[at]
        at += 1
        for bit in range(8):
            if not flags >> bit & 1:
                out += body[at : at + 1]
                at += 1
            elif _copy(out, body[at : at + 2]):
                at += 2
            else:
                at = len(body)
                break
    return bytes(out[len(_DICTIONARY) : largest])


def _copy(out: bytearray, reference: bytes) -> bool:
    """Repeat what stood earlier; False at the end mark, which points at the place just being written."""
    if len(reference) < 2:
        return False
    word = int.from_bytes(reference, "big")
    back = (len(out) - (word >> 4)) % _RING
    length = (word & 15) + 2
    if back == 0 or back > len(out):
        return False
    piece = bytes(out[-back:][:length])
    out += (piece * (length // len(piece) + 1))[:length]
    return True


@dataclass(frozen=True, slots=True)
class Rtf:
    """What RTF says: ``html`` when it was made from HTML (not sanitised), ``text`` when not."""

    text: str = ""
    html: str = ""


@dataclass(slots=True)
class _State:
    """What holds within a group."""

    charset: str = ""
    is_hidden: bool = False
    is_font_table: bool = False
    is_markup: bool = False  # inside {\*\htmltag …}
    is_for_rtf: bool = False  # between \htmlrtf and \htmlrtf0
    skip: int = 1  # how many letters after \u stand in for it


@dataclass(slots=True)
class _Reader:
    state: _State = field(default_factory=_State)
    stack: list[_State] = field(default_factory=list)
    fonts: dict[int, str] = field(default_factory=dict)
    font: int = 0
    out: list[str] = field(default_factory=list)
    pending: bytearray = field(default_factory=bytearray)
    code_page: str = "cp1252"
    skipping: int = 0
    starred: bool = False
    from_html: bool = False

    def read(self, rtf: bytes) -> str:
        position = 0
        while match := _TOKEN.match(rtf, position):
            position = match.end()
            word, value, octet, symbol, brace, run = match.groups()
            if word:
                position += self.word(word.decode("ascii"), int(value) if value else None)
            elif octet:
                self.octets(bytes((int(octet, 16),)))
            elif symbol == b"*":
                self.starred = True
            elif symbol:
                self.letter(_SYMBOLS.get(symbol, ""))
            elif brace:
                if not self.brace(brace):
                    break
            elif run:
                self.octets(run)
        self.flush()
        return "".join(self.out)

    def brace(self, brace: bytes) -> bool:
        self.flush()
        self.starred, self.skipping = False, 0
        if brace == b"{":
            self.stack.append(self.state)
            self.state = replace(self.state)
        elif self.stack:
            self.state = self.stack.pop()
        return len(self.stack) <= _MOST_GROUPS

    def word(self, word: str, value: int | None) -> int:
        """Do what a control word says and return how many binary octets follow it."""
        starred, self.starred = self.starred, False
        state = self.state
        if word == "bin":
            return max(value or 0, 0)
        if word in ("f", "fcharset", "plain", "ansicpg"):
            self.choose_font(word, value or 0)
        elif word == "uc":
            state.skip = min(max(value or 0, 0), 10)
        elif word == "u":
            self.letter(chr((value or 0) & 0xFFFF))
            self.skipping = state.skip
        elif word == "fromhtml":
            self.from_html = True
        elif word == "htmlrtf":
            self.flush()
            state.is_for_rtf = value != 0
        elif word == "htmltag":
            state.is_markup, state.is_hidden = True, False
        elif word in _HIDDEN or starred:
            state.is_hidden = True
            state.is_font_table = word == "fonttbl"
        elif word in _LETTERS:
            self.letter(_LETTERS[word])
        return 0

    def choose_font(self, word: str, value: int) -> None:
        self.flush()
        if word == "ansicpg":
            self.code_page = f"cp{value}"
        elif word == "plain":
            self.state.charset = ""
        elif word == "f":
            self.font = value
            self.state.charset = self.fonts.get(value, "")
        elif self.state.is_font_table and value in _CHARSETS:
            self.fonts[self.font] = f"cp{_CHARSETS[value]}"

    @property
    def is_silent(self) -> bool:
        return self.state.is_hidden or (self.from_html and self.state.is_for_rtf)

    def letter(self, text: str) -> None:
        self.flush()
        if not self.is_silent:
            self.out.append(text)

    def octets(self, run: bytes) -> None:
        skipped = min(self.skipping, len(run))
        self.skipping -= skipped
        if not self.is_silent:
            self.pending += run[skipped:]

    def flush(self) -> None:
        if self.pending:
            self.out.append(decode(bytes(self.pending), self.state.charset or self.code_page)[0])
            self.pending.clear()


def read_rtf(rtf: bytes) -> Rtf:
    """Read RTF; anything else gives nothing."""
    if not rtf.lstrip().startswith(b"{\\rtf"):
        return Rtf()
    reader = _Reader()
    text = reader.read(rtf[:LARGEST])
    # Letters beyond the first plane come as two halves.
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    clean = clean_text(whole)
    return Rtf(html=clean) if reader.from_html else Rtf(text=clean.strip())
