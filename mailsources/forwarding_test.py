"""“Test forwarding”: a marked mail of ours goes to the public address, and should come back to us.

started ──outbox──▶ sent ──their rule──▶ arrived after so many seconds
             └──refused           └──returned: the answer says why     └──not yet: what to look at
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from mailcore.compose import ComposeError, Draft, compose
from mailcore.parsed import Address, Bounce, ParsedMail
from mailsenders import outbox
from mailsenders.marks import Mark
from mailsenders.models import EmailSender, OutgoingMail
from mailsources.models import EmailSource, FetchedMail, ForwardingTest

PATIENCE = timedelta(minutes=3)
"""A mail that is forwarded at all has mostly arrived by then."""

GIVEN_UP = timedelta(hours=1)

MARK_COUNTS = timedelta(days=7)
"""Servers try for five days. Later whoever has seen a mark could keep mails from the agents with it."""

MARK = Mark("mailsources.forwarding_test", "forwarding-test")

TEXT = (
    "This mail tests whether mail to {public} is forwarded to the contact centre.\n"
    "It answers itself: when it arrives there, the page of the email source says so, and nobody sees it.\n"
)
WAITING = (
    "Look whether forwarding is switched on at {public} and is confirmed, whether the mail lies in the spam "
    "folder there, and whether the address is the one above, letter by letter. In Microsoft 365 an "
    "administrator must allow it: Defender portal → Anti-spam → outbound policy → Automatic forwarding: On."
)
POLICY = (
    "Microsoft 365 has refused to forward (5.7.520): in the Defender portal → Policies → Anti-spam → "
    "outbound policy, set “Automatic forwarding” to “On”, or allow it for this mailbox alone in a policy of "
    "its own. It works some minutes later."
)


class TestRefused(Exception):
    """A test that can't begin; the text is a sentence for the administrator."""

    __test__ = False  # no class of tests, whatever pytest thinks of its name


@dataclass(frozen=True, slots=True)
class Standing:
    """How a test does, for the page: a badge's tone and word, a sentence; `is_over` ends the waiting."""

    tone: str
    word: str
    sentence: str
    is_over: bool


def start(source: EmailSource, user_id: int | None = None) -> ForwardingTest:
    """Put a marked mail to the source's public address into the outbox.

    :raises TestRefused: nobody is there to send it, or to send it to.
    """
    sender = source.queue.sender
    if not source.is_active:
        raise TestRefused(f"{source} is switched off: make it active first.")
    if sender is None or not sender.is_active:
        raise TestRefused(
            f"The queue {source.queue} has no active email sender that could send the test mail."
        )
    with transaction.atomic():
        test = ForwardingTest.objects.create(source=source, public_address=source.public_address)
        try:
            test.outgoing = outbox.enqueue(_envelope(test, sender, user_id))
        except (ComposeError, outbox.EnvelopeError) as error:
            raise TestRefused(f"The test mail can't be written: {error}") from error
        test.save(update_fields=["outgoing"])
    return test


def arrived(fetched: FetchedMail, mail: ParsedMail) -> bool:
    """Whether the mail is one of our marked ones; the first to come by its source ends the test."""
    test_id = MARK.in_subject(mail.subject)
    if test_id is None:
        return False
    at = fetched.received_at or timezone.now()
    tests = ForwardingTest.objects.filter(pk=test_id, started_at__gt=at - MARK_COUNTS)
    if not tests.exists():
        return False
    tests.filter(source=fetched.source, arrived_at=None).update(arrived_at=at)
    return True


def returned(bounce: Bounce) -> bool:
    """Whether a mail server returns one of our marked mails; its words are kept."""
    test_id = MARK.in_id(bounce.message_id)
    if test_id is None:
        return False
    answer = f"{bounce.status} {bounce.answer}".strip() or "it gave no reason"
    ForwardingTest.objects.filter(pk=test_id).update(answer=answer[:1000])
    return True


def standing(test: ForwardingTest) -> Standing:
    """What there is to say of a test now."""
    waited = timezone.now() - test.started_at
    if test.arrived_at is not None:
        seconds = round((test.arrived_at - test.started_at).total_seconds())
        after = f"after {seconds} s" if seconds > 0 else "within a second"
        return Standing("good", "arrived", f"The test mail came back {after}: it works.", True)
    if test.answer:
        policy = f" {POLICY}" if "5.7.520" in test.answer else ""
        return Standing(
            "bad", "returned", f"A mail server returned the test mail: {test.answer}.{policy}", True
        )
    states = OutgoingMail.State
    state = test.outgoing.state if test.outgoing else states.FAILED
    if state == states.FAILED:
        error = test.outgoing.last_error if test.outgoing else "it is no longer in the outbox."
        return Standing(
            "bad", "not sent", f"The test mail to {test.public_address} was not sent: {error}", True
        )
    if state not in (states.SENT, states.UNCERTAIN):
        error = test.outgoing.last_error if test.outgoing else ""
        return Standing("calm", "being sent", f"The test mail goes to {test.public_address}. {error}", False)
    sent = f"The test mail was sent to {test.public_address}"
    if waited < PATIENCE:
        return Standing("calm", "sent", f"{sent}; waiting for it to come back …", False)
    hint = WAITING.format(public=test.public_address)
    return Standing("warn", "not yet back", f"{sent} and has not come back. {hint}", waited > GIVEN_UP)


def _envelope(test: ForwardingTest, sender: EmailSender, user_id: int | None) -> outbox.Envelope:
    message_id = MARK.message_id(test.pk, sender.email_address.rpartition("@")[2])
    draft = Draft(
        from_=Address(sender.display_name, sender.email_address),
        to=(Address("", test.public_address),),
        subject=MARK.subject("Forwarding test", test.pk),
        date=timezone.now(),
        text=TEXT.format(public=test.public_address),
        message_id=message_id,
        automatic=True,
    )
    return outbox.Envelope(
        sender=sender,
        raw=compose(draft),
        message_id=message_id,
        mail_from=sender.email_address,  # a refusal is what we want to hear of
        recipients=(test.public_address,),
        order_key=-test.pk,  # of no conversation
        is_automatic=True,
        created_by_id=user_id,
    )
