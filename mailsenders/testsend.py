"""“Send a test mail”: one mail from a sender to an address, with everything that is said on the way.

    waiting ──a worker takes it──▶ running ──▶ taken | refused | uncertain
                     └──no room in the budget──▶ refused

It goes past the outbox, over a connection of its own: what is tried is the sender as it is set, once, now.
That connection is one of those that the sender allows, and the mail counts for its budget. Then it is asked
for each alias whether the server would let it send, without a mail.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from celery import signature
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from mailcore.compose import ComposeError, Draft, compose
from mailcore.parsed import Address, Bounce
from mailcore.writing import wire_email
from mailsenders import limits, returnpath, slots
from mailsenders.answers import UNKNOWN_END, Kind, Phase, classify
from mailsenders.budget import ONE
from mailsenders.delivery import place_of
from mailsenders.dialogue import NOTE, Dialogue, HeardLine
from mailsenders.marks import Mark
from mailsenders.models import EmailSender, SenderState, TestSend
from mailsenders.parking import end_pause
from mailsenders.sending import why_not
from mailsenders.smtp import Lost, Refused, Server, SmtpError
from mailstore.announce import announce
from sso import secrets
from sso.oauth import SignInError
from sso.secrets import Credential

logger = logging.getLogger(__name__)

State = TestSend.State

SAVE_SECONDS = 0.3
SLOT_SECONDS = 40.0  # a kept connection is closed after half of that
MOST_ALIASES = 20
KEPT_FOR = timedelta(days=30)
PATIENCE = timedelta(seconds=20)
BROKE_OFF = timedelta(minutes=20)
"""Longer than a server may take for all of it."""

TEXT = (
    "This is a test mail. It was sent by the email sender “{sender}” of the contact centre, for {address}.\n"
    "Nothing needs to be done with it.\n"
)
NO_WORKER = "No worker has taken it yet: look under ☰ System whether the send workers run."
ALL_BUSY = (
    "All connections that “{sender}” allows at once ({number}) are in use, so nothing was sent: try again in "
    "a minute."
)
SPENT = (
    "The budget of “{sender}” is used up ({rule}), so nothing was sent: a test mail counts like any other. A "
    "higher limit lets it leave at once."
)
MARK = Mark("mailsenders.testsend", "test-send")
_TASK = signature("mailsenders.tasks.test_send")


class TestSendRefused(Exception):
    """A test that can't begin; the text is a sentence for the administrator."""

    __test__ = False


def start(sender: EmailSender, email: str, user: User | None = None) -> TestSend:
    """Have a worker send a test mail.

    :raises TestSendRefused: the address can't be written to.
    """
    email = email.strip()
    try:
        wire_email(email)
    except ComposeError as error:
        raise TestSendRefused(str(error)) from error
    sender.test_sends.filter(started_at__lt=timezone.now() - KEPT_FOR).delete()
    test = TestSend.objects.create(sender=sender, email=email, created_by=user)
    announce(_TASK, test_id=test.pk)
    return test


def run(test_id: int) -> None:
    """Send it, once: a test that another worker has taken is left alone."""
    test = _begun(test_id)
    if test is None:
        return
    dialogue = Dialogue([test.sender.password])
    state, verdict = State.REFUSED, "It broke off; the log of the worker says why."
    try:
        with _slot(test.sender) as slot:
            if slot is None:
                verdict = ALL_BUSY.format(number=test.sender.connections, sender=test.sender)
            else:
                state, verdict = _tried(test, dialogue, slot)
    except Exception:
        logger.exception("Test send %s broke off.", test_id)
    test.state, test.verdict, test.finished_at = state, dialogue.blanked(verdict), timezone.now()
    test.lines = dialogue.said()
    test.save(update_fields=["state", "verdict", "finished_at", "lines"])
    if state == State.TAKEN:
        end_pause(test.sender_id)


def _begun(test_id: int) -> TestSend | None:
    """Take it for this worker, with its place in the budget; None when there is nothing to do."""
    with transaction.atomic():
        waiting = TestSend.objects.select_for_update(skip_locked=True).filter(pk=test_id, state=State.WAITING)
        test = waiting.first()
        if test is None:
            return None
        list(SenderState.objects.select_for_update().filter(sender=test.sender_id))
        room = limits.room(test.sender, timezone.now())
        spent = next(iter(room.spent(ONE)), None)
        if spent is not None:
            test.state, test.finished_at = State.REFUSED, timezone.now()
            test.verdict = SPENT.format(sender=test.sender, rule=spent)
        else:
            test.state = State.RUNNING
        test.save(update_fields=["state", "finished_at", "verdict"])
    return None if spent is not None else test


@contextmanager
def _slot(sender: EmailSender) -> Iterator[int | None]:
    """One of the connections that the sender allows, waited for; None when all stay in use."""
    until = time.monotonic() + SLOT_SECONDS
    slot = slots.take(sender.pk, sender.connections)
    while slot is None and time.monotonic() < until:
        time.sleep(SAVE_SECONDS)
        slot = slots.take(sender.pk, sender.connections)
    try:
        yield slot
    finally:
        if slot is not None:
            slots.release(sender.pk, [slot])


def standing(test: TestSend) -> tuple[str, bool]:
    """What there is to say of a test now, and whether it is over."""
    waited = timezone.now() - test.started_at
    if test.finished_at is not None:
        return test.verdict, True
    if waited > BROKE_OFF:
        return "It broke off: the process that was sending it has ended. Try again.", True
    if test.state == State.WAITING:
        return (NO_WORKER if waited > PATIENCE else "A worker takes it in a moment …"), False
    return "Talking to the server …", False


def is_test(message_id: str) -> bool:
    """Whether an id is that of one of our test mails."""
    return MARK.in_id(message_id) is not None


