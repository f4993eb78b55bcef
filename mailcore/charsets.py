"""Bytes and a (perhaps lying) charset name → text. Never raises.

The ladder: what is declared, then UTF-8, then a guess for scripts that are unlike ours, then Windows-1252 and
Latin-1. Names are looked up in a closed list, so a mail cannot make us import a codec (utf-7, unicode_escape,
zlib, …) or fill the codec registry's memory.
"""

import codecs
import encodings.aliases
import re
from collections.abc import Iterator
from functools import cache

from mailcore.guess import guess

# The browsers' reading of these names (WHATWG Encoding): supersets of what the name says, since mailers lie.
_WIDER = {
    "ascii": "cp1252",
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
}
_REFUSED = frozenset({
    "utf_7", "unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "mbcs", "oem",
    "charmap", "unicode_internal", "hz",
})  # fmt: skip
_MORE_NAMES = {
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_6_i": "iso8859_6",
    "x_sjis": "cp932",
    "x_euc_jp": "euc_jp",
    "x_gbk": "gb18030",
    "x_big5": "big5hkscs",
    "x_mac_roman": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601": "cp949",
    "utf8mb4": "utf_8",
    "unicode_1_1_utf_8": "utf_8",
    "cp_850": "cp850",
    "x_user_defined": "cp1252",
    "windows_874": "cp874",
    "windows_31j": "cp932",
    "dos_720": "cp720",
    "ansi": "cp1252",
    "logical": "iso8859_8",
    "iso_8859_6_e": "iso8859_6",
    "iso_8859_12": "cp1252",
    "koi8": "koi8_r",
    "koi8_ru": "koi8_u",
    "mac": "mac_roman",
    "x_mac_ce": "mac_latin2",
    "x_mac_centraleurroman": "mac_latin2",
    "x_mac_ukrainian": "mac_cyrillic",
    "gb_2312_80": "gb18030",
    "csgb2312": "gb18030",
    "cn_gb": "gb18030",
    "cn_big5": "big5hkscs",
    "cswindows31j": "cp932",
    "iso_2022_jp_ms": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext",
    "cp51932": "euc_jp",
    "cp51949": "cp949",
    "cp54936": "gb18030",
    "ks_c_5601_1989": "cp949",
    "cp20127": "cp1252",
    "cp20866": "koi8_r",
    "cp21866": "koi8_u",
    "cp10000": "mac_roman",
    "cp10007": "mac_cyrillic",
    "cp10029": "mac_latin2",
    "iso_10646_ucs_2": "utf_16_be",
    "ucs_2": "utf_16_be",
    "utf_8_sig": "utf_8",
    **{f"cp{28590 + part}": f"iso8859_{part}" for part in range(1, 17)},
}
# What is meant by names that nobody registered: "x-cp1250", "win1250", "iso88592", "cs_CZ.utf-8".
_INSIDE = (
    (re.compile(r"(?:cp|win|windows|ibm|dos)_?(\d{3,5})(?!\d)"), "cp{}"),
    (re.compile(r"(?:iso)?_?8859_?(\d{1,2})(?!\d)"), "iso8859_{}"),
    (re.compile(r"utf_?(8|16le|16be|16|32)(?![a-z0-9])"), "utf_{}"),
    (re.compile(r"(iso_2022_jp|big5|gbk|gb2312|shift_jis|sjis|euc_jp|euc_kr|koi8_[ru])"), "{}"),
)
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# ISO-2022-JP announces itself by its escape sequences, whatever the header says.
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]|\x1b\([IJ]")


@cache
def _known() -> dict[str, str]:
    aliases = encodings.aliases.aliases
    names = {**aliases, **{codec: codec for codec in aliases.values()}, **_MORE_NAMES}
    names |= {f"cp{n}": f"cp{n}" for n in (720, 737, 856, 874, 875, 1006)}
    names |= {"koi8_t": "koi8_t", "koi8_u": "koi8_u", "koi8_r": "koi8_r"}
    return {name: codec for name, codec in names.items() if codec not in _REFUSED and _is_text(codec)}


def _is_text(codec: str) -> bool:
    try:
        "".encode(codec)
    except (LookupError, UnicodeError, ValueError):
        return False  # base64, zlib and the other bytes-to-bytes codecs
    return True


def codec_of(charset: str) -> str:
    """Return the Python codec for a charset name of a mail, "" for an unknown or refused one."""
    name = _NOT_WORD.sub("_", charset[:60].lower()).strip("_")
    known = _known()
    codec = (
        known.get(name) or known.get(name.replace("_", "")) or known.get(f"cp{name.rpartition('_')[2]}", "")
    )
    if not codec:
        codec = next((known.get(each, "") for each in _named_inside(name)), "")
    return _WIDER.get(codec, codec)


def _named_inside(name: str) -> Iterator[str]:
    for pattern, template in _INSIDE:
        if match := pattern.search(name):
            yield template.format(match[1])


def decode(data: bytes, charset: str = "", fallback: str = "") -> tuple[str, bool]:
    """Decode ``data``.

    Args:
        data: any bytes.
        charset: what the part declares, "" when it does not.
        fallback: a second opinion, for instance the charset of the body for a raw header.

    Returns:
        The text, and whether it was read without doubt (the declared charset fitted, or it was plain UTF-8).
    """
    if data.startswith(_UTF_16_MARKS) and len(data) % 2 == 0:
        charset = "utf-16"
    declared = codec_of(charset)
    if declared.startswith(("utf_16", "utf_32")) and data.isascii() and b"\0" not in data:
        declared = ""  # each second byte of such a text would be NUL
    if declared == "cp1252" or not declared:
        # Pure ASCII and undeclared UTF-8 first: "iso-8859-1" is the commonest lie, and
        # ISO-2022-JP looks like ASCII.
        if b"\x1b" in data and _ISO_2022_JP.search(data):
            declared = "iso2022_jp_ext"
        elif data.isascii():
            pass
        elif (text := _strict(data, "utf_8")) is not None:
            if not declared or _is_convincing(text, charset):
                return text.removeprefix("\ufeff"), not charset or bool(declared)
        elif declared and (guessed := _best_guess(data)):
            return guessed, False
    for codec in dict.fromkeys((declared, "utf_8", codec_of(fallback))):
        if codec and (text := _strict(data, codec)) is not None:
            return text.removeprefix("\ufeff"), codec == declared or (not charset and codec == "utf_8")
    return _least_damage(data, declared), False


def _best_guess(data: bytes) -> str | None:
    codec = guess(data)
    return data.decode(codec, "replace") if codec else None


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _is_convincing(text: str, charset: str) -> bool:
    """Whether valid UTF-8 declared as something else is UTF-8: two letters in Latin-1 are no accident."""
    return "ascii" in charset.lower() or sum(not each.isascii() for each in text[:4000]) >= 2


def _least_damage(data: bytes, declared: str) -> str:
    """Choose between a few replacement characters in a wide charset and another one throughout."""
    for codec in dict.fromkeys((declared, "utf_8")):
        if codec and codec != "cp1252":
            text = data.decode(codec, "replace")
            foreign = len(text) - len(text.encode("ascii", "ignore"))
            if text.count("\ufffd") * 5 <= foreign:
                return text
    return _best_guess(data) or _strict(data, "cp1252") or data.decode("latin-1")
