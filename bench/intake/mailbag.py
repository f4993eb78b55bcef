"""Mails as a contact centre gets them, made by the number: languages, charsets, threads, files.

Sizes follow what such mailboxes hold: a median of some 15 KB, a mean five times that because of a few large
files. The same seed gives the same mails.
"""

import base64
import quopri
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime

WORDS = {
    "en": "the order has not arrived yet please check where parcel invoice refund thank you number account "
    "with regards changed address delivery two weeks already missing payment",
    "de": "die Bestellung ist noch nicht angekommen bitte prüfen Rechnung Rückerstattung danke Nummer Konto "
    "mit freundlichen Grüßen geänderte Adresse Lieferung zwei Wochen fehlt Zahlung schon",
    "cs": "objednávka ještě nedorazila prosím prověřte faktura vrácení peněz děkuji číslo účet s pozdravem "
    "změněná adresa doručení dva týdny chybí platba už zásilka",
    "pl": "zamówienie jeszcze nie dotarło proszę sprawdzić faktura zwrot pieniędzy dziękuję numer konto "
    "z poważaniem zmieniony adres dostawa dwa tygodnie brakuje płatność już",
    "es": "el pedido todavía no ha llegado por favor revisen factura devolución gracias número cuenta un "
    "saludo dirección cambiada entrega dos semanas falta pago español",
}
CHARSETS = {
    "en": ("us-ascii", "utf-8"),
    "de": ("utf-8", "iso-8859-1", "windows-1252", "iso-8859-15"),
    "cs": ("utf-8", "iso-8859-2", "windows-1250"),
    "pl": ("utf-8", "iso-8859-2", "windows-1250"),
    "es": ("utf-8", "iso-8859-1", "windows-1252"),
}
FILES = (("invoice.pdf", "application/pdf"), ("photo.jpg", "image/jpeg"), ("list.csv", "text/csv"))
FIRST = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
THREADED = 0.35


@dataclass(frozen=True, slots=True)
class Made:
    """A mail, and what a reader must find in it."""

    raw: bytes
    message_id: str
    subject: str
    sender: str
    marker: str
    language: str
    files: tuple[int, ...]
    parent: str


def mails(count: int, seed: int = 1) -> Iterator[Made]:
    """Make `count` mails; answers come after what they answer."""
    chance = random.Random(seed)
    last: list[Made] = []
    for number in range(count):
        parent = chance.choice(last) if last and chance.random() < THREADED else None
        made = _mail(chance, seed, number, parent)
        last = [*last[-200:], made]
        yield made


def _mail(chance: random.Random, seed: int, number: int, parent: Made | None) -> Made:
    language = parent.language if parent else chance.choice(list(WORDS))
    charset = chance.choice(CHARSETS[language])
    sender = parent.sender if parent else f"customer{chance.randrange(100_000)}@mail{number % 90}.example"
    marker = f"{_sentence(chance, language, 3)} {seed}-{number}"
    subject = f"Re: {parent.subject.removeprefix('Re: ')}" if parent else marker
    message_id = f"{seed}.{number}.{chance.getrandbits(60):x}@mail{number % 90}.example"
    text = _text(chance, language, marker)
    sizes = _file_sizes(chance)
    headers = {
        "Received": "from mx.example (mx.example [192.0.2.7]) by mail.company.example with ESMTPS; "
        + format_datetime(FIRST + timedelta(seconds=40 * number)),
        "DKIM-Signature": "v=1; a=rsa-sha256; d=mail.example; s=k1; b="
        + base64.b64encode(chance.randbytes(256)).decode(),
        "From": f"{Header('Zoë Nováková', 'utf-8').encode()} <{sender}>",
        "To": "Support <support@company.example>",
        "Subject": Header(subject, charset).encode(),
        "Date": format_datetime(FIRST + timedelta(seconds=40 * number)),
        "Message-ID": f"<{message_id}>",
        "MIME-Version": "1.0",
    }
    if parent:
        headers["In-Reply-To"] = headers["References"] = f"<{parent.message_id}>"
    kind, body = _body(chance, text, charset, sizes)
    headers["Content-Type"] = kind[0]
    if kind[1]:
        headers["Content-Transfer-Encoding"] = kind[1]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    raw = head.encode("ascii") + b"\r\n" + body
    return Made(
        raw, message_id, subject, sender, marker, language, sizes, parent.message_id if parent else ""
    )


def _sentence(chance: random.Random, language: str, words: int) -> str:
    return " ".join(chance.choices(WORDS[language].split(), k=words))


def _text(chance: random.Random, language: str, marker: str) -> str:
    lines = [marker, ""]
    lines += [_sentence(chance, language, 9) + "." for _ in range(int(chance.lognormvariate(2.6, 0.8)) + 2)]
    if chance.random() < 0.5:
        lines += ["", "On Mon, 2 Mar 2026 at 08:00, Support <support@company.example> wrote:"]
        lines += ["> " + _sentence(chance, language, 9) for _ in range(int(chance.lognormvariate(2.4, 0.8)))]
    return "\r\n".join(lines) + "\r\n"


def _file_sizes(chance: random.Random) -> tuple[int, ...]:
    if chance.random() > 0.3:
        return ()
    return tuple(
        min(int(chance.lognormvariate(11.2, 1.3)), 6_000_000) for _ in range(chance.choice((1, 1, 1, 2)))
    )


def _body(
    chance: random.Random, text: str, charset: str, sizes: tuple[int, ...]
) -> tuple[tuple[str, str], bytes]:
    """Content type and transfer encoding of the mail, and its body."""
    plain = _leaf(f"text/plain; charset={charset}", text.encode(charset, "replace"), chance)
    if chance.random() < 0.25 and not sizes:
        head, _, body = plain.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return (fields["Content-Type"], fields["Content-Transfer-Encoding"]), body
    html = _leaf(f"text/html; charset={charset}", _html(chance, text).encode(charset, "replace"), chance)
    content = [plain, html]
    if not sizes:
        return ('multipart/alternative; boundary="alt"', ""), _joined("alt", content)
    inner = b'Content-Type: multipart/alternative; boundary="alt"\r\n\r\n' + _joined("alt", content)
    files = [_file(chance, size) for size in sizes]
    return ('multipart/mixed; boundary="mix"', ""), _joined("mix", [inner, *files])


def _leaf(kind: str, data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + _base64(data)
    encoded = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n".encode() + encoded


def _html(chance: random.Random, text: str) -> str:
    style = "font-family:Calibri,sans-serif;font-size:11.0pt;color:#1f1f1f;margin:0cm"
    lines = "".join(
        f'<p class="MsoNormal" style="{style}"><span>{line}</span></p>\n' for line in text.split("\r\n")
    )
    rules = "".join(f"p.c{each} {{ {style} }}\n" for each in range(chance.randrange(40)))
    return f"<html><head><style>{rules}</style></head><body>{lines}</body></html>"


def _file(chance: random.Random, size: int) -> bytes:
    name, kind = chance.choice(FILES)
    head = (
        f'Content-Type: {kind}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + _base64(chance.randbytes(size))


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _joined(boundary: str, parts: list[bytes]) -> bytes:
    opened = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return opened + b"--" + boundary.encode() + b"--\r\n"
