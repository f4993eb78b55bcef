"""What an email source's settings must fulfil; forms and settings files both ask here."""

import re
from datetime import date
from typing import Protocol

from mailcore.writing import ComposeError, wire_email
from mailsources import addressing
from sso.secrets import NotATokenURL, token_provider_id, why_not_at

SHORTEST_INTERVAL = 5
"""Seconds; the scheduler looks no more often."""

HOST = re.compile(r"^[^\s/@:\[\]]+$|^[0-9A-Fa-f:]+$")


class Mailbox(Protocol):
    """A source that may collect mail for others."""

    server_type: str
    username: str
    mailbox: str


class Settings(Protocol):
    """The fields that are looked at."""

    server_type: str
    server_address: str
    service_port: int
    username: str
    password: str
    public_address: str
    aliases: str
    folder: str
    after_import: str
    move_to: str
    poll_interval: int | None
    import_since: date | None
    silence_hours: int | None

    @property
    def collected_by(self) -> Mailbox | None: ...


def problems(source: Settings) -> dict[str, str]:
    """Field → the sentence that says what is wrong with it and what to do."""
    found = _of_forwarding(source) if source.server_type == "FORWARDING" else _of_mailbox(source)
    return {name: sentence for name, sentence in found.items() if sentence}


def _of_forwarding(source: Settings) -> dict[str, str]:
    return {
        "server_type": "" if source.collected_by or addressing.address_of("any") else addressing.NO_DOMAIN,
        "collected_by": _collected_by(source),
        "public_address": _public_address(source),
        "aliases": _aliases(source),
        "import_since": "Mail is forwarded as it comes: leave this empty." if source.import_since else "",
        "silence_hours": _silence_hours(source),
    }


def _of_mailbox(source: Settings) -> dict[str, str]:
    return {
        "server_address": _server_address(source),
        "username": "" if source.username else "Name the user that signs in: mostly the e-mail address.",
        "service_port": _service_port(source),
        "password": _password(source),
        "aliases": _aliases(source),
        "after_import": _after_import(source),
        "move_to": _move_to(source),
        "poll_interval": _poll_interval(source),
        "import_since": _import_since(source),
        "silence_hours": _silence_hours(source),
    }


def _public_address(source: Settings) -> str:
    address = source.public_address
    if not address:
        return "Give the address that customers write to, whose mail is forwarded here."
    if addressing.is_inbound(address):
        return (
            f"{address} is at the domain of forwarding addresses, which would forward to itself: give the "
            "address that customers know."
        )
    return ""


def _aliases(source: Settings) -> str:
    for alias in source.aliases.split():
        try:
            wire_email(alias, utf8=True)
        except ComposeError:
            return f"“{alias}” is no e-mail address: write each as sales@example.com, one on each line."
        if addressing.is_inbound(alias):
            return f"{alias} is at the domain of forwarding addresses, to which nobody writes: remove it."
    return ""


def _collected_by(source: Settings) -> str:
    box = source.collected_by
    if box is None:
        return ""
    if box.server_type == "FORWARDING":
        return f"“{box}” has no mailbox itself: choose a source that is fetched by IMAP or POP3."
    if "@" in (box.mailbox or box.username) or addressing.address_of("any"):
        return ""
    return (
        f"The mailbox “{box.username}” of “{box}” is no e-mail address, so that none can be made of "
        "it: choose another mailbox, or set UCS_INBOUND_DOMAIN to the domain whose mail arrives there."
    )


def _server_address(source: Settings) -> str:
    address = source.server_address
    if not address:
        return "Name the server of the mailbox, such as imap.gmail.com."
    if HOST.match(address):
        return why_not_at(source.password, address)
    return f"“{address}” is no server address: give only a name, such as imap.gmail.com, no port and no path."


def _service_port(source: Settings) -> str:
    port = source.service_port
    return "" if port is None or 0 < port < 65536 else "A port is a number from 1 to 65535."


def _password(source: Settings) -> str:
    try:
        token_provider_id(source.password)
    except NotATokenURL as error:
        return error.sentence
    if any(char in source.password for char in "\r\n\0"):
        return "A password is one line: type it in again."
    return ""


def _after_import(source: Settings) -> str:
    if source.server_type == "POP3" and source.after_import in ("read", "move"):
        return "POP3 has neither folders nor a read mark: leave mails untouched, delete them, or use IMAP."
    return ""


def _move_to(source: Settings) -> str:
    if source.after_import != "move" or source.server_type == "POP3":
        return ""
    if not source.move_to:
        return "Name the folder that imported mails are moved to, such as Done."
    return "That is the folder that is fetched: name another." if source.move_to == source.folder else ""


def _poll_interval(source: Settings) -> str:
    if source.poll_interval is None or source.poll_interval >= SHORTEST_INTERVAL:
        return ""
    return f"Give {SHORTEST_INTERVAL} seconds or more, or leave it empty for the installation's interval."


def _import_since(source: Settings) -> str:
    if source.server_type != "POP3" or source.import_since is None:
        return ""
    return "POP3 doesn't tell when a mail came: fetch the mailbox by IMAP, or leave this empty."


def _silence_hours(source: Settings) -> str:
    return "Give 1 hour or more, or leave it empty for no alarm." if source.silence_hours == 0 else ""
