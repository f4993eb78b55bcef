"""Mails in mbox files, against Python's own reader and writer."""

import io
import mailbox
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from movein import mbox

LINES = st.lists(
    st.sampled_from(
        ["From here on: all is new", "From nobody Mon Jan  5 10:00:00 2026", ">From the past", "", "Hello",
         "From ", ">>From deep", "From: x", "Received: y", "  From blank"]
    ),
    max_size=8,
)  # fmt: skip


def mail(number: int, lines: list[str]) -> str:
    return "\n".join([f"Message-ID: <{number}@customer.example>", "Subject: S", "", *lines, "end", ""])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mails=st.lists(LINES, max_size=6))
def test_what_python_writes_is_read_back(tmp_path: Path, mails: list[list[str]]) -> None:
    path = tmp_path / "box"
    path.unlink(missing_ok=True)
    box = mailbox.mbox(path)
    texts = [mail(number, lines) for number, lines in enumerate(mails)]
    for text in texts:
        box.add(text)
    box.close()
    with path.open("rb") as stream:
        found = list(mbox.spans(stream))
        read = [mbox.read(stream, span) for span in found]
        if found:  # and from the middle on
            assert list(mbox.spans(stream, found[-1].offset)) == found[-1:]
    # One “>” is taken off each quoted line, as mboxrd has it.
    unquoted = [
        "\r\n".join(line[1:] if line.lstrip(">").startswith("From ") and line[:1] == ">" else line for line in
                    text.split("\n"))
        for text in texts
    ]  # fmt: skip
    assert [each.decode() for each in read] == unquoted
    assert len(found) == len(mailbox.mbox(path))


def test_separators_of_other_programs_are_known() -> None:
    data = (
        b"From - Mon Jan  5 10:00:00 2026\nX-Mozilla-Status: 0001\nSubject: one\n\nFrom the start:\n\n"
        b"From us to you\nno header\n\nFrom \nSubject: two\n\ntext\n"
        b"From alice@example.com Tue Feb  3 08:30:00 2026\nSubject: three\n\r\ntext\n\n"
    )
    stream = io.BytesIO(data)
    spans = list(mbox.spans(stream))
    subjects = [mbox.read(stream, span).partition(b"Subject: ")[2].partition(b"\r\n")[0] for span in spans]
    assert subjects == [b"one", b"two", b"three"]
    posted = [span.posted and span.posted.isoformat() for span in spans]
    assert posted == ["2026-01-05T10:00:00+00:00", None, "2026-02-03T08:30:00+00:00"]


def test_a_line_of_megabytes_is_not_read_at_once() -> None:
    line = b"x" * (5 * mbox.PIECE) + b"From me Mon Jan  5 10:00:00 2026\nSubject: no\n"
    dated = b" Mon Jan  5 10:00:00 2026\nSubject: one\n\n"
    data = b"From a" + dated + line + b"\nFrom b" + dated
    spans = list(mbox.spans(io.BytesIO(data)))
    assert [span.offset for span in spans] == [0, data.index(b"From b")]


def test_what_is_no_mbox_is_told() -> None:
    assert not mbox.is_mbox(io.BytesIO(b"Subject: x\n\n"))
    assert mbox.is_mbox(io.BytesIO(b"\n\nFrom x\n"))
    assert mbox.is_mbox(io.BytesIO(b""))
