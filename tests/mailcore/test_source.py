"""A mail as mail administrators look at it."""

from hypothesis import given
from hypothesis import strategies as st

from mailcore.source import read_source


def test_headers_come_in_order_and_decoded() -> None:
    raw = (
        b"Received: from a\r\n\tby b\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nReceived: from c\r\n"
        b"X-Odd\r\nTo: a@b.example\r\n\r\nwords \xff\r\nmore"
    )
    source = read_source(raw, 6)
    assert source.fields == (
        ("Received", "from a by b"),
        ("Subject", "Grüße"),
        ("Received", "from c"),
        ("To", "a@b.example"),
    )
    assert "=?utf-8?q?" in source.head
    assert source.body == "words "
    assert source.is_cut


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_looked_at(raw: bytes) -> None:
    source = read_source(raw, 1000)
    assert "\0" not in source.head + source.body
