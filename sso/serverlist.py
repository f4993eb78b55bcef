"""A list of mail servers as people type it: names and addresses, `*.example.com` for all below a domain."""

import re
from collections.abc import Iterable
from ipaddress import ip_address

BELOW = "*."
NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*"
)


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list, each once and as they are compared; separated by commas, blanks or lines."""
    return tuple(dict.fromkeys(plain(word) for word in re.split(r"[,;\s]+", text) if word))


def in_lines(text: str) -> str:
    """The list as it is stored: an entry on each line."""
    return "\n".join(listed(text))


def is_listed(host: str, entries: Iterable[str]) -> bool:
    """Whether a server is one of the entries, or below one that begins with `*.`."""
    name = plain(host)
    return any(
        name.endswith(entry.removeprefix("*")) if entry.startswith(BELOW) else name == entry
        for entry in entries
    )


def problem(text: str) -> str:
    """What is wrong with a list, in a sentence; "" when nothing is."""
    for entry in listed(text):
        if entry.startswith(BELOW):
            domain = entry.removeprefix(BELOW)
            if "." not in domain or not NAME.fullmatch(domain):
                return f"“{entry}” stands for too much: write all of a domain, such as *.example.com."
        elif not _is_address(entry) and not NAME.fullmatch(entry):
            return (
                f"“{entry}” is no server: write names such as imap.example.com, or *.example.com, one on "
                "each line, without port and https://."
            )
    return ""


def plain(host: str) -> str:
    """A server's name as it is compared: lower case, ASCII (RFC 5890), without the dot at its end."""
    name = host.strip().strip("[]").lower().rstrip(".")
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


def _is_address(entry: str) -> bool:
    try:
        ip_address(entry)
    except ValueError:
        return False
    return True
