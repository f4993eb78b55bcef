"""Which letters the bytes mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.charsets import codec_of, decode
from mailcore.clean import clean_file_name, clean_line, clean_text
from mailcore.guess import guess

SAMPLES = {
    charset: text
    for text, charsets in {
        "Žluťoučký kůň": "utf-8",
        "Žluťoučký": "utf-16|iso-8859-2|windows-1250",
        "Grüße": "iso-8859-1|macintosh",
        "Ĉu": "iso-8859-3",
        "Ķēniņš": "iso-8859-4|windows-1257",
        "Привет": "iso-8859-5|windows-1251|koi8-r|cp866",
        "Καλημέρα": "iso-8859-7|windows-1253",
        "שלום": "iso-8859-8|iso-8859-8-i|windows-1255",
        "Günaydın ş": "iso-8859-9",
        "Ŧ": "iso-8859-10",
        "Ž": 'iso-8859-13|utf-8 |"utf-8"|UTF8',
        "Ŵ": "iso-8859-14",
        "10 €": "iso-8859-15",
        "Ș": "iso-8859-16",
        "ř": "cp1250",
        "“Grüße” €": "windows-1252",
        "ş": "windows-1254",
        "مرحبا": "windows-1256",
        "Đ": "windows-1258",
        "Привіт ї": "koi8-u",
        "你好": "gb2312|gb18030",
        "你好嗎": "gbk",
        "您好": "big5",
        "こんにちは": "shift_jis|euc-jp|iso-2022-jp",
        "안녕하세요": "euc-kr",
        "안녕": "ks_c_5601-1987",
        "สวัสดี": "tis-620",
        "Žluť": "ibm852",
    }.items()
    for charset in charsets.split("|")
}


@pytest.mark.parametrize("charset", SAMPLES)
def test_forty_charsets(charset: str) -> None:
    text = SAMPLES[charset]
    data = text.encode(charset.strip(' "').replace("-8-i", "-8").replace("ks_c_5601-1987", "cp949"))

    assert decode(data, charset) == (text, True)


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("x-cp1250", "cp1250"),
        ("win1251", "cp1251"),
        ("windows-1252http-equivcontent-type", "cp1252"),
        ("iso88592", "iso8859_2"),
        ("8859-1", "cp1252"),
        ("cp28605", "iso8859_15"),
        ("cs_CZ.UTF-8", "utf_8"),
        ("_iso-2022-jp$ESC", "iso2022_jp_ext"),
        ("x-x-big5", "big5hkscs"),
        ("csGB2312", "gb18030"),
        ("GB_2312-80", "gb18030"),
        ("ks_c_5601-1989", "cp949"),
        ("koi8-ru", "koi8_u"),
        ("x-mac-ce", "mac_latin2"),
        ("x-user-defined", "cp1252"),
        ("unicode-1-1-utf-7", ""),
        ("unknown-8bit", ""),
        ("cp99999", ""),
    ],
)
def test_names_that_nobody_registered(charset: str, codec: str) -> None:
    assert codec_of(charset) == codec


@pytest.mark.parametrize(
    "charset",
    [
        *(
            "utf-7",
            "unicode_escape",
            "raw-unicode-escape",
            "idna",
            "punycode",
            "zlib",
            "base64",
            "rot13",
            "hex",
        ),
        *("hz", "../../x", "x" * 5000, "utf\0-8x", "undefined", "mbcs"),
    ],
)
def test_refused_codecs(charset: str) -> None:
    assert codec_of(charset) == ""
    assert decode(b"plain +ADw- \\x41", charset)[0] == "plain +ADw- \\x41"


@pytest.mark.parametrize(
    ("data", "charset", "text", "sure"),
    [
        ("Grüße".encode(), "iso-8859-1", "Grüße", True),  # the commonest lie
        ("Grüße".encode(), "us-ascii", "Grüße", True),
        ("Grüße".encode("latin-1"), "utf-8", "Grüße", False),
        ("Grüße".encode("latin-1"), "", "Grüße", False),
        (b"\x93quoted\x94", "iso-8859-1", "“quoted”", True),
        (b"\xff\xfeA\0B\0", "utf-8", "AB", True),
        ("\ufeffBOM".encode(), "utf-8", "BOM", True),
        (b"", "utf-8", "", True),
        (b"plain words", "utf-16", "plain words", False),
        ("Žluť".encode("utf-16-be"), "utf-16be", "Žluť", True),
    ],
)
def test_lies(data: bytes, charset: str, text: str, sure: bool) -> None:
    assert decode(data, charset)[0] == text
    assert decode(data, charset)[1] is sure or not sure


SCRIPTS = [
    ("cp1251", "Здравствуйте, я хотел бы узнать, где находится моя посылка."),
    ("koi8-r", "Здравствуйте, я хотел бы узнать, где находится моя посылка."),
    ("cp866", "Здравствуйте, я хотел бы узнать, где находится моя посылка."),
    ("iso8859-5", "Здравствуйте, я хотел бы узнать, где находится моя посылка."),
    ("cp1251", "Доброго дня, підкажіть, будь ласка, коли прийде моє замовлення?"),
    ("cp1253", "Καλημέρα σας, θα ήθελα να ρωτήσω πότε θα έρθει το δέμα μου."),
    ("cp1255", "שלום, רציתי לדעת מתי תגיע החבילה שלי. תודה רבה"),
    ("cp1256", "مرحبا، أود أن أعرف متى ستصل طلبيتي. شكرا جزيلا لكم"),
    ("cp874", "สวัสดีครับ ผมอยากทราบว่าพัสดุของผมจะมาถึงเมื่อไหร่"),
    ("euc_jp", "お世話になっております。注文した商品がまだ届いていません。"),
    ("cp932", "お世話になっております。注文した商品がまだ届いていません。"),
    ("gb18030", "您好，我想问一下我的包裹什么时候能到。谢谢！"),
    ("big5", "您好，我想請問一下我的包裹什麼時候會到。謝謝您的回覆！"),
    ("cp949", "안녕하세요, 제 소포가 언제 도착하는지 알고 싶습니다."),
]


@pytest.mark.parametrize("declared", ["", "iso-8859-1", "us-ascii", "utf-8", "x-unknown"])
@pytest.mark.parametrize(("codec", "text"), SCRIPTS, ids=[f"{codec} {text[:9]}" for codec, text in SCRIPTS])
def test_scripts_that_no_header_names_are_guessed(codec: str, text: str, declared: str) -> None:
    assert decode(text.encode(codec), declared) == (text, False)


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", "Où êtes-vous? Déjà à l'été, ça va être très élevé"),
        ("cp1252", "Grüße aus Köln, schöne Straße äöü ÄÖÜ ß"),
        ("cp1252", "ÄÖÜßäöüÉÈ"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy."),
        ("cp1254", "Günaydın, siparişim ne zaman gelecek? Teşekkür ederim."),
        ("cp1252", "««« ———— »»»"),
        ("cp1252", ""),
    ],
)
def test_latin_letters_are_not_taken_for_another_script(codec: str, text: str) -> None:
    assert guess(text.encode(codec)) == ""


@given(st.binary(max_size=300))
def test_any_bytes_can_be_guessed_at(data: bytes) -> None:
    decode(data, guess(data))


def test_one_damaged_letter_does_not_spoil_the_rest() -> None:
    text, sure = decode("Žluťoučký kůň úpěl".encode() + b"\xff", "utf-8")

    assert text == "Žluťoučký kůň úpěl\ufffd"
    assert not sure


def test_clean_text() -> None:
    assert clean_text("a\0b\ud800c\r\nd\re\x0bf\u2028g\x1b[0m") == "ab\ufffdc\nd\ne\nf\ng[0m"
    assert clean_text("e\u0301") == "é"
    assert len(clean_text("e" + "\u0301" * 1000)) < 40
    assert clean_line(" a\r\n b\t c ") == "a b c"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\temp\\a.txt", "C__temp_a.txt"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\0b\n.txt", "ab .txt"),
        ("..", ""),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_file_names(given: str, shown: str) -> None:
    assert clean_file_name(given) == shown
