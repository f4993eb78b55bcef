"""What goes into the outbox, what a worker may do with it, and what came of that."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mailcore.writing import ComposeError, wire_email
from mailsenders.models import EmailSender, OutgoingRecipient
from mailstore.models import RawMail

RecipientState = OutgoingRecipient.State


class EnvelopeError(ValueError):
    """A mail that can't be sent as addressed; the text is a sentence for who wrote it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail as it is to leave.

    :param mail_from: the return path; "" for automatic mail that wants no bounces.
    :param order_key: mails of one key leave in the order of their ids: the conversation.
    :param hold: seconds in which it can be taken back.
    """

    sender: EmailSender
    raw: bytes = field(repr=False)
    message_id: str
    mail_from: str
    recipients: tuple[str, ...]
    order_key: int
    hold: int = 0
    is_automatic: bool = False
    created_by_id: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one mail once, to those who haven't got it yet; `is_whole`: to all of them."""

    mail_id: int
    message_id: str
    fence: int
    sender: EmailSender
    mail_from: str
    recipients: tuple[str, ...]
    is_whole: bool
    raw: RawMail
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claimed mail.

    :param recipients: address → (state, the server's answer); who is missing is as before.
    :param answer: the server's last words.
    :param sentence: what went wrong, "" when nothing did.
    """

    recipients: dict[str, tuple[RecipientState, str]]
    answer: str = ""
    sentence: str = ""

    def is_taken_for(self, emails: Iterable[str]) -> bool:
        """Whether all of these were accepted, with the answer that the whole mail got."""
        taken = (RecipientState.ACCEPTED, self.answer)
        return all(self.recipients.get(email) == taken for email in emails)


def wire_addresses(emails: Iterable[str]) -> list[str]:
    """The addresses as SMTP takes them, each once.

    :raises EnvelopeError: there is none, or one that no server takes.
    """
    try:
        # Whether its server takes a name in any script, who writes the mail has looked up.
        found = dict.fromkeys(wire_email(email, utf8=True) for email in emails)
    except ComposeError as error:
        raise EnvelopeError(str(error)) from error
    if not found:
        raise EnvelopeError("The mail has no recipient: add at least one address.")
    return list(found)
