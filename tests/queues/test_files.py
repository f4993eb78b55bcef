"""Files are looked at where nothing in them can run, saved under safe names, and all at once."""

import io
import zipfile

import pytest
from django.test import Client

from mailcore.parse import parse
from mailcore.parsed import ParsedMail
from queues.models import Message
from queues.views import files
from tests.make import make_agent, make_mail, make_queue, receive
from tests.queues.test_pictures import png

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
FILES = [
    ("image/png", "photo.png", png(40, 30)),
    ("image/png", "lying.png", b"<script>alert(1)</script>"),
    ("application/pdf", "../bill.pdf", PDF),
    ("application/pdf", "page.pdf", b"<script>alert(1)</script>"),
    ("text/csv", "table.csv", "a;b\nč;<b>\n".encode()),
    ("text/html", "page.html", b"<script>alert(1)</script>"),
    ("image/svg+xml", "drawing.svg", b"<svg onload='alert(1)'/>"),
    ("message/rfc822", "fwd.eml", make_mail("Inner words", Subject="Inner subject")),
    ("application/octet-stream", "table.csv", b"again"),
]


@pytest.fixture
def message(client: Client) -> Message:
    parts = [b"--b\r\nContent-Type: text/plain\r\n\r\nSee the files.\r\n"]
    for kind, name, data in FILES:
        head = f'--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    alice = make_agent("alice")
    client.force_login(alice.user)
    start = make_mail("", Content_Type="multipart/mixed; boundary=b").rstrip()
    return receive(make_queue([alice]), start + b"\r\n\r\n" + b"".join(parts) + b"--b--\r\n")


def address(message: Message, name: str) -> str:
    return f"/attachments/{message.attachments.filter(name__endswith=name).order_by('id')[0].pk}"


@pytest.mark.parametrize(
    ("name", "kind", "is_shown"),
    [
        ("photo.png", "image/png", True),
        ("lying.png", "application/octet-stream", False),
        ("bill.pdf", "application/pdf", True),
        ("page.pdf", "application/octet-stream", False),
        ("table.csv", "application/octet-stream", False),
        ("page.html", "application/octet-stream", False),
        ("drawing.svg", "application/octet-stream", False),
    ],
)
def test_only_pictures_and_pdf_are_shown_as_what_they_are(
    message: Message, client: Client, name: str, kind: str, is_shown: bool
) -> None:
    answer = client.get(address(message, name) + "?inline=1")
    assert answer["Content-Type"] == kind
    assert answer["Content-Disposition"].startswith("inline" if is_shown else "attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert client.get(address(message, name))["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("table.csv", "č;&lt;b&gt;"),
        ("page.html", "&lt;script&gt;"),
        ("fwd.eml", "Subject: Inner subject"),
        ("photo.png", None),
    ],
)
def test_text_is_read_as_text(message: Message, client: Client, name: str, words: str | None) -> None:
    answer = client.get(address(message, name) + "/text")
    assert answer.status_code == (200 if words else 404)
    if words:
        assert words in answer.content.decode()
        assert "<script" not in answer.content.decode()
        assert "sandbox" in answer["Content-Security-Policy"]


def test_all_files_in_one_archive(message: Message, client: Client) -> None:
    answer = client.get(f"/messages/{message.pk}/files")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    names = archive.namelist()
    assert len(names) == len({each.lower() for each in names}) == len(FILES)
    assert not [each for each in names if "/" in each or each.startswith(".")]
    assert archive.read("table.csv").decode() == "a;b\nč;<b>\n"
    assert archive.read("table (2).csv") == b"again"


def test_a_stranger_finds_nothing(message: Message, client: Client) -> None:
    client.force_login(make_agent("charlie").user)
    for where in (
        address(message, "photo.png"),
        address(message, "table.csv") + "/text",
        f"/messages/{message.pk}/files",
        f"/messages/{message.pk}/source",
    ):
        assert client.get(where).status_code == 404


def test_the_source_is_a_page_of_words(message: Message, client: Client) -> None:
    page = client.get(f"/messages/{message.pk}/source").content.decode()
    assert "multipart/mixed" in page
    assert "told nothing about who sent it" in page
    assert "<script>alert" not in page


def test_of_a_large_mail_within_only_the_beginning_is_parsed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = make_agent("alice")
    client.force_login(alice.user)
    inner = make_mail("Inner words\n" + "much more of it\n" * 40_000 + "The end.\n", Subject="Inner subject")
    head = (
        b'--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename="big.eml"\r\n\r\n'
    )
    start = make_mail("", Content_Type="multipart/mixed; boundary=b").rstrip()
    mail = receive(make_queue([alice]), start + b"\r\n\r\n" + head + inner + b"\r\n--b--\r\n")
    parsed: list[int] = []

    def counted(data: bytes) -> ParsedMail:
        parsed.append(len(data))
        return parse(data)

    monkeypatch.setattr(files, "parse", counted)
    said = client.get(address(mail, "big.eml") + "/text").content.decode()
    assert parsed == [files.LONGEST_TEXT]
    assert "Inner words" in said
    assert "The end." not in said
    assert "The rest is only in the file." in said
