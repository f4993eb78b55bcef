"""Whose word on senders counts: of all that calls itself Authentication-Results, the source's own server."""

from dataclasses import replace

from mailcore.authentication import believed
from mailcore.parsed import ParsedMail
from mailsources.hosts import host_of
from mailsources.models import EmailSource


def with_believed(source: EmailSource, mail: ParsedMail) -> ParsedMail:
    """The mail with what the source's own mail server found out, if that is known."""
    if not mail.authentication:
        return mail
    return replace(mail, findings=believed(mail.authentication, _names(source)))


def _names(source: EmailSource) -> tuple[str, ...]:
    box = source.collected_by or source
    name = source.authserv_id or box.authserv_id
    return (name.lower(),) if name else host_of(box.server_address).checks_as
