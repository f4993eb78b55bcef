"""The way of a mail of ours: written, tried, taken by the server, and what came back."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailsources.models import FetchedMail
from mailsources.trace_steps import Step, connections, in_order, tries
from queues.sayings import told

State = OutgoingMail.State
Recipient = OutgoingRecipient.State


def trace(mail: OutgoingMail, *, is_open: bool) -> list[Step]:
    """All that is known, in order.

    :param is_open: who asks is an administrator, and may follow links into the administration.
    """
    return in_order([*_cause(mail), *steps_out(mail, _("The mail"), "", is_open=is_open)])


def steps_out(mail: OutgoingMail, name: str, url: str, *, is_open: bool) -> Iterator[Step]:
    """The steps of one outgoing mail.

    :param name: what it is, as it begins the sentences.
    :param url: of its own trace.
    """
    values = {"name": name}
    link = reverse("admin:mailsenders_outgoingmail_change", args=[mail.pk]) if is_open else url
    who = mail.created_by.get_full_name() or mail.created_by.get_username() if mail.created_by else ""
    if who:
        written = _("%(name)s was written by %(who)s.") % {**values, "who": who}
    else:
        written = _("%(name)s was made by the product.") % values
    yield Step(mail.created_at, written, url=url)
    yield from tries(mail.raw_id)
    yield from connections(mail.pk, out=True, is_open=is_open)
    if mail.data_started_at:
        yield Step(mail.data_started_at, _("%(name)s: its text began to leave.") % values, url=link)
    if mail.sent_at:
        server = {**values, "server": mail.sender.server_address}
        yield Step(
            mail.sent_at, _("%(name)s was taken by %(server)s.") % server, mail.last_answer, link, "good"
        )
    yield from _state(mail, values, link)
    yield from _recipients(mail)
    if mail.folder_note:
        yield Step(None, _("Copy in the Sent folder"), mail.folder_note)


def _state(mail: OutgoingMail, values: dict[str, str], link: str) -> Iterator[Step]:
    """Where it stands, unless it has left."""
    match mail.state:
        case State.HELD:
            yield Step(None, _("%(name)s is held for undo.") % values, url=link)
        case State.QUEUED | State.SENDING:
            yield Step(None, _("%(name)s is about to be sent.") % values, mail.last_error, link)
        case State.RETRY:
            yield Step(mail.not_before, _("%(name)s is tried again.") % values, mail.last_error, link, "warn")
        case State.UNCERTAIN:
            words = _("%(name)s: nobody knows whether it arrived; a person decides.") % values
            yield Step(None, words, mail.last_error, link, "bad")
        case State.FAILED:
            yield Step(None, _("%(name)s could not be delivered.") % values, mail.last_error, link, "bad")
        case State.CANCELLED:
            yield Step(None, _("%(name)s was taken back.") % values, url=link)


def _recipients(mail: OutgoingMail) -> Iterator[Step]:
    """Whose server said no, and from whom it came back."""
    for row in sorted(mail.recipients.all(), key=lambda each: each.pk):
        email = {"email": row.email}
        if row.returned_at:
            yield Step(
                row.returned_at,
                _("It came back from %(email)s.") % email,
                told(row.answer),
                _report(mail),
                "bad",
            )
        elif row.state == Recipient.REFUSED:
            yield Step(None, _("The server refused %(email)s.") % email, row.answer, tone="bad")
        elif row.delay:
            yield Step(
                None, _("The server of %(email)s is still being tried.") % email, told(row.delay), tone="warn"
            )


def _report(mail: OutgoingMail) -> str:
    """The trace of the report that says so (RFC 3464), if it is there."""
    message = getattr(mail, "message", None)
    if message is None:
        return ""
    reports = FetchedMail.objects.filter(
        message__conversation=message.conversation_id, message__automatic="bounce", message__pk__gt=message.pk
    )
    pk = reports.order_by("pk").values_list("pk", flat=True).first()
    return reverse("trace-in", args=[pk]) if pk else ""


def _cause(mail: OutgoingMail) -> Iterator[Step]:
    """The mail that it answers."""
    message = getattr(mail, "message", None)
    if message is None or not message.in_reply_to:
        return
    rows = FetchedMail.objects.filter(
        header_id=message.in_reply_to, message__conversation=message.conversation_id
    )
    fetched = rows.select_related("source").first()
    if fetched is not None:
        came = fetched.received_at or fetched.fetched_at
        words = _("The mail came that it answers: %(subject)s") % {"subject": fetched.subject or "–"}
        yield Step(came, words, url=reverse("trace-in", args=[fetched.pk]))
