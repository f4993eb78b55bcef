"""The bytes of a mail as SMTP wants them."""

import re

LINE_END = re.compile(rb"\r\n|\r|\n")


def wire_form(raw: bytes) -> bytes:
    """The mail with CR LF at the end of each line and of the whole (RFC 5321 2.3.8).

    A lone CR or LF is never sent: servers disagree on what it ends, which lets one mail become two.
    """
    if raw.count(b"\r\n") != raw.count(b"\n") or raw.count(b"\r") != raw.count(b"\n"):
        raw = LINE_END.sub(b"\r\n", raw)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def stuffed(raw: bytes) -> bytes:
    """The text of DATA: a line that begins with a dot gets one more, and a dot alone ends it (4.5.2)."""
    if raw.startswith(b"."):
        raw = b"." + raw
    return raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"
