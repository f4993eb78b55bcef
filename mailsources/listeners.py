"""Where the intake listens, as UCS_INTAKE_BIND says it. Pure, so that the settings can read it.

smtp://127.0.0.1:2525                                   for a mail server in front (relay, transport map)
smtp://0.0.0.0:2525?cert=/run/mail.pem&key=/run/mail.key  with STARTTLS
lmtp://127.0.0.1:2424                                   one answer for each recipient (RFC 2033)
lmtp+unix:///run/ucs/lmtp.sock                          the same over a socket file
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

EXAMPLE = "smtp://127.0.0.1:2525 or lmtp://127.0.0.1:2424"


class ListenerError(ValueError):
    """An address that nobody can listen on; the text is a sentence without the variable's name."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One place to listen on: `path` for a socket file, else `host` and `port`.

    :param is_lmtp: LMTP instead of SMTP.
    :param certificate: PEM file with the chain; with it STARTTLS is offered.
    :param key: PEM file of its private key, "" when the certificate's file has it.
    """

    is_lmtp: bool
    host: str = ""
    port: int = 0
    path: str = ""
    certificate: str = ""
    key: str = ""

    def __str__(self) -> str:
        protocol = "lmtp" if self.is_lmtp else "smtp"
        if self.path:
            return f"{protocol}+unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{protocol}://{host}:{self.port}"


def read_listeners(text: str) -> tuple[Listener, ...]:
    """Read addresses separated by commas.

    :raises ListenerError: with the address that can't be used.
    """
    return tuple(_listener(part.strip()) for part in text.split(",") if part.strip())


def _listener(text: str) -> Listener:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ListenerError(f"“{text}” is no address ({error}): write it like {EXAMPLE}.") from error
    protocol, _, way = url.scheme.partition("+")
    if protocol not in ("smtp", "lmtp") or way not in ("", "unix"):
        raise ListenerError(f"“{text}” begins with neither smtp:// nor lmtp://: write it like {EXAMPLE}.")
    options = dict(parse_qsl(url.query))
    if unknown := options.keys() - {"cert", "key"}:
        raise ListenerError(f"“{text}” has {', '.join(sorted(unknown))}: only cert and key are known.")
    for file in options.values():
        if not Path(file).is_file():
            raise ListenerError(f"“{text}” names {file}: there is no such file.")
    certificate, key = options.get("cert", ""), options.get("key", "")
    if key and not certificate:
        raise ListenerError(f"“{text}” has a key but no certificate: add cert=FILE.")
    is_lmtp = protocol == "lmtp"
    if way:
        if not url.path or url.netloc:
            raise ListenerError(f"“{text}” names no file: write it like {url.scheme}:///run/ucs/lmtp.sock.")
        return Listener(is_lmtp, path=unquote(url.path), certificate=certificate, key=key)
    if not url.hostname or not port or url.path not in ("", "/"):
        raise ListenerError(f"“{text}” lacks a host or a port: write it like {EXAMPLE}.")
    return Listener(is_lmtp, url.hostname, port, certificate=certificate, key=key)
