"""What is wrong at this moment, over all floors: the one list that status, banner and mails share."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from alarms.audit_troubles import audit_troubles
from alarms.coverage import coverage_troubles
from alarms.endings import endings
from alarms.gap_troubles import gap_troubles
from alarms.models import ENDING
from alarms.move_troubles import move_troubles
from alarms.scanner_troubles import scanner_troubles
from alarms.sender_troubles import sender_troubles
from alarms.trouble import Trouble
from alarms.webhook_troubles import webhook_troubles
from mailsources import standing
from mailsources.models import EmailSource, FetchedMail, SentFolder
from mailstore.workers import INTAKE, QUEUES, worker_states
from queues import brakes, later, sla
from queues.models import EmailQueue
from sso import causes
from sso.clicks import place_of
from sso.models import SSOProvider
from sso.tokens import KEY

__all__ = ["Trouble", "troubles"]

TIMED = (
    "{answers} could not be sent by a fault of ours: see the log of the workers; its agent is told in the "
    "conversation, and can send it again."
)
ANSWERS_FOR = timedelta(days=1)
SILENT_WORKERS = "no worker answers: start one with manage.py up."
SILENT_INTAKE = (
    "there are forwarding sources, but no process takes their mail: set UCS_INTAKE_BIND and start "
    "manage.py intake (manage.py up starts it by itself then)."
)


def troubles() -> list[Trouble]:
    """Everything that a person should see to; few queries, but one for each sender with a budget."""
    parts = (
        _sources(), sender_troubles(), _sent_folders(), _providers(), _queues(), _workers(), _endings(),
        gap_troubles(), coverage_troubles(), scanner_troubles(), webhook_troubles(),
        audit_troubles(), move_troubles(),
    )  # fmt: skip
    return [each for part in parts for each in part]


def _sources() -> Iterator[Trouble]:
    now = timezone.now()
    quarantined = dict(
        FetchedMail.objects.filter(state=FetchedMail.State.FAILED)
        .order_by().values_list("source").annotate(failed=Count("pk"))
    )  # fmt: skip
    for source in EmailSource.objects.select_related("state").defer("password"):
        title, link = f"source {source.name}", _change("mailsources_emailsource", source.pk)
        key = f"source:{source.pk}"
        if source.is_active and source.state.is_failing:
            mended = place_of(causes.named(source.state.last_cause), source)
            yield Trouble(f"{key}:failing", title, source.state.last_error, mended)
        for sentence in standing.alarms(source, now):
            yield Trouble(f"{key}:{_kind(sentence)}", title, sentence, link, is_urgent=False)
        if count := quarantined.get(source.pk):
            ledger = reverse("admin:mailsources_fetchedmail_changelist")
            yield Trouble(
                f"{key}:quarantine",
                title,
                f"{count} mails could not be delivered: look at each, then try again.",
                f"{ledger}?source__id__exact={source.pk}&state__exact={FetchedMail.State.FAILED}",
            )


def _providers() -> Iterator[Trouble]:
    for provider in _all_providers():
        token = provider.token
        if token.needs_sign_in or token.is_failing:
            link = place_of(causes.named(token.last_cause) or KEY, provider)
            sentence = token.last_error or f"{provider} must sign in again: click 🔑."
            yield Trouble(
                f"provider:{provider.pk}:failing", f"provider {provider.name}", sentence, link, provider.owner
            )


def _sent_folders() -> Iterator[Trouble]:
    """Copies that can't be made, and mails in doubt that can't be looked for."""
    failing = SentFolder.objects.filter(failures__gt=0, sender__is_active=True)
    lately = failing.filter(last_error_at__gt=timezone.now() - ANSWERS_FOR)  # it is opened only when needed
    for folder in lately.select_related("sender"):
        link = _change("mailsenders_emailsender", folder.sender_id)
        title = f"Sent folder of {folder.sender.name}"
        key = f"sender:{folder.sender_id}:sent-folder"
        yield Trouble(key, title, folder.last_error, link, is_urgent=False)


def _queues() -> Iterator[Trouble]:
    """What the brakes have to say: mail that would run by itself without end; timed answers; late ones."""
    found, stuck, late = brakes.alarms(timezone.now()), later.stuck(), sla.late_counts()
    if not (found or stuck or late):
        return
    for queue in EmailQueue.objects.filter(pk__in=[*found, *stuck, *late]):
        link, title = _change("queues_emailqueue", queue.pk), f"queue {queue.name}"
        for sentence in found.get(queue.pk, ()):
            yield Trouble(f"queue:{queue.pk}:{_kind(sentence)}", title, sentence, link)
        if count := stuck.get(queue.pk):
            answers = f"{count} timed answer{'s' if count > 1 else ''}"
            yield Trouble(f"queue:{queue.pk}:timed", title, TIMED.format(answers=answers), link)
        if count := late.get(queue.pk):
            yield _late(queue, count)


def _late(queue: EmailQueue, number: int) -> Trouble:
    """One for all that is late in a queue, however much it is."""
    what = (
        f"{number:,} conversations of {queue.name} are"
        if number > 1
        else f"1 conversation of {queue.name} is"
    )
    return Trouble(
        f"queue:{queue.pk}:late",
        f"queue {queue.name}",
        f"{what} late: look who is on duty and able, or move what others can answer.",
        "/board/",
        is_urgent=False,
    )


def _workers() -> Iterator[Trouble]:
    handed_over = EmailSource.objects.handed_over()
    for row in worker_states((*QUEUES, INTAKE) if handed_over.exists() else QUEUES):
        if not row.alive and row.queue == INTAKE:
            yield Trouble("worker:intake", "intake", SILENT_INTAKE)
        elif not row.alive:
            yield Trouble(f"worker:{row.queue}", f"worker queue {row.queue}", SILENT_WORKERS)


def _endings() -> Iterator[Trouble]:
    for each in endings():
        if each.is_near:
            yield Trouble(
                f"{ENDING}{each.key}:{each.step}",
                each.title,
                each.sentence,
                each.link,
                each.owner,
                is_urgent=False,
            )


def _all_providers() -> Iterator[SSOProvider]:
    rows = SSOProvider.objects.select_related("token")
    yield from rows.defer("client_secret", "token__access_token", "token__refresh_token")


def _kind(sentence: str) -> str:
    """A short name of the trouble: of what to do, which stays while the numbers before it change.

    Counting them through would give one the place of another, and its day of silence with it.
    """
    return sha256(sentence.rpartition(": ")[2].encode()).hexdigest()[:12]


def _change(table: str, pk: int) -> str:
    return reverse(f"admin:{table}_change", args=[pk])