def returned(bounce: Bounce, came_to: Iterable[str] = ()) -> bool:
    """Whether a mail server returns one of our test mails; its words are put to the test.

    :param came_to: the addresses that the report was for.
    """
    number = MARK.in_id(bounce.message_id)
    if number is None:
        named = returnpath.first_named(came_to)
        number = named.number if named is not None and named.is_test else None
    if number is None:
        return False
    answer = f"{bounce.status} {bounce.answer}".strip() or "it gave no reason"
    test = TestSend.objects.filter(pk=number).first()
    if test is not None:
        test.state, test.verdict = State.REFUSED, f"A mail server returned it afterwards: {answer[:1000]}"
        test.save(update_fields=["state", "verdict"])
    return True


def _tried(test: TestSend, dialogue: Dialogue, slot: int) -> tuple[State, str]:
    """Try it while the row is told what is said."""
    server = Server.of(test.sender)
    try:
        raw = _mail(test)
        credential = secrets.resolve(server.password, server.host) if server.username else None
    except (ComposeError, SignInError) as error:
        return State.REFUSED, getattr(error, "sentence", str(error))
    try:
        return _spoken(test, dialogue, slot, _Said(raw, credential))
    except Refused as refusal:
        is_old_token = refusal.phase == Phase.AUTH and credential and credential.kind == "xoauth2"
        if not is_old_token:
            return _judged(test.sender, refusal)
    except SmtpError as error:
        return _judged(test.sender, error)
    dialogue.note(NOTE, "The token was refused: trying once more with a fresh one.")
    try:
        fresh = secrets.resolve(server.password, server.host, fresh=True)
        return _spoken(test, dialogue, slot, _Said(raw, fresh))
    except SignInError as error:
        return State.REFUSED, error.sentence
    except SmtpError as error:
        return _judged(test.sender, error)


@dataclass(slots=True)
class _Said:
    """What is to be said; `refusals`: what the server said to other addresses of the sender."""

    raw: bytes = field(repr=False)
    credential: Credential | None
    refusals: dict[str, str] = field(default_factory=dict)


def _spoken(test: TestSend, dialogue: Dialogue, slot: int, words: _Said) -> tuple[State, str]:
    """Talk in a thread of its own; save meanwhile what was said, and hold on to the connection's slot."""
    saved, renewed = 0, time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        talk = pool.submit(asyncio.run, _talk(test, dialogue, words))
        while not talk.done():
            wait([talk], SAVE_SECONDS)
            said = dialogue.said()
            if len(said) != saved:
                TestSend.objects.filter(pk=test.pk).update(lines=said)
                saved = len(said)
            if time.monotonic() - renewed > slots.SECONDS / 3:
                slots.renew(test.sender_id, [slot])
                renewed = time.monotonic()
        talk.result()
    place = place_of(test.sender)
    return State.TAKEN, (
        f"{place.server} has taken the mail for {test.email}. If it doesn't arrive, look into the spam "
        "folder there, and whether a report comes back."
    ) + "".join(f" It may not send as {alias} ({said})." for alias, said in words.refusals.items())


async def _talk(test: TestSend, dialogue: Dialogue, words: _Said) -> None:
    sender, recipient = test.sender, wire_email(test.email)
    mail_from = returnpath.of_test(test)
    line = HeardLine(Server.of(sender), dialogue)
    try:
        await line.open()
        if words.credential:
            await line.sign_in(words.credential)
        outcome = await line.envelope(mail_from, (recipient,), words.raw)
        refusal = outcome[recipient]
        if refusal is not None:
            raise Refused(Phase.RCPT, refusal)
        await line.start_text()
        await line.text(words.raw)
        await _ask_for_aliases(line, test, dialogue, words)
    finally:
        await line.close()


async def _ask_for_aliases(line: HeardLine, test: TestSend, dialogue: Dialogue, words: _Said) -> None:
    """Whether each other address may send to the same recipient. The mail has left: nothing undoes that."""
    aliases = [each for each in test.sender.aliases.split() if not each.startswith("@")][:MOST_ALIASES]
    for alias in aliases:
        dialogue.note(NOTE, f"Would it let the sender send as {alias}? No mail is sent for that.")
        try:
            refused = await line.try_recipient(wire_email(alias), wire_email(test.email))
            if refused is not None:
                words.refusals[alias] = str(refused)
        except Refused as refusal:
            words.refusals[alias] = str(refusal.answer)
            if not await _is_going_on(line):
                return
        except SmtpError as error:
            dialogue.note(NOTE, f"Nobody knows: {error}.")
            return


async def _is_going_on(line: HeardLine) -> bool:
    try:
        await line.reset()
    except SmtpError:
        return False
    return True


def _judged(sender: EmailSender, error: SmtpError) -> tuple[State, str]:
    place = place_of(sender)
    if isinstance(error, Lost) and error.phase == Phase.DOT:
        return State.UNCERTAIN, place.sentence(UNKNOWN_END, str(error))
    if isinstance(error, Refused):
        verdict = classify(error.answer, error.phase)
        state = State.UNCERTAIN if verdict.kind is Kind.UNCERTAIN else State.REFUSED
        return state, place.sentence(verdict, error.answer)
    return State.REFUSED, why_not(sender, error)[0]


def _mail(test: TestSend) -> bytes:
    sender = test.sender
    draft = Draft(
        from_=Address(sender.display_name, sender.email_address),
        to=(Address("", test.email),),
        subject=f"Test mail of {sender.name}",
        date=timezone.now(),
        text=TEXT.format(sender=sender.name, address=sender.email_address),
        message_id=MARK.message_id(test.pk, sender.email_address.rpartition("@")[2]),
        automatic=True,
    )
    return compose(draft)
