"""Header lines as they go out: encoded words, folding, addresses, file names (RFC 5322, 2047, 2231).

Written by hand because the standard library's folding turns ids longer than 77 characters, that is every id
Exchange makes, into encoded words, and then no mail program threads the answer.
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote

import idna

from mailcore.parsed import Address

LINE = 78  # RFC 5322 2.1.1: should; 998 is must
_FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+\Z")
_LOCAL_PART = re.compile(r'(?:[A-Za-z0-9!#$%&\'*+/=?^_`{|}~.-]+|"(?:[ !#-\[\]-~]|\\[ -~])+")\Z')
_UTF8_LOCAL_PART = re.compile(r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]|[^\x00-\xa0\s\u2028\u2029\ufeff])+\Z")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.(?=[^.])|\Z))+\Z|\[[0-9A-Fa-f:.IPv]+\]\Z"
)
_WORD_BYTES = 45  # 45 bytes are 60 characters of base64: a word of 72, below the 75 of RFC 2047


class ComposeError(ValueError):
    """A mail that must not be sent as it is. The text says what is wrong and with which field."""


def header(name: str, value: str, utf8: bool = False) -> str:
    """Return the line(s) ``name: value`` with CR LF, ``value`` being folded and encoded already.

    The one place where every header passes: a line break that is not folding never gets out (header
    injection).

    Args:
        utf8: whether letters outside ASCII may stand there as they are (RFC 6532).

    Raises:
        ComposeError: a control character, or a line over the 998 of RFC 5322.
    """
    lines = value.split("\r\n ")
    if any(_FORBIDDEN.search(line) or not (utf8 or line.isascii()) for line in lines):
        raise ComposeError(
            f"The {name} contains a line break or a control character. Remove it and send again."
        )
    if any(len(line.encode()) > 990 - len(name) for line in lines):
        raise ComposeError(f"The {name} is longer than mail allows. Shorten it and send again.")
    return f"{name}: {value}\r\n"


def single_line(what: str, text: str) -> str:
    """Return ``text``, refusing line breaks, NUL and other control characters before they meet a header."""
    if _FORBIDDEN.search(text):
        raise ComposeError(
            f"The {what} contains a line break or a control character. Remove it and send again."
        )
    return text


def unstructured(name: str, text: str) -> str:
    """Return a free-text header such as Subject."""
    text = single_line(name, text)
    plain = text.isascii() and "=?" not in text and all(len(word) < 900 for word in text.split(" "))
    if not plain:
        return header(name, "\r\n ".join(encoded_words(text, used=len(name) + 2)))
    return header(name, fold(text.split(" "), used=len(name) + 2))


def encoded_words(text: str, used: int = 0) -> list[str]:
    """Return ``text`` as UTF-8 encoded words, none splitting a character (RFC 2047 5.3)."""
    words: list[str] = []
    room = max(12, _WORD_BYTES - used * 3 // 4)
    piece = b""
    for character in text:
        encoded = character.encode()
        if len(piece) + len(encoded) > room:
            words.append(_word(piece))
            piece, room = b"", _WORD_BYTES
        piece += encoded
    return [*words, _word(piece)]


def _word(piece: bytes) -> str:
    return f"=?utf-8?B?{base64.b64encode(piece).decode()}?="


def fold(words: Iterable[str], used: int = 0, glue: str = " ") -> str:
    """Join ``words`` with ``glue``, breaking lines before a word that would pass column 78."""
    folded, column = "", used
    for number, word in enumerate(words):
        if not number:
            folded, column = word, used + len(word)
        elif column + len(glue) + len(word) > LINE and word:
            folded += f"{glue.rstrip()}\r\n {word}"
            column = 1 + len(word)
        else:
            folded += glue + word
            column += len(glue) + len(word)
    return folded


def wire_email(email: str, utf8: bool = False) -> str:
    """Return the address as SMTP takes it: the domain in punycode (RFC 5891).

    Args:
        utf8: whether letters outside ASCII may stand before the @: the server offers SMTPUTF8 (RFC 6531).

    Raises:
        ComposeError: no address, or letters before the @ that most servers cannot deliver to.
    """
    local, at, domain = email.rpartition("@")
    if not at or not local or not domain:
        raise ComposeError(f"“{email}” is not an e-mail address. Write it as name@example.com.")
    if not local.isascii() and not utf8:
        raise ComposeError(
            f"The address “{email}” has letters outside a-z before the @, which cannot be delivered "
            f"to everywhere. "
            "Ask for another address of this person."
        )
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError as error:
            raise ComposeError(f"The domain of “{email}” is not a valid one. Correct the address.") from error
    is_local = _LOCAL_PART.match(local) or (not local.isascii() and _UTF8_LOCAL_PART.match(local))
    if len(local.encode()) + len(domain) > 253 or not is_local or not _DOMAIN.match(domain):
        raise ComposeError(f"“{single_line('address', email)}” is not a valid e-mail address. Correct it.")
    return f"{local}@{domain.lower()}"


def needs_utf8(email: str) -> bool:
    """Whether only a server with SMTPUTF8 takes the address: letters outside ASCII before the @."""
    return not email.rpartition("@")[0].isascii()


def mailbox(address: Address, utf8: bool = False) -> str:
    """Return one address with its display name, quoted or encoded as needed."""
    email = wire_email(address.email, utf8)
    name = " ".join(single_line("name of a recipient", address.name).split())
    if not name:
        return email
    if not name.isascii() or "=?" in name or len(name) > 200:
        return "\r\n ".join([*encoded_words(name, used=10), f"<{email}>"])
    if not _PLAIN_NAME.match(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{email}>"


def address_list(name: str, addresses: Iterable[Address], utf8: bool = False) -> str:
    """Return a To, Cc or From header."""
    return header(name, ",\r\n ".join(mailbox(address, utf8) for address in addresses), utf8)


def file_name_parameters(name: str) -> tuple[str, str]:
    """Return the parameters for Content-Type and Content-Disposition, each with a leading ``;``, or ("", "").

    RFC 2231 where it belongs; besides that an encoded word in Content-Type, which Outlook reads.
    """
    name = single_line("name of an attachment", name)
    if not name:
        return "", ""
    if name.isascii() and len(name) <= 60:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f';\r\n name="{quoted}"', f';\r\n filename="{quoted}"'
    words = "\r\n ".join(encoded_words(name, used=8))
    return f';\r\n name="{words}"', _continued(name)


def _continued(name: str) -> str:
    encoded = quote(name, safe="!#$&+-.^_`{}~")
    pieces = re.findall(r"(?:%..|[^%]){1,45}", encoded)
    if len(pieces) == 1:
        return f";\r\n filename*=utf-8''{pieces[0]}"
    first = f";\r\n filename*0*=utf-8''{pieces[0]}"
    return first + "".join(f";\r\n filename*{n}*={piece}" for n, piece in enumerate(pieces[1:], start=1))
