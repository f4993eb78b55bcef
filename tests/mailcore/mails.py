"""The mails of the parser's tests: files of our own under tests/mails, one fault each under broken/."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "mails"

HEADERS = (
    b"From: Carla <carla@customer.example>\r\n"
    b"To: support@example.com\r\n"
    b"Subject: Question\r\n"
    b"Date: Tue, 05 Mar 2024 10:11:12 +0100\r\n"
    b"Message-ID: <question@customer.example>\r\n"
)


def mail_file(name: str) -> bytes:
    """The bytes of one mail file."""
    return (FOLDER / name).read_bytes()


def make_raw(body: bytes = b"Text.\r\n", **headers: str) -> bytes:
    """A mail with these headers besides the usual ones; `_` in a name stands for `-`."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return HEADERS + more.encode() + b"\r\n" + body
