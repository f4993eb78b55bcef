"""The addresses that mail is forwarded to: made once for each source, and too long to be guessed.

    support-mzxw6ytboi4dqmrq@inbound.example.com
    └ of the name   └ 80 random bits

Base32 in lower case, as mail systems change the case of addresses; a +tag may follow.
"""

import base64
import re
import secrets
import unicodedata

from django.conf import settings

from mailsenders import returnpath

RANDOM_BYTES = 10  # 80 bits
RANDOM_LENGTH = 16
RANDOM = rf"[a-z2-7]{{{RANDOM_LENGTH}}}"
LONGEST_SLUG = 23  # with the random part 40 characters, what the column holds

TOKEN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,21}[a-z0-9])?-)?" + RANDOM)

NO_DOMAIN = (
    "This installation takes no forwarded mail yet: set UCS_INBOUND_DOMAIN to the domain whose mail comes "
    "here, such as inbound.example.com, and UCS_INTAKE_BIND to where it is handed over, such as "
    "smtp://127.0.0.1:2525; then start the product again."
)


def new_token(name: str) -> str:
    """A local part for a source of this name, different each time."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name.partition("@")[0]).strip("-")[:LONGEST_SLUG].strip("-")
    random = base64.b32encode(secrets.token_bytes(RANDOM_BYTES)).decode().lower()
    return f"{slug or 'mail'}-{random}"


def address_of(token: str | None, mailbox: str = "") -> str:
    """The whole address for a source's token; "" when it has none, or the installation has no domain.

    :param mailbox: the address of the mailbox that collects its mail: a plus-address of that.
    """
    local, _, domain = mailbox.rpartition("@")
    if token and local:
        return f"{local}+{token}@{domain}"
    return f"{token}@{settings.INBOUND_DOMAIN}" if token and settings.INBOUND_DOMAIN else ""


def token_of(address: str) -> str:
    """The token that an envelope recipient at our domain names, without its +tag; "" for other addresses."""
    local, _, domain = address.strip().rpartition("@")
    if not settings.INBOUND_DOMAIN or domain.lower().rstrip(".") != settings.INBOUND_DOMAIN:
        return ""
    local = local.lower()
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = local[1:-1]
    token = local.partition("+")[0]
    return token if TOKEN.fullmatch(token) else ""


def is_return_path(address: str) -> bool:
    """Whether an envelope recipient is at the place of our domain to which reports about our mails come."""
    local, _, domain = address.strip("<> ").lower().rpartition("@")
    is_ours = bool(settings.INBOUND_DOMAIN) and domain.rstrip(".") == settings.INBOUND_DOMAIN
    return is_ours and local.partition("+")[0] == returnpath.LOCAL


def token_behind_plus(address: str) -> str:
    """The token in a plus-address of a mailbox; "" for other addresses."""
    token = address.strip().lower().rpartition("@")[0].partition("+")[2]
    return token if TOKEN.fullmatch(token) else ""


def is_inbound(address: str) -> bool:
    """Whether an address is at the domain of forwarding addresses, which nobody is to write to."""
    domain = address.rpartition("@")[2].lower().rstrip(".")
    return bool(settings.INBOUND_DOMAIN) and domain == settings.INBOUND_DOMAIN
