"""“+ add mailbox”: provider, source, sender and queue of one address, made step by step.

    address ─▶ servers ─▶ sign-in ─▶ queue ─▶ test both directions ─▶ on, round trip ─▶ done

Each answer is stored at once, so the page can be left at any step. The source is a draft and the sender is
off until both are switched on together.
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.acts import Act
from audit.log import record
from mailsenders import check as sender_check
from mailsenders.models import EmailSender
from mailsenders.provider_budgets import budget_of
from mailsources import check, guessing, lifecycle, roundtrip, twins
from mailsources.forms import free_name
from mailsources.lifecycle import By, LifeCycleRefused
from mailsources.models import EmailSource
from mailsources.setup_models import MailboxSetup
from mailsources.usual_copies import usual_copy
from queues.models import EmailQueue
from sso import lasttests, providers, secrets
from sso.models import SSOProvider
from sso.steps import Step

STEPS = ("address", "servers", "signin", "queue", "test", "trip")


class SetupRefused(Exception):
    """A step that can't be done; the text is a sentence for the administrator."""


def begin(address: str, by: By) -> MailboxSetup:
    """Start with an address; what is half set up for it already is gone on with."""
    there = MailboxSetup.objects.filter(address__iexact=address, finished_at=None).first()
    if there is not None:
        return there
    found = guessing.guess(address)
    return MailboxSetup.objects.create(
        address=address, username=address, begun_by=str(by), kind=found.kind, **_guessed(found)
    )


def twin_of(address: str, own: EmailSource | None = None) -> EmailSource | None:
    """Another source that has the mail of this address already: the set-up would be refused at its end."""
    rows = EmailSource.objects.select_related("queue").defer("password")
    return twins.of_address(address, rows.exclude(pk=own.pk) if own else rows)


def step_of(setup: MailboxSetup) -> str:
    """The first step that is not done."""
    if setup.trip_id or setup.finished_at:
        return "trip"
    if not (setup.server_address and setup.out_address):
        return "servers"
    if not has_sign_in(setup):
        return "signin"
    return "test" if setup.queue_id else "queue"


def has_sign_in(setup: MailboxSetup) -> bool:
    """Whether there is a password, or a provider that somebody has signed in at."""
    if setup.provider is not None:
        return setup.provider.token.signed_in_at is not None
    return bool(setup.password) or setup.source_id is not None


def answer(setup: MailboxSetup, seen: int, values: Mapping[str, Any]) -> None:
    """Store the answers of a step.

    :param seen: the version that the person looked at.
    :raises SetupRefused: somebody else has gone on with it meanwhile.
    """
    rows = MailboxSetup.objects.filter(pk=setup.pk, version=seen)
    with transaction.atomic():
        if not rows.update(version=F("version") + 1, changed_at=timezone.now()):
            raise SetupRefused("Somebody else went on with this set-up meanwhile: this is how it stands now.")
        for name, value in values.items():
            setattr(setup, name, value)
        setup.save(update_fields=list(values))


def make_provider(setup: MailboxSetup, kind: str, client: tuple[str, str], by: By) -> SSOProvider:
    """A provider of its own for this mailbox; several share one client.

    :param client: its id and secret.
    :raises SetupRefused: what was given can't work.
    """
    names = set(SSOProvider.objects.filter(name__startswith=setup.address).values_list("name", flat=True))
    name = next(
        each
        for each in (setup.address, *(f"{setup.address} {number}" for number in range(2, len(names) + 3)))
        if each not in names
    )
    row = SSOProvider(
        name=name,
        type=kind,
        client_id=client[0],
        client_secret=client[1],
        scope=providers.preset(kind).scope,
        mailbox=setup.address,
    )
    _check(row)
    with transaction.atomic():
        row.save()
        record(by.user, Act.INSERTED, row, note="Made while a mailbox was set up.")
    return row


def test(setup: MailboxSetup, by: By) -> tuple[list[Step], list[Step]]:
    """Write source and sender as they are answered, and climb both ladders: in, out.

    :raises SetupRefused: an answer can't work.
    """
    source, sender = _written(setup, by)
    incoming = check.test_connection(source)
    lasttests.note(source, incoming[-1])
    outgoing = sender_check.test_connection(sender)
    lasttests.note(sender, outgoing[-1])
    return incoming, outgoing


def may_send(sender: EmailSender) -> bool:
    """Whether it is on, or its last test was good."""
    last = None if sender.is_active else sender.last_tests.first()
    return sender.is_active or bool(last and last.is_good)


