"""What a mail may be, as the sender's server has said: how large, and to which addresses."""

from collections.abc import Iterable

from mailcore.writing import needs_utf8
from mailsenders.models import EmailSender
from queues.refusals import ActionRefused

MOST_FILES = 50
MOST_BYTES = 25_000_000  # files that mailboxes take, after base64 has made a third more of them
AROUND = 20_000  # octets for headers, signature and the marks between parts
LINE = 57  # octets of a file that make a line of base64, 78 with its end


def check_addresses(sender: EmailSender, emails: Iterable[str]) -> bool:
    """Whether the mail needs a server with SMTPUTF8.

    Raises:
        ActionRefused: it does, and the sender's server is none.
    """
    odd = [email for email in emails if needs_utf8(email)]
    if odd and not sender.state.takes_utf8:
        raise ActionRefused(
            f"“{odd[0]}” has letters outside a-z before the @, and the server of the email sender "
            f"“{sender.name}” takes no such address: ask this person for another one."
        )
    return bool(odd)


def check_size(sender: EmailSender, octets: int) -> None:
    """Refuse a mail that the sender's server would refuse, before anybody waits for it.

    Raises:
        ActionRefused: with both sizes.
    """
    largest = sender.state.largest_mail
    if largest and octets > largest:
        raise ActionRefused(
            f"With everything in it the mail has {octets / 1e6:.1f} MB, and the server of the email sender "
            f"“{sender.name}” takes {largest / 1e6:.1f} MB: take a file out, or send the files one by one."
        )


def room(sender: EmailSender | None) -> int:
    """How many octets the files of one mail may have together: base64 adds 37 %."""
    largest = sender.state.largest_mail if sender is not None else None
    return min(MOST_BYTES, max(largest - AROUND, 0) * LINE // 78) if largest else MOST_BYTES
