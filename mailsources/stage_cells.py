"""How far a source is in its life, as badges and sentences of the administration."""

from dataclasses import dataclass

from django.db.models import Count
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.opening import duration
from agents.skillwords import level_words
from mailsenders.models import EmailSender
from mailsources import twins
from mailsources.lifecycle import first_fetch, good_test, stage_in_words
from mailsources.models import EmailSource
from queues.models import EmailQueue
from sso.badges import Tone, badge
from sso.connection_models import LastTest

SHOWN_MEMBERS = 12
TONES: dict[str, Tone] = {"draft": "calm", "active": "good", "paused": "warn", "retired": "calm"}


@dataclass(frozen=True, slots=True)
class Summary:
    """What an administrator sees before a source is switched on."""

    rows: list[tuple[str, str]]
    warnings: list[str]
    test: LastTest | None


def stage_badge(source: EmailSource) -> SafeString:
    """“active in queue X”, draft, paused or retired."""
    stage = stage_in_words(source)
    where = f" in queue {source.queue}" if stage == "active" else ""
    return badge(TONES[stage], f"{stage}{where}")


def list_badges(source: EmailSource) -> SafeString:
    """For the list: the stage, and whether numbers of payment cards are looked for."""
    found = stage_badge(source)
    if source.queue.pci != EmailQueue.PaymentCards.OFF:
        found += badge("calm", f"card numbers: {source.queue.get_pci_display().lower()}")
    return found


def story_of(source: EmailSource) -> str:
    """Who switched it on or retired it, and when."""
    if source.stage == EmailSource.Stage.RETIRED and source.retired_at:
        return f"Retired by {source.retired_by or 'a program'} on {_at(source.retired_at)}."
    if source.activated_at is None:
        return ""
    how = "without a good test" if source.activated_anyway else "after a good test"
    return f"Switched on by {source.activated_by or 'a program'} on {_at(source.activated_at)}, {how}."


def confirmation(source: EmailSource, queue_url: str) -> SafeString:
    """After switching on: where its mail goes, and when the first is expected."""
    return format_html(
        '{} is active in queue <a href="{}">{}</a>: each mail becomes a conversation there; {}.',
        source,
        queue_url,
        source.queue,
        first_fetch(source),
    )


def summary_of(source: EmailSource, sender: EmailSender | None = None) -> Summary:
    """The queue of a source with its routing profile, and what it lacks.

    :param sender: is switched on with the source, for a queue that has none.
    """
    queue = (
        EmailQueue.objects.select_related("sender", "calendar", "default_language")
        .prefetch_related("skill_demands__skill", "languages", "members__user")
        .annotate(fed_by=Count("sources"))
        .get(pk=source.queue_id)
    )
    members = [str(one) for one in queue.members.all()]
    rows = [
        ("Mailbox", ", ".join(twins.addresses(source)) or source.username),
        ("Queue", str(queue)),
        ("Mode", queue.get_mode_display()),
        (
            "Skills",
            ", ".join(level_words(one.skill.name, one.level) for one in queue.skill_demands.all()) or "none",
        ),
        ("Languages", ", ".join(str(one) for one in queue.languages.all()) or "any"),
        ("Hours", str(queue.calendar or "") or queue.hours or "always open"),
        ("SLA", _targets(queue)),
        ("Sender", str(queue.sender or sender or "none")),
        ("Members", _some(members) or "none"),
        ("After import", source.get_after_import_display()),
        ("Payment cards", queue.get_pci_display()),
    ]
    return Summary(rows, _warnings(source, queue, members, sender), good_test(source))


def _warnings(
    source: EmailSource, queue: EmailQueue, members: list[str], sender: EmailSender | None
) -> list[str]:
    found = []
    answers = queue.sender or sender
    if answers is None:
        found.append(f"{queue} has no email sender, so nobody can answer: choose one in the queue.")
    elif not answers.is_active and answers != sender:
        found.append(f"The email sender {answers} is switched off, so answers wait.")
    if not members:
        found.append(f"{queue} has no members, so only supervisors see its conversations.")
    if source.after_import == EmailSource.AfterImport.DELETE:
        found.append("Mails are deleted from the mailbox when they were stored here.")
    return found


def _targets(queue: EmailQueue) -> str:
    """What it promises, in minutes of its hours."""
    targets = {
        "first response": queue.first_response,
        "next response": queue.next_response,
        "resolution": queue.resolution,
    }
    return (
        ", ".join(f"{what} in {duration(minutes)}" for what, minutes in targets.items() if minutes) or "none"
    )


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN_MEMBERS
    return ", ".join(names[:SHOWN_MEMBERS]) + (f" and {more} more" if more > 0 else "")


def _at(at: object) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"  # type: ignore[arg-type]