def switch_on(setup: MailboxSetup, by: By, *, anyway: bool) -> None:
    """Source and sender on, the queue answers with the sender, and a marked mail goes round.

    :raises SetupRefused: a test is not good, or the other rules of `lifecycle.activate`.
    """
    source, sender = setup.source, setup.sender
    if source is None or sender is None:
        raise SetupRefused("Test both directions first: that makes the source and the sender.")
    if not anyway and not may_send(sender):
        raise SetupRefused(f"The email sender {sender} was not tested with good result: test it again.")
    try:
        if not source.is_active:
            lifecycle.activate(source.pk, by, anyway=anyway)
    except LifeCycleRefused as error:
        raise SetupRefused(str(error)) from error
    with transaction.atomic():
        EmailSender.objects.filter(pk=sender.pk).update(is_active=True)
        linked = EmailQueue.objects.filter(pk=source.queue_id, sender=None).update(sender=sender)
        note = f"On, as the mailbox {setup.address} was set up"
        note += f"; queue {source.queue} answers with it." if linked else "."
        record(by.user, Act.ACTIVATED, sender, note=note)
        MailboxSetup.objects.filter(pk=setup.pk).update(finished_at=timezone.now(), password="")
    source.refresh_from_db()
    sender.refresh_from_db()
    _go_round(setup, source, sender, by)


def _go_round(setup: MailboxSetup, source: EmailSource, sender: EmailSender, by: By) -> None:
    try:
        setup.trip = roundtrip.start(sender, source, setup.address, by.user.pk if by.user else None)
    except roundtrip.RoundTripRefused as error:
        raise SetupRefused(f"It is switched on, but the round trip can't begin: {error}") from error
    setup.save(update_fields=["trip"])


def discard(setup: MailboxSetup) -> None:
    """Forget a set-up; what it has made stays, as drafts."""
    setup.delete()


def _written(setup: MailboxSetup, by: By) -> tuple[EmailSource, EmailSender]:
    """The rows of the answers, made or changed; those that are on already stay as they are."""
    secret = secrets.token_url(str(setup.provider_id)) if setup.provider_id else setup.password
    source = setup.source or EmailSource(name=free_name(setup.address), stage="draft", is_active=False)
    sender = setup.sender or _sender_of(setup)
    with transaction.atomic():
        if not source.is_active:
            _fill_source(source, setup, secret)
            _save(source, by)
        if sender.pk is None or not sender.is_active:
            _fill_sender(sender, setup, secret)
            _save(sender, by)
        setup.source, setup.sender = source, sender
        setup.save(update_fields=["source", "sender"])
    return source, sender


def _sender_of(setup: MailboxSetup) -> EmailSender:
    """One of the same address is used as it is."""
    there = EmailSender.objects.filter(email_address__iexact=setup.address, is_active=True).first()
    if there is not None:
        return there
    names = set(EmailSender.objects.filter(name__startswith=setup.address).values_list("name", flat=True))
    free = (setup.address, *(f"{setup.address} {number}" for number in range(2, len(names) + 3)))
    return EmailSender(name=next(each for each in free if each not in names), is_active=False)


def _fill_source(source: EmailSource, setup: MailboxSetup, secret: str) -> None:
    if setup.queue is None:
        raise SetupRefused("Choose the queue first.")
    for name in ("server_type", "server_address", "service_port", "use_ssl", "username", "queue"):
        setattr(source, name, getattr(setup, name))
    source.public_address = setup.address
    source.password = secret or source.password


def _fill_sender(sender: EmailSender, setup: MailboxSetup, secret: str) -> None:
    is_new = sender.pk is None
    sender.server_type, sender.server_address = setup.out_type, setup.out_address
    sender.service_port, sender.username = setup.out_port, setup.username
    sender.email_address = setup.address
    sender.password = secret or sender.password
    if is_new:
        sender.sent_copy = usual_copy(sender.server_address, sender.email_address)
        known = budget_of(sender.server_address)
        for name, figure in known.figures.items() if known else ():
            setattr(sender, name, figure)


def _save(row: EmailSource | EmailSender, by: By) -> None:
    is_new = row.pk is None
    _check(row)
    row.save()
    if is_new:
        record(by.user, Act.INSERTED, row, note="Made while a mailbox was set up.")


def _check(row: EmailSource | EmailSender | SSOProvider) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        raise SetupRefused(" ".join(error.messages)) from error


def _guessed(found: guessing.Guess) -> dict[str, Any]:
    values: dict[str, Any] = {"found": found.found, "note": found.note}
    if found.imap.host:
        values |= {
            "server_address": found.imap.host,
            "service_port": found.imap.port,
            "use_ssl": found.imap.security == "SSL",
        }
    if found.smtp.host:
        values |= {
            "out_address": found.smtp.host,
            "out_port": found.smtp.port,
            "out_type": found.smtp.security,
        }
    return values
