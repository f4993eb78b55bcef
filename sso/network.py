"""What an error of the network or of TLS means: sign → entry of causes/network.toml.

NAME, NAME EAI_AGAIN   the name can't be resolved, or not now
ECONNREFUSED …         the error number's name
CERT 62                the certificate is refused, by OpenSSL's number (openssl verify(1))
SSL WRONG_VERSION_…    the TLS library's word
"""

import errno
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mailcore.clean import clean_line
from sso import causes
from sso.causes import Cause


@dataclass(frozen=True, slots=True)
class Finding:
    """What it means, in a sentence that names the server and the remedy."""

    sentence: str
    cause: Cause


AT_SOURCE = {"ssl": "tick “Use SSL connection”", "starttls": "clear “Use SSL connection”"}
AT_SENDER = {"ssl": "choose SSL", "starttls": "choose STARTTLS"}
"""How the forms call the two ways to encrypt."""


def diagnose(error: OSError, host: str, port: int, *, whose: str = "", **words: str) -> Finding:
    """The meaning of a network error.

    :param whose: whom the refused certificate is for, if that is known: "a.example, b.example".
    :param words: AT_SOURCE, if it is about one; else it speaks of senders.
    """
    return finding(sign_of(error, host), host, port, reason=_reason(error), whose=whose, **words)


def finding(sign: str, host: str, port: int, **words: str) -> Finding:
    """The entry that a sign leads to, in words.

    :param words: what else its sentence may name, such as `reason`.
    """
    table = _entries()
    kind = sign.partition(" ")[0]
    name = table.get(sign) or table.get(kind) or table["OTHER"]
    entry: dict[str, Any] = causes.tables("network")[name]
    whose = words.pop("whose", "")
    if whose:
        whose = f", but for {whose}" if name == "tls_name" else f" (for {whose})"
    words = AT_SENDER | words
    sentence = entry["sentence"].format(place=f"{host}:{port}", host=host, whose=whose, **words)
    return Finding(sentence, causes.cause_of(name, entry))


def sign_of(error: OSError, host: str = "") -> str:
    """How causes/network.toml calls such an error."""
    match error:
        case socket.gaierror():
            return "NAME EAI_AGAIN" if error.errno == socket.EAI_AGAIN else "NAME"
        case ssl.SSLCertVerificationError():
            return f"CERT {getattr(error, 'verify_code', '')}"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():  # with or without a word, it has hung up
            return "SSL EOF"
        case ssl.SSLError():
            return f"SSL {getattr(error, 'reason', '') or ''}"
        case TimeoutError():
            return "ETIMEDOUT"
        case ConnectionRefusedError():
            return "ECONNREFUSED"
        case ConnectionResetError():
            return "ECONNRESET"
        case BrokenPipeError():
            return "EPIPE"
    name = errno.errorcode.get(error.errno or 0, "OTHER")
    return "IPV6 ONLY" if name in ("ENETUNREACH", "EADDRNOTAVAIL") and _has_ipv6_only(host) else name


def _has_ipv6_only(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(info[0] == socket.AF_INET6 for info in found)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = getattr(error, "verify_message", "") or getattr(error, "reason", "")
    elif isinstance(error, ssl.SSLError):
        said = getattr(error, "reason", "")
    else:
        said = error.strerror
    return clean_line(str(said or error))[:200]


@lru_cache(maxsize=1)
def _entries() -> dict[str, str]:
    return {sign: name for name, entry in causes.tables("network").items() for sign in entry["signs"]}
