"""What the settings of a sender must fulfil, in words; asked by the form and by settings files alike."""

import re
import socket
from typing import Protocol

from django.conf import settings

from mailcore.writing import ComposeError, wire_email
from mailsenders.networks import is_inside
from sso import secrets
from sso.models import SSOProvider

LARGEST_PORT = 65_535
MOST_BEFORE_PLUS = 28  # of the 64 octets of a local part (RFC 5321 4.5.3.1.1); the rest is for the mark
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+")


class Settings(Protocol):
    """What is looked at."""

    server_type: str
    server_address: str
    service_port: int
    username: str
    password: str
    display_name: str
    aliases: str
    email_address: str
    return_path: str


def problems(sender: Settings) -> dict[str, str]:
    """Field → sentence; empty when all is well."""
    found = {
        "server_address": _address(sender.server_address)
        or secrets.why_not_at(sender.password, sender.server_address),
        "service_port": _port(sender.service_port),
        "server_type": _server_type(sender),
        "username": _username(sender),
        "password": _password(sender),
        "display_name": _display_name(sender.display_name),
        "aliases": _aliases(sender.aliases),
        "return_path": _return_path(sender),
    }
    return {name: sentence for name, sentence in found.items() if sentence}


def _address(host: str) -> str:
    if "://" in host or "/" in host:
        return "Give only the name of the server, such as smtp.gmail.com, without http:// and slashes."
    if host.count(":") == 1:
        return "Give the name of the server here, and the port under Service port."
    if not HOST.fullmatch(host):
        return f"“{host}” is not a server name: give one such as smtp.gmail.com."
    return ""


def _port(port: int | None) -> str:
    if port is not None and not 0 < port <= LARGEST_PORT:
        return "A port is a number from 1 to 65535: 587 for STARTTLS, 465 for SSL."
    return ""


def _server_type(sender: Settings) -> str:
    """Clear text stays in the house, unless a setting lets it out.

    An unknown name is let pass; `smtp` looks again when it connects.
    """
    if sender.server_type != "NONE" or settings.ALLOW_CLEAR_TEXT_OUTSIDE:
        return ""
    try:
        found = socket.getaddrinfo(sender.server_address, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ""
    outside = [str(info[4][0]) for info in found if not is_inside(str(info[4][0]))]
    if not outside:
        return ""
    return (
        f"{sender.server_address} ({outside[0]}) is outside your own network, where mail and password would "
        "travel readable by anyone: choose STARTTLS or SSL, or allow it for this installation with "
        "UCS_ALLOW_CLEAR_TEXT_OUTSIDE=true."
    )


def _username(sender: Settings) -> str:
    if sender.password and not sender.username:
        return "A password without a username can't sign in: give the username, or empty the password."
    return ""


def _password(sender: Settings) -> str:
    try:
        provider_id = secrets.token_provider_id(sender.password)
    except secrets.NotATokenURL as error:
        return error.sentence
    if provider_id is not None and not SSOProvider.objects.filter(pk=provider_id).exists():
        return f"There is no SSO provider {provider_id}: look up the ID under ☰ System → SSO providers."
    if sender.username and not sender.password:
        return "Give a password or a token URL, or empty the username if the server wants no sign-in."
    return ""


def _aliases(text: str) -> str:
    for alias in text.split():
        try:
            wire_email(f"name{alias}" if alias.startswith("@") else alias)
        except ComposeError:
            return f"“{alias}” is neither an address nor a domain: write sales@example.com or @example.com."
    return ""


def _return_path(sender: Settings) -> str:
    """The values are those of EmailSender.ReturnPath, which is made after this."""
    if sender.return_path == "domain" and not settings.INBOUND_DOMAIN:
        return (
            "This installation has no domain for reports yet: set UCS_INBOUND_DOMAIN and UCS_INTAKE_BIND, or "
            "choose another return path."
        )
    local = sender.email_address.rpartition("@")[0]
    if sender.return_path == "plus" and len(local) > MOST_BEFORE_PLUS:
        return (
            f"“{local}” is too long for a plus-address, which takes at most {MOST_BEFORE_PLUS} characters: "
            "choose another return path."
        )
    return ""


def _display_name(name: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        return "A display name can't hold line breaks or control characters: remove them."
    return ""
