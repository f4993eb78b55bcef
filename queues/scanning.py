"""Files that came are scanned for viruses before anybody can open them, if a scanner is set (UCS_CLAMAV).

Rows wait and are claimed with a time until which nobody else takes them; their bytes go to the scanner with
no transaction open. A scanner that is away costs no file its turn: it is tried again, less and less often.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from celery import signature
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from mailcore.parse import PartNotFound, part_bytes
from mailstore import clamav
from mailstore.announce import announce
from queues import live
from queues.history import Kind, note_event
from queues.models import Attachment, Message
from queues.refusals import ActionRefused

logger = logging.getLogger(__name__)

Scan = Attachment.Scan
TASK = signature("queues.tasks.scan")

AT_ONCE = 10
TURN_SECONDS = 15.0
LEASE = timedelta(minutes=5)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)
MANY_TRIES = 4
"""Some four minutes: worth an alarm."""


class Door(StrEnum):
    """Whether a file may be opened: yes, after a word of warning, or not."""

    OPEN = "open"
    ASK = "ask"
    SHUT = "shut"


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a file may be opened, and why not."""

    door: Door
    sentence: str = ""


FREE = Access(Door.OPEN)


def access(file: Attachment, direction: str, *, is_supervisor: bool) -> Access:
    """Who may open a file. What we send was scanned as it left.

    :param direction: of its message.
    """
    if file.scan == Scan.INFECTED:
        name = {"name": file.name, "virus": file.virus}
        if settings.INFECTED_FILES == "supervisor":
            asked = _("“%(name)s” is infected: the virus scanner found %(virus)s.") % name
            tell = "" if is_supervisor else " " + _("Only a supervisor may open it.")
            return Access(Door.ASK if is_supervisor else Door.SHUT, asked + tell)
        sentence = _("“%(name)s” is infected: the virus scanner found %(virus)s. Nobody may open it.")
        return Access(Door.SHUT, sentence % name)
    if direction == "out" or not clamav.is_on() or file.scan == Scan.CLEAN:
        return FREE
    if file.scan == Scan.TOO_LARGE:
        sentence = _("“%(name)s” was not scanned: it is too large for the virus scanner.")
        return Access(Door.ASK, sentence % {"name": file.name})
    if not file.scan_tries:
        sentence = _("“%(name)s” is being scanned for viruses: try again in a moment.")
        return Access(Door.SHUT, sentence % {"name": file.name})
    if settings.SCANNER_AWAY == "warn":
        sentence = _("“%(name)s” was not scanned: the virus scanner is away.")
        return Access(Door.ASK, sentence % {"name": file.name})
    sentence = _("“%(name)s” waits for the virus scanner, which is away: it can be opened after the scan.")
    return Access(Door.SHUT, sentence % {"name": file.name})


def is_open(file: Attachment, direction: str) -> bool:
    """Whether anybody may open a file without further ado."""
    return access(file, direction, is_supervisor=False).door is Door.OPEN


def access_to_all(files: Iterable[Attachment], direction: str, *, is_supervisor: bool) -> Access:
    """Whether what holds all these files, the mail itself, may be opened: as the worst of them."""
    order = (Door.SHUT, Door.ASK, Door.OPEN)
    found = [access(each, direction, is_supervisor=is_supervisor) for each in files]
    return min(found, key=lambda each: order.index(each.door), default=FREE)


def check_open(file: Attachment, direction: str) -> None:
    """Refuse to pass a file on that is not known to be clean.

    :raises ActionRefused: with the reason.
    """
    found = access(file, direction, is_supervisor=False)
    if found.door is not Door.OPEN:
        raise ActionRefused(found.sentence)


def first_state(direction: str) -> str:
    """The state of a file that has just come, or was just sent."""
    return Scan.WAITING if direction == "in" and clamav.is_on() else Scan.NONE


def want(file: Attachment) -> None:
    """Let a file be scanned that came before there was a scanner."""
    if file.scan == Scan.NONE and clamav.is_on():
        Attachment.objects.filter(pk=file.pk, scan=Scan.NONE).update(scan=Scan.WAITING)
        announce(TASK)


def sweep() -> None:
    """Files that nobody is scanning."""
    if clamav.is_on() and _due().exists():
        announce(TASK)


def run() -> None:
    """Scan what waits, for some seconds; what is left is another task's."""
    end = time.monotonic() + TURN_SECONDS
    while clamav.is_on() and (files := _claim()):
        if not _scan_all(files):
            return
        if time.monotonic() > end:
            announce(TASK)
            return


def waits_too_long() -> int:
    """How many files have waited so long that the scanner must be away."""
    if not clamav.is_on():
        return 0
    return Attachment.objects.filter(scan=Scan.WAITING, scan_tries__gte=MANY_TRIES).count()


def _due() -> QuerySet[Attachment]:
    is_due = Q(scan_next_at=None) | Q(scan_next_at__lte=timezone.now())
    return Attachment.objects.filter(is_due, scan=Scan.WAITING).order_by("id")


@transaction.atomic
def _claim() -> list[Attachment]:
    due = _due().select_for_update(skip_locked=True, of=("self",))
    pks = list(due.values_list("pk", flat=True)[:AT_ONCE])
    Attachment.objects.filter(pk__in=pks).update(scan_next_at=timezone.now() + LEASE)
    rows = Attachment.objects.filter(pk__in=pks).select_related("message__raw", "message__conversation")
    return list(rows.order_by("id"))


def _scan_all(files: list[Attachment]) -> bool:
    """Scan these; False when the scanner is away."""
    raws: dict[int, bytes] = {}
    for position, file in enumerate(files):
        try:
            verdict = clamav.scan(_bytes(file, raws))
        except clamav.ScannerAway as error:
            logger.warning("%s", error)
            _put_off(files[position:])
            return False
        _settle(file, verdict)
    return True


def _bytes(file: Attachment, raws: dict[int, bytes]) -> bytes:
    message = file.message
    if message.raw is None:
        return b""
    if message.pk not in raws:
        raws.clear()  # of one mail after the other; the files of one stand together
        raws[message.pk] = message.raw.as_bytes()
    try:
        return part_bytes(raws[message.pk], file.part)
    except PartNotFound:
        return b""


def _put_off(files: list[Attachment]) -> None:
    for file in files:
        pause = min(FIRST_PAUSE * 2 ** min(file.scan_tries, 10), LONGEST_PAUSE)
        Attachment.objects.filter(pk=file.pk, scan=Scan.WAITING).update(
            scan_tries=F("scan_tries") + 1, scan_next_at=timezone.now() + pause
        )
        _tell(file.message)


def _settle(file: Attachment, verdict: clamav.Verdict) -> None:
    state = Scan.INFECTED if verdict.virus else Scan.TOO_LARGE if verdict.is_too_large else Scan.CLEAN
    with transaction.atomic():
        waiting = Attachment.objects.filter(pk=file.pk, scan=Scan.WAITING)
        if not waiting.update(scan=state, virus=verdict.virus, scan_tries=0, scan_next_at=None):
            return
        if verdict.virus:
            sentence = f"The virus scanner found {verdict.virus} in “{file.name}”."
            data = {"file": file.pk, "virus": verdict.virus}
            note_event(file.message.conversation, Kind.VIRUS, sentence, data=data)
        _tell(file.message)


def _tell(message: Message) -> None:
    row = message.conversation
    live.changed(row.pk, row.queue_id, row.agent_id)
