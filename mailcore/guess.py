"""Which charset 8-bit text is in that names none, or a wrong one: by how often letters occur in languages.

Asked only when what is declared and UTF-8 have failed. Careful: "" rather than a guess that is hardly better
than Windows-1252, which comes next.
"""

import re
from dataclasses import dataclass

_SAMPLE = 8000  # octets
_FEWEST = 6  # foreign letters
_HIGH = re.compile(rb"[\x80-\xff]")
_RUNS = re.compile(rb"[\x80-\xff]{2,}")
_ASCII_LETTERS = re.compile(rb"[A-Za-z]")
_BROKEN = "\ufffd"


@dataclass(frozen=True, slots=True)
class _Script:
    """A charset: what ``letters`` its texts are made of, and the least ``share`` of the ``common`` ones."""

    codec: str
    letters: re.Pattern[str]
    common: frozenset[str]
    share: float


_CYRILLIC = re.compile("[\u0400-\u04ff]")
_RUSSIAN = frozenset("оеаинтсрвлкмдпуяыьгзіїєў")
_KANA = re.compile("[\u3041-\u30fe\u4e00-\u9fff\uac00-\ud7a3、。]")
_HAN = re.compile("[\u3041-\u30fe\u4e00-\u9fff\uac00-\ud7a3，。]")
_CHINESE = (
    "的一是不了人我在有他这这為为中大来來上个個国國们們你到说說地子就和时時要会會可以请請您好谢謝信发發件公司"
)
_HANGUL = re.compile("[\u4e00-\u9fff\uac00-\ud7a3]")
_SCRIPTS = (
    _Script("euc_jp", _KANA, frozenset(map(chr, range(0x3041, 0x30FF))), 0.3),
    _Script("cp932", _KANA, frozenset(map(chr, range(0x3041, 0x30FF))), 0.3),
    _Script(
        "cp949", _HANGUL, frozenset("이다는에을의가한하고지로기를어니아습시안사도해인있세요대자은일정"), 0.25
    ),
    _Script("gb18030", _HAN, frozenset(_CHINESE), 0.08),
    _Script("big5hkscs", _HAN, frozenset(_CHINESE), 0.08),
    _Script("cp1251", _CYRILLIC, _RUSSIAN, 0.6),
    _Script("koi8_r", _CYRILLIC, _RUSSIAN, 0.6),
    _Script("iso8859_5", _CYRILLIC, _RUSSIAN, 0.6),
    _Script("cp866", _CYRILLIC, _RUSSIAN, 0.6),
    _Script("cp1253", re.compile("[\u0370-\u03ff]"), frozenset("αοιετσνηυρπκμλς"), 0.6),
    _Script("cp1255", re.compile("[\u05d0-\u05ea]"), frozenset("יולהאמרתבנש"), 0.6),
    _Script("cp1256", re.compile("[\u0600-\u06ff]"), frozenset("اليمنوتربهة"), 0.5),
    _Script("cp874", re.compile("[\u0e00-\u0e7f]"), frozenset("านรอกเงยมว่้ัี"), 0.4),
)


def guess(data: bytes) -> str:
    """Return the codec of a text in a script like Cyrillic, Greek or Chinese, "" when it is unclear."""
    sample = data[:_SAMPLE]
    foreign = len(_HIGH.findall(sample))
    if foreign < _FEWEST or foreign < len(_ASCII_LETTERS.findall(sample)) / 3:
        return ""
    if sum(map(len, _RUNS.findall(sample))) < 0.6 * foreign:  # Latin letters with marks stand alone
        return ""
    found = [(score, script.codec) for script in _SCRIPTS if (score := _score(sample, script)) > 0]
    return max(found)[1] if found else ""


def _score(sample: bytes, script: _Script) -> float:
    """How much more often the common letters occur than they must; 0 when this is not the script."""
    text = sample.decode(script.codec, "replace")
    foreign = [letter for letter in text if letter > "\x7f"]
    letters = len(script.letters.findall(text))
    if not foreign or text.count(_BROKEN) * 50 > len(foreign) + 50 or letters < 0.85 * len(foreign):
        return 0
    common = sum(letter in script.common for letter in foreign)
    ratio = common / len(foreign)
    return ratio / script.share if ratio >= script.share else 0
