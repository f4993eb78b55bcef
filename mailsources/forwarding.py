"""Mail that is forwarded to us, between parser and queue: its envelope, and what no customer has written.

A provider's question whether it may forward, and the mails of our own tests, stay out of the queue: the page
of the source shows them.
"""

from collections.abc import Sequence

from django.utils import timezone

from mailcore.freemail import FREE_MAIL
from mailcore.origin import Handed, believed, with_envelope, with_original_id
from mailcore.parsed import Bounce, Confirmation, ParsedMail
from mailsenders import testsend
from mailsources import forwarding_test, roundtrip
from mailsources.models import EmailSource, FetchedMail, ForwardingConfirmation, SourceState
from queues import bounces
from queues.letters import own_addresses
from queues.naming import renamed, signed

CONFIRMATION = "It is a forwarding confirmation: its code and link are on the page of the email source."
MARKED = "It is the marked mail of a test."
OURS = "It is a copy of a mail of ours, which is in its conversation already."
RETURNED = "It says that the marked mail of a test could not be delivered."


def with_its_envelope(fetched: FetchedMail, mail: ParsedMail) -> ParsedMail:
    """The mail, with what its envelope tells if it was handed over to us; fetched mail has none."""
    return bounces.recognised(_with_envelope(fetched, believed(mail, _is_of_our_house)), fetched.raw)


def _with_envelope(fetched: FetchedMail, mail: ParsedMail) -> ParsedMail:
    if fetched.raw is None or not (fetched.envelope_to or fetched.source.is_forwarding):
        return mail
    raw = fetched.raw.as_bytes()
    handed = Handed(
        mail_from=fetched.envelope_from,
        rcpt_to=fetched.envelope_to,
        public_address=fetched.source.public_address,
    )
    if fetched.envelope_to:
        mail = with_envelope(mail, raw, handed)
    # Nobody else knows the address that mail is forwarded to.
    return with_original_id(mail, raw, handed) if fetched.source.is_forwarding else mail


def _is_of_our_house(email: str) -> bool:
    """Whether it is our own mailbox or a group beside one; of free mail only the mailbox itself."""
    ours, domain = own_addresses(), email.rpartition("@")[2]
    houses = {each.rpartition("@")[2] for each in ours} - FREE_MAIL
    return email in ours or domain in houses


def kept_out(fetched: FetchedMail, mail: ParsedMail) -> str:
    """Note a mail that is none of a customer's, and return why it stays out of the queue; "" for all others.

    Call it in the transaction that settles the mail.
    """
    if _is_test_mail(fetched, mail):
        return MARKED
    if mail.bounce is not None and _returns_test_mail(mail.bounce, bounces.came_to(mail)):
        return RETURNED
    if _is_our_copy(fetched.source, mail):
        return OURS
    if mail.confirmation is not None and _is_for_us(fetched.source, mail):
        _note(fetched, mail.confirmation)
        _count_no_mail(fetched)
        return CONFIRMATION
    return ""


def _is_test_mail(fetched: FetchedMail, mail: ParsedMail) -> bool:
    return (
        forwarding_test.arrived(fetched, mail)
        or roundtrip.arrived(fetched, mail)
        or testsend.is_test(mail.message_id)
    )


def _returns_test_mail(bounce: Bounce, came_to: Sequence[str]) -> bool:
    return (
        forwarding_test.returned(bounce) or roundtrip.returned(bounce) or testsend.returned(bounce, came_to)
    )


def _is_our_copy(source: EmailSource, mail: ParsedMail) -> bool:
    """Whether a mail of ours came into the very mailbox that sent it, without being addressed to it.

    By a rule of the provider that copies, or from a list that we wrote to. What one of our queues writes to
    another one is a mail like any other.
    """
    box = (source.public_address or source.mailbox or source.username).lower()
    if mail.from_.email.lower() != box:
        return False
    ours = signed([mail.message_id]) or renamed(mail.message_id)
    if ours is None or ours.outgoing is None:
        return False
    return not ours.outgoing.recipients.filter(email__iexact=box).exists()


def _is_for_us(source: EmailSource, mail: ParsedMail) -> bool:
    """Whether it asks about this source's address, to which such a question goes directly.

    Nobody but providers writes there. What came to the public address may be a customer's, however much it
    looks like a question: a bank that asks to confirm a transfer, a shop that looks forward to a visit.
    """
    recipients = {person.email.lower() for person in (*mail.to, *mail.cc)}
    return source.is_forwarding and source.address.lower() in recipients


def _note(fetched: FetchedMail, confirmation: Confirmation) -> None:
    ForwardingConfirmation.objects.update_or_create(
        fetched=fetched,
        defaults={
            "source": fetched.source,
            "provider": confirmation.provider[:50],
            "account": confirmation.account[:320],
            "code": confirmation.code[:50],
            "link": confirmation.link,
            "received_at": fetched.received_at or timezone.now(),
        },
    )


def _count_no_mail(fetched: FetchedMail) -> None:
    """The question came directly: that anything is forwarded is yet to be seen."""
    others = FetchedMail.objects.filter(source=fetched.source, confirmation=None).order_by("-id")
    last = others.values_list("fetched_at", flat=True).first()
    state = SourceState.objects.filter(source=fetched.source, last_mail_at__lte=fetched.fetched_at)
    state.update(last_mail_at=last)
