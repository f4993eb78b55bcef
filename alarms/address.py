"""EMAIL_ALERTS_TO: who is told, and through which server when no sender works."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from mailsenders.networks import is_inside

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
FORM = (
    "give addresses separated by commas, or a server with them: "
    "smtp+starttls://user:password@smtp.example.com/?to=ops@example.com&from=ucs@example.com (or smtps, smtp)"
)


class AlertsError(ValueError):
    """A value that can't be used; the text says what is wanted."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """`host` is empty when alarms leave through a sender of the product."""

    recipients: tuple[str, ...] = ()
    host: str = ""
    port: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    ssl: bool = False
    starttls: bool = False
    sender: str = ""


def read(text: str) -> Alerts:
    """Read the setting.

    :raises AlertsError: in words.
    """
    text = text.strip()
    if "://" not in text:
        return Alerts(_addresses(text))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its text would hold a piece of the value, perhaps of the password
        raise AlertsError(f"the port or the server can't be read: {FORM}.") from None
    query = parse_qs(parts.query)
    recipients = _addresses(",".join(query.get("to", [])))
    if parts.scheme not in PORTS or not parts.hostname or not recipients:
        raise AlertsError(f"server or recipients are missing: {FORM}.")
    if parts.scheme == "smtp" and parts.password and not _is_near(parts.hostname):
        raise AlertsError(f"smtp would send the password readable by anyone: {FORM}.")
    return Alerts(
        recipients,
        parts.hostname,
        port or PORTS[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        ssl=parts.scheme == "smtps",
        starttls=parts.scheme == "smtp+starttls",
        sender=query.get("from", [recipients[0]])[0],
    )


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    wrong = [
        each for each in found if each.count("@") != 1 or each[0] == "@" or each[-1] == "@" or " " in each
    ]
    if wrong:
        raise AlertsError(f"one of the recipients is no e-mail address: {FORM}.")
    return found


def _is_near(host: str) -> bool:
    """Whether a server is in our own network, where clear text may travel; a bare name can't be far."""
    try:
        return is_inside(host)
    except ValueError:
        return "." not in host
