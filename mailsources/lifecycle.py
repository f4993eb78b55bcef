"""The life of a source: switched on after a good test or on a person's word, paused, retired, and back.

    draft ──activate──▶ active ⇄ paused ──retire──▶ retired ──activate──▶ active

The only writer of a source's stage. Each act locks the source's row first and looks at it again, so of two
people who act at once the second hears what the first one did. A look at the mailbox that is under way loses
its lease: what it has not stored by then it can't store any more.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from audit.acts import Act
from audit.log import record
from mailsenders.models import OutgoingMail
from mailsources.models import EmailSource, FetchedMail, SourceState
from queues.models import Conversation, Message
from sso.connection_models import LastTest

Stage = EmailSource.Stage
MAX_NAME = 200
DECLARED = "a settings file"
NAMED = 5

UNSENT = (
    OutgoingMail.State.HELD, OutgoingMail.State.QUEUED, OutgoingMail.State.SENDING, OutgoingMail.State.RETRY,
    OutgoingMail.State.UNCERTAIN,
)  # fmt: skip


class LifeCycleRefused(Exception):
    """Nothing was changed; the text is a sentence for the administrator."""


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: a user, or a program such as the settings file."""

    user: User | None = None
    name: str = ""

    def __str__(self) -> str:
        return (self.user.get_username() if self.user else self.name)[:MAX_NAME]


@dataclass(frozen=True, slots=True)
class Blocker:
    """What keeps a source from being retired, and links to the first of it."""

    words: str
    links: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.words} ({', '.join(text for text, _ in self.links)})"


def good_test(source: EmailSource) -> LastTest | None:
    """The last test, if it was good and of the settings that are stored: others make it be forgotten."""
    last: LastTest | None = source.last_tests.first()
    return last if last is not None and last.is_good else None


def activate(source_id: int, by: By, *, anyway: bool = False) -> EmailSource:
    """→ active: mail is taken from now on.

    :param anyway: without a good test; the history says so.
    :raises LifeCycleRefused: it takes mail already, was never tested, or another has its mailbox.
    """
    try:
        with transaction.atomic():
            source = lock(source_id)
            if source.is_active:
                when = f" on {source.activated_at:%d %b at %H:%M}" if source.activated_at else ""
                who = f" by {source.activated_by}" if source.activated_by else ""
                raise LifeCycleRefused(f"{source} is active already: it was switched on{when}{who}.")
            if not anyway and good_test(source) is None:
                raise LifeCycleRefused(
                    f"{source} was not tested with good result since its settings were saved: test it, or "
                    "choose “Switch on anyway”."
                )
            was, test = source.stage, good_test(source)
            source.stage, source.is_active = Stage.ACTIVE, True
            source.activated_at, source.activated_by = timezone.now(), str(by)
            source.activated_anyway = test is None
            source.retired_at, source.retired_by = None, ""
            _check(source)
            source.save()
            how = (
                f"after a good test ({test.tested_at:%Y-%m-%d %H:%M} UTC)" if test else "without a good test"
            )
            act = Act.RESTORED if was == Stage.RETIRED else Act.ACTIVATED
            told = f"Switched on, {how}; it delivers to queue {source.queue}."
            note(source, by, act, told, ("stage", was, "active"))
    except IntegrityError as error:
        raise LifeCycleRefused(_who_was_faster(source_id)) from error
    return source


def pause(source_id: int, by: By) -> EmailSource:
    """active → paused: nothing is fetched until it is switched on again; what forwards to it waits.

    :raises LifeCycleRefused: it takes no mail now.
    """
    with transaction.atomic():
        source = lock(source_id)
        if not source.is_active:
            raise LifeCycleRefused(
                f"{source} takes no mail already: it is {stage_in_words(source)}. “Activate” switches it on."
            )
        source.is_active = False
        source.save()
        end_look(source)
        note(source, by, Act.CHANGED, "Paused.", ("stage", "active", "paused"))
    return source


def retire(source_id: int, by: By) -> EmailSource:
    """→ retired: no mail is taken any more, all that came by it stays.

    :raises LifeCycleRefused: it is retired already, or something is left to do, which the sentence names.
    """
    with transaction.atomic():
        source = lock(source_id)
        if source.stage == Stage.RETIRED:
            raise LifeCycleRefused(
                f"{source} was retired already, by {source.retired_by}. “Activate” brings it back."
            )
        left = blockers(source)
        if left:
            raise LifeCycleRefused(
                f"{source} can't be retired yet: {', '.join(map(str, left))}. Close or send these "
                "first, or pause it meanwhile."
            )
        was = source.stage
        source.stage, source.is_active = Stage.RETIRED, False
        source.retired_at, source.retired_by = timezone.now(), str(by)
        source.save()
        end_look(source)
        note(source, by, Act.RETIRED, "Its history stays.", ("stage", was, "retired"))
    return source


