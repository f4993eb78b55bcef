"""winmail.dat: its files are the mail's files, its text is shown when there is no other."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.parse import parse, part_bytes
from mailcore.rtf import read_rtf, uncompressed
from mailcore.tnef import read_tnef
from tests.mailcore import winmail as wm
from tests.mailcore.mails import HEADERS

RICH = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
# The same as MS-OXRTFCP 3.1.1 compresses it.
COMPRESSED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)


def mail_with(winmail: bytes, text: bytes = b"See the files.\r\n") -> bytes:
    body = b"--b\r\nContent-Type: text/plain\r\n\r\n" + text + b"--b\r\nContent-Type: application/ms-tnef\r\n"
    body += b"Content-Transfer-Encoding: binary\r\n\r\n" + winmail + b"\r\n--b--\r\n"
    return HEADERS + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + body


def test_the_files_inside_are_files_of_the_mail_and_winmail_stays() -> None:
    inside = wm.winmail(
        wm.file(b"one", values=[wm.long_name("Žluťoučký ceník 2026.pdf")]),
        wm.file(b"two \x00\xff", title=b"NOTES.TXT\0"),
    )
    raw = mail_with(inside)

    mail = parse(raw)

    assert mail.text == "See the files."
    assert [(each.part, each.name, each.type, each.size) for each in mail.attachments] == [
        ("2", "winmail.dat", "application/ms-tnef", len(inside)),
        ("2#1", "Žluťoučký ceník 2026.pdf", "application/pdf", 3),
        ("2#2", "NOTES.TXT", "text/plain", 6),
    ]
    assert part_bytes(raw, "2") == inside
    assert part_bytes(raw, "2#1") == b"one"
    assert part_bytes(raw, "2#2") == b"two \x00\xff"


def test_names_in_the_code_page_of_the_writer() -> None:
    found = read_tnef(wm.winmail(wm.file(b"x", title="účet.doc".encode("cp1250") + b"\0"), code_page=1250))

    assert found.files[0].name == "účet.doc"


def test_folders_in_names_are_cut() -> None:
    found = read_tnef(wm.winmail(wm.file(b"x", values=[wm.long_name("../../etc/passwd\0.txt")])))

    assert "/" not in found.files[0].name


def test_html_inside_is_shown_sanitised_with_its_pictures() -> None:
    html = wm.Value(0x1013, 0x102, "<p>Größe <img src='cid:p@1'><script>1</script>".encode())
    picture = wm.file(b"PNG", values=[wm.long_name("p.png"), wm.text16(0x3712, "p@1")])
    page = wm.Value(0x3FDE, 0x03, (65001).to_bytes(4, "little"))

    mail = parse(mail_with(wm.winmail(wm.message([html, page]), picture), text=b""))

    assert "Größe" in mail.html
    assert "script" not in mail.html
    assert mail.text.startswith("Größe")
    assert [each.inline for each in mail.attachments] == [False, True]


def test_the_text_of_the_mail_goes_before_the_text_inside() -> None:
    inside = wm.winmail(wm.message([wm.text16(0x1000, "The text inside.")]))

    assert parse(mail_with(inside)).text == "See the files."
    assert parse(mail_with(inside, text=b"")).text == "The text inside."


def test_a_named_property_before_the_name() -> None:
    odd = [
        wm.Value(0x8001, 0x1E, b"x\0", name="some-name"),
        wm.Value(0x3001, 0x0B, b"\1\0"),
        wm.long_name("a.txt"),
    ]

    assert read_tnef(wm.winmail(wm.file(b"x", values=odd))).files[0].name == "a.txt"


def embedded(inner: bytes) -> bytes:
    return wm.file(b"", values=[wm.Value(0x3701, 0x0D, wm.MESSAGE_ID + inner)])


def test_a_message_inside_gives_its_text_and_its_files() -> None:
    inner = wm.winmail(
        wm.attribute(wm.SUBJECT, b"Old offer\0"), wm.message([wm.text16(0x1000, "Dear Bob")]), wm.file(b"f")
    )
    raw = mail_with(wm.winmail(wm.file(b"first"), embedded(inner)))

    found = {each.part: each.name for each in parse(raw).attachments}

    assert found == {"2": "winmail.dat", "2#1": "FILE~1.TXT", "2#2": "Old offer.txt", "2#2.1": "FILE~1.TXT"}
    assert part_bytes(raw, "2#2") == b"Dear Bob"
    assert part_bytes(raw, "2#2.1") == b"f"


def test_messages_within_messages_end() -> None:
    inner = wm.winmail(wm.file(b"deep"))
    for _ in range(30):
        inner = wm.winmail(embedded(inner))

    assert len(read_tnef(inner).files) < 10


def test_a_cut_off_winmail_gives_what_is_there() -> None:
    whole = wm.winmail(wm.file(b"one" * 100), wm.file(b"two" * 100))

    for length in range(len(whole)):
        names = [each.data for each in read_tnef(whole[:length]).files]
        assert len(names) <= 2
    assert read_tnef(whole[:-40]).files[0].data == b"one" * 100


@given(st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=4))
def test_any_damage_is_borne(tail: bytes, at: int, damage: bytes) -> None:
    whole = wm.winmail(wm.message([wm.text16(0x1000, "text")]), wm.file(b"one", values=[wm.long_name("a")]))
    read_tnef(whole[:at] + damage + whole[at + len(damage) :] + tail)
    read_tnef(b"\x78\x9f\x3e\x22\0\0" + tail)


def test_compressed_rich_text() -> None:
    rtf = uncompressed(COMPRESSED)

    assert rtf == RICH
    assert read_rtf(rtf).text == "hello world"


def test_cut_off_rich_text_is_the_beginning() -> None:
    for cut in range(len(COMPRESSED)):
        assert RICH.startswith(uncompressed(COMPRESSED[:cut]))


@given(st.binary(max_size=400))
def test_any_bytes_as_rich_text(data: bytes) -> None:
    read_rtf(uncompressed(bytes(4) + b"\xff\xff\0\0LZFu" + bytes(4) + data))
    read_rtf(b"{\\rtf1 " + data)


@pytest.mark.parametrize(
    ("rtf", "text"),
    [
        (rb"{\rtf1\ansi\ansicpg1250 P\'f8\'edli\'9a\par \'9elu\'9dou\'e8k\'fd}", "Příliš\nžluťoučký"),
        (rb"{\rtf1\ansi{\fonttbl{\f0\fcharset204 Arial;}{\f1 Arial;}}\f0\'cf\'f0\'e8\f1  ok}", "При ok"),
        (rb"{\rtf1\ansi\uc1 \u337?\u-10179?\u-8704? {\*\secret hidden}\{x\}\~y}", "ő😀 {x}\xa0y"),
        (rb"{\rtf1{\info{\title No}}{\pict 00ff}Text\tab cell\line end}", "Text\tcell\nend"),
        (rb"{\rtf1 a\bin3 }{}b}", "ab"),
        (b"not rich text", ""),
    ],
)
def test_rich_text_as_text(rtf: bytes, text: str) -> None:
    assert read_rtf(rtf).text == text


def test_rich_text_made_from_html_is_html_again() -> None:
    rtf = (
        rb"{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\b\htmlrtf0 Gr\'fc\'dfe{\*\htmltag84 &nbsp;}"
        rb"\htmlrtf \'20\htmlrtf0 \htmlrtf }\htmlrtf0 {\*\htmltag72 </p>}{\*\mhtmltag1 no}}"
    )

    assert read_rtf(rtf).html == "<p>Grüße&nbsp;</p>"


def test_rich_text_inside_winmail_is_the_body() -> None:
    value = wm.Value(0x1009, 0x102, wm.uncompressed_rtf(rb"{\rtf1\ansi Dear Alice,\par hello.}"))

    assert parse(mail_with(wm.winmail(wm.message([value])), text=b"")).text == "Dear Alice,\nhello."


def test_hostile_sizes_end_in_time() -> None:
    began = time.process_time()
    zeros = bytes(4) + b"\xff\xff\xff\x7fLZFu" + bytes(4) + b"\xff" + b"\x0c\xff" * 8
    bomb = wm.message([wm.Value(0x1009, 0x102, zeros[:16] + zeros[16:] * 60_000)])
    many = wm.winmail(bomb, *[embedded(wm.winmail(bomb)) for _ in range(20)])
    read_tnef(many)
    read_tnef(wm.winmail(*[wm.file(b"")] * 20_000))
    read_rtf(b"{\\rtf1" + b"{" * 100_000)
    read_rtf(b"{\\rtf1" + b"\\u1 " * 200_000)

    assert time.process_time() - began < 10
