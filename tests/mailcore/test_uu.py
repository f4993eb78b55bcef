"""Uuencoded files: as a transfer encoding, and amid a letter."""

import binascii
import time

import pytest

from mailcore.parse import parse, part_bytes
from mailcore.uu import blocks, decode_uu
from tests.mailcore.mails import make_raw


def encoded(data: bytes, name: str = "table.csv") -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45], backtick=True) for at in range(0, len(data), 45)]
    return f"begin 644 {name}\n".encode() + b"".join(lines) + b"`\nend\n"


DATA = bytes(range(256)) * 3


def test_a_file_amid_a_letter() -> None:
    raw = make_raw(
        b"The table:\n\n" + encoded(DATA) + b"\nand a note\n" + encoded(b"hi", "note.txt") + b"Bye.\n"
    )
    mail = parse(raw)

    assert [(each.part, each.name, each.type, each.size) for each in mail.attachments] == [
        ("1#1", "table.csv", "text/csv", len(DATA)),
        ("1#2", "note.txt", "text/plain", 2),
    ]
    assert part_bytes(raw, "1#1") == DATA
    assert part_bytes(raw, "1#2") == b"hi"
    assert mail.text.startswith("The table:")
    assert mail.text.endswith("Bye.")


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 words to you\nHello dear friend\nend\n",
        b"begin 644 a.txt\n#86)C\n",
        b" begin 644 a.txt\n#86)C\n`\nend\n",
        b"We begin 644 days later.\n",
    ],
)
def test_what_only_looks_like_one(text: bytes) -> None:
    assert blocks(text) == []


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b" \r\n"])
def test_as_a_transfer_encoding(newline: bytes) -> None:
    body = encoded(DATA).replace(b"\n", newline)

    assert decode_uu(body) == (DATA, True)
    assert decode_uu(body.partition(newline)[2]) == (DATA, True)


def test_nonsense_is_kept_as_it_is() -> None:
    assert decode_uu(b"plain words\n") == (b"plain words\n", False)
    assert decode_uu(b"") == (b"", False)


def test_hostile_sizes_end_in_time() -> None:
    began = time.process_time()
    blocks(b"begin 644 x\n" * 200_000 + b"end\n")
    blocks((b"begin 644 x\n" + b"M" * 61 + b"\n") * 50_000)
    blocks(b"begin 644 " + b" " * 500_000)

    assert time.process_time() - began < 3
