"""Card numbers in Office files: found in all parts that people write, within limits, and nowhere else."""

import zipfile
from collections.abc import Mapping
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore import card_files, card_office
from mailcore.masking import TAKEN_OUT, in_file, masked
from mailcore.parse import parse, part_bytes
from tests.mailcore.test_masking import mail

NUMBER, SPACED = "4111111111111111", "4111 1111 1111 1111"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def office(parts: Mapping[str, str | bytes]) -> bytes:
    """A file of these parts, packed."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, words in parts.items():
            archive.writestr(name, words)
    return made.getvalue()


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(f'<w:r><w:t>{each}</w:t></w:r>' for each in runs)}</w:p>"


def document(*runs: str) -> bytes:
    words = f'<?xml version="1.0"?><w:document><w:body>{paragraph(*runs)}</w:body></w:document>'
    return office({"[Content_Types].xml": "<Types/>", "word/document.xml": words})


def sheet(*cells: str, shared: str = "") -> bytes:
    rows = "".join(f'<row r="{n}">{each}</row>' for n, each in enumerate(cells, 1))
    strings = f"<sst><si><t>{shared}</t></si></sst>"
    return office(
        {"xl/worksheets/sheet1.xml": f"<sheetData>{rows}</sheetData>", "xl/sharedStrings.xml": strings}
    )


@pytest.mark.parametrize(
    "data",
    [
        document("My card is ", SPACED),
        document("My card is 4111 11", "11 1111 1", "111"),
        document("4111", "</w:t><w:noBreakHyphen/><w:t>", "1111-1111-1111"),
        document("4111</w:t><w:tab/><w:t>1111 1111 1111"),
        office({"word/comments.xml": paragraph(NUMBER)}),
        office({"docProps/core.xml": f"<dc:title>{SPACED}</dc:title>"}),
        sheet(f'<c r="A1"><v>{NUMBER}</v></c>'),
        sheet('<c r="A1" t="s"><v>0</v></c>', shared=f"Charlie, {SPACED}"),
        sheet(f'<x:c r="A1" t="inlineStr"><x:is><x:t>{NUMBER}</x:t></x:is></x:c>'),
        office({"ppt/slides/slide3.xml": f"<a:p><a:r><a:t>{SPACED}</a:t></a:r></a:p>"}),
        office({"content.xml": "<text:p>4111<text:s/>1111 1111<text:span> 1111</text:span></text:p>"}),
    ],
)  # fmt: skip
def test_a_number_is_found_where_people_write_it(data: bytes) -> None:
    assert in_file("card.docx", DOCX, data)
    assert in_file("card", "application/octet-stream", data), "what it is called does not matter"


@pytest.mark.parametrize(
    "data",
    [
        document("Nothing here"),
        sheet(*(f"<c><v>{each}</v></c>" for each in ("5555", "5555", "5555", "4444"))),
        sheet(*(f'<c t="s"><v>{each}</v></c>' for each in ("5555", "5555", "5555", "4444"))),
        office({"word/document.xml": f'<w:p w:rsidR="{NUMBER}"><w:t>hello</w:t></w:p>'}),
        office({"word/theme/theme1.xml": f"<a:t>{NUMBER}</a:t>"}),
        office({"readme.txt": NUMBER}),
    ],
)  # fmt: skip
def test_what_is_no_card_number_is_left_alone(data: bytes) -> None:
    assert not in_file("sheet.xlsx", "", data)


def test_an_archive_and_what_is_locked_or_broken_say_so() -> None:
    good, bare = document(NUMBER), office({"photo.jpg": b"\xff\xd8"})
    locked = bytearray(good)
    locked[good.index(b"PK\x01\x02") + 8] |= 1  # of the first part: nobody reads that one
    for at in range(len(good)):
        if good.startswith(b"PK\x01\x02", at):
            locked[at + 8] |= 1
    odd = BytesIO()
    with zipfile.ZipFile(odd, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("word/document.xml", NUMBER)
    for data in (bare, odd.getvalue(), bytes(locked), good[:60], b"PK\x03\x04" + bytes(100)):
        assert card_files.read("x.docx", DOCX, data) is None


def test_it_unpacks_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_office, "MOST_OCTETS", 1000)
    big = office({"word/document.xml": " " * 50_000_000, "docProps/core.xml": NUMBER})
    assert len(card_office.text_of(big) or "") == 1000
    monkeypatch.setattr(card_office, "MOST_PARTS", 3)
    many = office({f"xl/worksheets/sheet{n}.xml": f"<c>{n}</c>" for n in range(9)})
    assert (card_office.text_of(many) or "").split() == ["0", "1", "2"]


@pytest.mark.parametrize(
    "piece", ["<", "<c ", '<c t="s">', '<c t="s"><v>', '<c t="s" ', "<a:", "</w:p", "&#"]
)
def test_markup_that_never_ends_takes_no_longer(piece: str) -> None:
    """By the square of its length it would take hours."""
    assert card_office.text_of(office({"word/document.xml": piece * 300_000})) is not None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_nothing_that_is_sent_stops_it(noise: bytes, at: int) -> None:
    good = document("My card is ", SPACED)
    card_files.read("x.docx", DOCX, good[:at] + noise + good[at + len(noise) :])
    card_files.read("x.docx", DOCX, b"PK\x03\x04" + noise)


def test_a_document_with_a_card_is_taken_out_and_one_without_stays() -> None:
    made = mail("Here.")
    for name, words in (("form.docx", SPACED), ("note.docx", "Nothing here")):
        made.add_attachment(document(words), maintype="application", subtype="octet-stream", filename=name)
    raw = made.as_bytes()
    clean = masked(raw, parse(raw))
    form, note = parse(clean).attachments
    assert (form.name, note.name) == ("form.docx.txt", "note.docx")
    assert part_bytes(clean, form.part).decode() == TAKEN_OUT
    assert part_bytes(clean, note.part) == document("Nothing here")