def declared(source: EmailSource, *, was_on: bool) -> None:
    """A settings file has written the row: who switched it on, or off, is known then, too."""
    if was_on and not source.is_active:
        end_look(source)
    if source.is_active and not was_on:
        values = {"activated_at": timezone.now(), "activated_by": DECLARED, "activated_anyway": True}
        EmailSource.objects.filter(pk=source.pk).update(**values, retired_at=None, retired_by="")
    if source.stage == Stage.RETIRED and source.retired_at is None:
        EmailSource.objects.filter(pk=source.pk).update(retired_at=timezone.now(), retired_by=DECLARED)


def lock(source_id: int) -> EmailSource:
    """The row as it is now, kept from others and from deliveries until the end of the transaction.

    :raises LifeCycleRefused: it is gone.
    """
    row = EmailSource.objects.select_for_update(no_key=True).filter(pk=source_id)
    if row.values_list("pk", flat=True).first() is None:
        raise LifeCycleRefused("The email source is gone: somebody has deleted it.")
    return EmailSource.objects.select_related("queue").get(pk=source_id)


def end_look(source: EmailSource) -> None:
    """Whoever looks at the mailbox now can't write any more."""
    SourceState.objects.filter(source=source).update(
        fence=F("fence") + 1, lease_owner="", lease_until=None, watched_until=None
    )


def blockers(source: EmailSource) -> list[Blocker]:
    """What has to be done before it can be retired, each with where some of it is."""
    conversations = open_conversations(source).order_by("pk").values_list("number", "pk")
    unsent = OutgoingMail.objects.filter(state__in=UNSENT, message__conversation__in=of_source(source))
    replies = unsent.order_by("pk").values_list("message__conversation__number", "message__conversation")
    waiting = FetchedMail.objects.filter(source=source, state=FetchedMail.State.WAITING)
    found = [
        _blocker(conversations, "open conversation", "open conversations"),
        _blocker(replies, "unsent reply", "unsent replies"),
    ]
    if number := waiting.count():
        page = reverse("admin:mailsources_fetchedmail_changelist")
        words = "1 fetched mail" if number == 1 else f"{number:,} fetched mails"
        url = f"{page}?source__id__exact={source.pk}&state__exact={FetchedMail.State.WAITING}"
        found.append(Blocker(f"{words} not yet delivered", (("see the list", url),)))
    return [one for one in found if one]


def _blocker(rows: "QuerySet[Any, tuple[Any, ...]]", one: str, many: str) -> Blocker | None:
    number = rows.count()
    if not number:
        return None
    words = f"1 {one}" if number == 1 else f"{number:,} {many}"
    shown = dict.fromkeys(rows[:NAMED])
    return Blocker(words, tuple((f"#{named}", reverse("conversation", args=[pk])) for named, pk in shown))


def of_source(source: EmailSource) -> QuerySet[Conversation]:
    """The conversations that have mail of a source."""
    mails = Message.objects.filter(conversation=OuterRef("pk"), fetched__source=source)
    return Conversation.objects.filter(Exists(mails))


def open_conversations(source: EmailSource) -> QuerySet[Conversation]:
    """Of these, the ones that are not closed, whatever queue they are in by now."""
    return of_source(source).filter(merged_into=None).exclude(state=Conversation.State.CLOSED)


def first_fetch(source: EmailSource, now: datetime | None = None, *, which: str = "first") -> str:
    """When mail is expected first, or next, in words."""
    if source.is_forwarding:
        return "mail comes in as it is forwarded"
    seconds = source.poll_interval or settings.POLL_INTERVAL
    at = timezone.localtime(now or timezone.now())
    return f"{which} fetch within {seconds} s, expected from {at:%H:%M:%S}"


def stage_in_words(source: EmailSource) -> str:
    """draft, active, paused or retired."""
    paused = source.stage == Stage.ACTIVE and not source.is_active
    return "paused" if paused else str(source.stage)


def note(source: EmailSource, by: By, act: Act, sentence: str, *changes: tuple[str, str, str]) -> None:
    """Write an act to the audit log, in the transaction that does it."""
    record(by.user, act, source, changes=changes, note=sentence)


def _who_was_faster(source_id: int) -> str:
    """After the database's key has refused it: the checks see by now which source has mailbox or address."""
    with transaction.atomic():
        source = lock(source_id)
        source.stage, source.is_active = Stage.ACTIVE, True
        try:
            _check(source)
        except LifeCycleRefused as refused:
            return str(refused)
    return f"Another source had the mailbox or address of {source} for a moment: try again."


def _check(source: EmailSource) -> None:
    try:
        source.full_clean()
    except ValidationError as error:
        raise LifeCycleRefused(" ".join(error.messages)) from error
