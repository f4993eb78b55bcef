"""Taking a person's words out of what belongs to others: addresses and names give way to a mark."""

import email
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message as Mime
from functools import cached_property
from html import escape
from typing import Any

MARK = "[erased]"
SHORTEST_NAME = 4
THREADING = ("In-Reply-To", "References", "Thread-Index")
"""Ids of mails that may be the person's, with the name of their machine."""

SUBJECT = ("Subject", "Thread-Topic")


@dataclass(frozen=True)
class Words:
    """Who is taken out.

    :param emails: lower case. They are taken out everywhere.
    :param names: taken out only where an address stands beside them: other people are called so, too.
    """

    emails: tuple[str, ...]
    names: tuple[str, ...] = ()

    @cached_property
    def written(self) -> list[str]:
        """The addresses in each way in which texts and links write them."""
        found = [each for each in self.emails if "@" in each]
        return list(
            dict.fromkeys([*found, *(each.replace("@", "%40").replace("+", "%2b") for each in found)])
        )

    @cached_property
    def _emails(self) -> re.Pattern[str] | None:
        parts = "|".join(re.escape(each) for each in self.written)
        return re.compile(rf"(?<![\w.+%-])(?:{parts})(?![\w-]|\.\w)", re.IGNORECASE) if parts else None

    @cached_property
    def _both(self) -> re.Pattern[str] | None:
        names = [re.escape(each) for each in self.names if len(each) >= SHORTEST_NAME]
        parts = [rf"(?<!\w)(?:{'|'.join(names)})(?!\w)"] if names else []
        parts += [self._emails.pattern] if self._emails else []
        return re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def are_in(self, value: Any) -> bool:
        """Whether an address stands anywhere in a text or JSON value."""
        return any(self._emails.search(each) for each in _texts(value)) if self._emails else False

    def out_of(self, value: Any) -> Any:
        """The same without addresses and names; of JSON, every string in it."""
        if isinstance(value, str):
            return self._both.sub(MARK, value) if self._both else value
        if isinstance(value, dict):
            return {self.out_of(key): self.out_of(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.out_of(each) for each in value]
        return value


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (str(key), *_texts(each))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def without_words(value: Any) -> Any:
    """JSON with nothing but its numbers: every text in it may be somebody's."""
    if isinstance(value, dict):
        return {key: without_words(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_words(each) for each in value]
    return "" if isinstance(value, str) else value


def mail_without(raw: bytes, words: Words, text: str | None = None, *, has_subject: bool = True) -> bytes:
    """A mail of somebody else without the person; files that are no text stay as they are.

    :param text: what is kept of its text; None when all of it is.
    """
    mail = email.message_from_bytes(raw)
    for name in (*THREADING, *(() if has_subject else SUBJECT)):
        del mail[name]
    for part in mail.walk():
        _clean_head(part, words)
        if part.is_multipart() or part.get_content_maintype() != "text":
            continue
        is_body = text is not None and part.get_content_disposition() != "attachment"
        shown = text if is_body and text is not None else words.out_of(_decoded(part))
        if is_body and part.get_content_subtype() == "html":
            shown = f"<pre>{escape(shown)}</pre>"
        del part["Content-Transfer-Encoding"]
        part.set_payload(shown.encode("utf-8", "replace"), "utf-8")
    clean = mail.as_bytes()
    return b"" if any(each.encode() in clean.lower() for each in words.written) else clean


def _clean_head(part: Mime, words: Words) -> None:
    for name, value in list(part.items()):
        try:
            told = str(make_header(decode_header(str(value))))
        except (LookupError, ValueError):
            told = str(value)
        clean = words.out_of(told)
        if clean != told:
            part.replace_header(name, " ".join(clean.encode("ascii", "replace").decode().split()))


def _decoded(part: Mime) -> str:
    data = part.get_payload(decode=True)
    charset = part.get_content_charset() or "utf-8"
    if not isinstance(data, bytes):
        return ""
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("latin-1")
