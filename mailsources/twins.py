"""Whether another source has the same mailbox or address already; the sentence names it."""

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

if TYPE_CHECKING:
    from mailsources.models import EmailSource


def check(source: "EmailSource", others: "QuerySet[EmailSource]") -> None:
    """Two sources of one mailbox would take each other's mail, and two of one address its questions.

    :raises ValidationError: at the field that is to be changed.
    """
    active = others.filter(stage="active")
    if not source.is_forwarding:
        _check_mailbox(source, active.exclude(server_type="FORWARDING"))
    if source.is_active:
        _check_addresses(source, active.filter(is_active=True))


def addresses(source: "EmailSource") -> list[str]:
    """What customers write to so that it comes in here: the address, then its aliases; lower case."""
    first = source.public_address or source.mailbox or source.username
    return [each.lower() for each in (first, *source.aliases.split()) if "@" in each]


def of_address(address: str, others: "QuerySet[EmailSource]") -> "EmailSource | None":
    """The source by which the mail of an address comes in, one that is on before one that is paused."""
    found = others.filter(stage="active").order_by("-is_active", "name")
    own = Q(public_address__iexact=address) | Q(mailbox__iexact=address)
    return found.filter(own | Q(username__iexact=address, mailbox="")).first() or _owner(
        address.lower(), found
    )


def _check_mailbox(source: "EmailSource", others: "QuerySet[EmailSource]") -> None:
    twin = others.filter(
        server_address__iexact=source.server_address,
        username__iexact=source.username,
        mailbox__iexact=source.mailbox,
        folder=source.folder,
    ).first()
    if twin is None:
        return
    off = ", which is switched off: switch it on and change it" if not twin.is_active else ""
    box = f"{source.mailbox or source.username} on {source.server_address} ({source.folder})"
    raise ValidationError(
        {
            "username" if source.server_type == "POP3" else "folder": (
                f"The mailbox {box} is already fetched by the email source “{twin.name}”"
                f"{off or ': change that one'}, or choose another mailbox or folder."
            )
        }
    )


def _check_addresses(source: "EmailSource", others: "QuerySet[EmailSource]") -> None:
    """Each address belongs to one source; folders of one mailbox share the username's, which is not named."""
    named = [
        ("public_address", source.public_address),
        *(("aliases", each) for each in source.aliases.split()),
    ]
    for field, address in named:
        twin = _owner(address.lower(), others) if address else None
        if twin is not None:
            raise ValidationError(
                {
                    field: f"{address} is the address of the active email source “{twin.name}”: change or "
                    "pause that one first, or give another address."
                }
            )


def _owner(address: str, others: "QuerySet[EmailSource]") -> "EmailSource | None":
    twin = others.filter(public_address__iexact=address).first()
    if twin is None:
        lists = others.filter(aliases__icontains=address)
        twin = next((one for one in lists if address in one.aliases.split()), None)
    return twin
