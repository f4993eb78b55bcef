"""Copies for the Sent folder, and a look into it for mails of which nobody knows whether they left.

Both open the mailbox that belongs to a sender: the one chosen for it, else the IMAP source of its address.
One worker at a time does it for a sender. A mailbox that can't be opened pauses this for its sender; sending
goes on, as it never waits for a copy.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Lower
from django.utils import timezone

from mailsenders import filing
from mailsenders.models import EmailSender, OutgoingMail
from mailsenders.sent_copies import saver_of
from mailsources.faults import MailboxError
from mailsources.models import EmailSource, SentFolder
from mailsources.sentfolder import NotFiled, SentBox, opened
from queues import settled

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
WORK = timedelta(minutes=2)  # then the rest is left to the next round; one step may take a minute
AT_ONCE = 100

NO_MAILBOX = (
    "No email source signs in at the mailbox of {address}, so no copy can be put into its Sent folder: add "
    "an IMAP source for it (it may be switched off), choose another mailbox at the sender, or want no copies."
)
FILED = "A copy was put into the Sent folder “{folder}”."
SAVED = "It lies in the Sent folder “{folder}”: the provider has saved it by itself."


def due(now: datetime) -> list[int]:
    """Senders for which there is something to do, and that don't pause."""
    waiting = {
        *filing.copies(now).order_by().values_list("sender", flat=True).distinct(),
        *filing.doubtful(now).order_by().values_list("sender", flat=True).distinct(),
    }
    busy = SentFolder.objects.filter(
        Q(next_attempt_at__gt=now, sender__changed_at__lte=F("last_error_at")) | Q(lease_until__gt=now),
        sender__in=waiting,
    )
    return sorted(waiting - set(busy.values_list("sender", flat=True)))


def mailbox_of(sender: EmailSender) -> EmailSource | None:
    """The IMAP source whose mailbox keeps what this sender sends; None when there is none.

    A source that is switched off will do: only its sign-in is used.
    """
    chosen = SentFolder.objects.filter(sender=sender, source__isnull=False).select_related("source").first()
    if chosen is not None:
        return chosen.source
    names = {sender.email_address.lower(), sender.username.lower()} - {""}
    box = Case(When(mailbox="", then=Lower("username")), default=Lower("mailbox"))
    rows = EmailSource.objects.filter(server_type=EmailSource.ServerType.IMAP).annotate(box=box)
    own_first = Case(When(box=sender.email_address.lower(), then=Value(0)), default=Value(1))
    return rows.filter(box__in=names).order_by(own_first, "-is_active", "pk").first()


def work(sender_id: int) -> None:
    """Do what is due for one sender; nothing when another worker does it."""
    now = timezone.now()
    sender = EmailSender.objects.filter(pk=sender_id).first()
    if sender is None:
        return
    folder, _ = SentFolder.objects.get_or_create(sender=sender)
    ours = SentFolder.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=folder.pk)
    if not ours.update(lease_until=now + LEASE):
        return
    try:
        _work(sender, folder, now)
    except MailboxError as error:
        logger.warning("the Sent folder of sender %s: %s", sender_id, error)
        _pause(folder, error.sentence, now)
    finally:
        SentFolder.objects.filter(pk=folder.pk).update(lease_until=None)


def _work(sender: EmailSender, folder: SentFolder, now: datetime) -> None:
    copies = _of(sender, filing.copies(now))
    doubtful = _of(sender, filing.doubtful(now))
    source = mailbox_of(sender)
    if source is None:
        if copies:
            _pause(folder, NO_MAILBOX.format(address=sender.email_address), now)
        return
    if not copies and not doubtful:
        return
    # What nobody chose, nobody makes: a look for a mail changes nothing.
    with opened(source, sender.sent_folder, make=bool(copies)) as box:
        for mail in [*doubtful, *copies]:
            if timezone.now() > now + WORK:
                break
            _one(box, mail, sender)
        folder.folder = box.folder[:500]
    folder.save(update_fields=["folder"])
    folder.succeeded()


def _of(sender: EmailSender, rows: QuerySet[OutgoingMail]) -> list[OutgoingMail]:
    return list(rows.filter(sender=sender).select_related("raw", "sender").order_by("id")[:AT_ONCE])


def _one(box: SentBox, mail: OutgoingMail, sender: EmailSender) -> None:
    now = timezone.now()
    saver = saver_of(sender.server_address)
    if mail.sent_at and saver and now < mail.sent_at + timedelta(seconds=saver.seconds):
        return  # its own copy may still be on the way
    if not filing.begin(mail, now):
        return
    if mail.state == OutgoingMail.State.UNCERTAIN:
        _look_for(box, mail)
    else:
        _file(box, mail)


def _look_for(box: SentBox, mail: OutgoingMail) -> None:
    raw = mail.raw.as_bytes()
    seen = box.find(mail.message_id, raw, mail.data_started_at or mail.created_at)
    if seen is None:
        filing.not_found(mail, box.folder)
        settled.note_looked_for(mail)
    elif filing.found(mail, SAVED.format(folder=box.folder), _alias(mail, seen)):
        settled.note_found(mail, box.folder)


def _file(box: SentBox, mail: OutgoingMail) -> None:
    raw, sent_at = mail.raw.as_bytes(), mail.sent_at or mail.created_at
    seen = box.find(mail.message_id, raw, sent_at)
    if seen is not None:
        is_ours = mail.folder_tries > 1 and saver_of(mail.sender.server_address) is None  # of a try cut short
        note = FILED if is_ours else SAVED
        filing.filed(mail, note.format(folder=box.folder), _alias(mail, seen))
        return
    try:
        box.append(raw, sent_at)
    except NotFiled as refusal:
        logger.warning("outgoing mail %s has no copy in the Sent folder: %s", mail.pk, refusal)
        filing.not_filed(mail, str(refusal))
        return
    filing.filed(mail, FILED.format(folder=box.folder))


def _alias(mail: OutgoingMail, seen: str) -> str:
    return seen if seen.lower() != mail.message_id.lower() else ""


def _pause(folder: SentFolder, sentence: str, now: datetime) -> None:
    ladder = settings.RETRY_LADDER
    pause = ladder[min(folder.failures, len(ladder) - 1)]
    folder.failed(sentence, now + timedelta(seconds=pause))
    filing.give_up(folder.sender_id, sentence, now)
