"""What the page of an email sender says beside its settings: how sending goes, and what waits."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from mailsenders.check import sign_in_of
from mailsenders.models import EmailSender, OutgoingMail, TestSend
from mailsenders.parking import is_parked
from mailsenders.sent_copies import saver_of
from mailsenders.testsend import standing
from sso import ladder
from sso.badges import Tone, badge, health_badge, moment

State = OutgoingMail.State

BACKLOG: tuple[tuple[str, Tone, tuple[State, ...]], ...] = (
    ("waiting", "calm", (State.HELD, State.QUEUED, State.RETRY, State.SENDING)),
    ("uncertain", "warn", (State.UNCERTAIN,)),
    ("failed", "bad", (State.FAILED,)),
)
TEST_TONES: dict[str, Tone] = {
    TestSend.State.TAKEN: "good",
    TestSend.State.REFUSED: "bad",
    TestSend.State.UNCERTAIN: "warn",
}
PARKED_SECONDS, QUIET_SECONDS, LIVELY_SECONDS = 2, 15, 1


@dataclass(frozen=True, slots=True)
class Standing:
    """For the template; times are words. `seconds`: when the page looks again."""

    badge: SafeString
    last_success: str
    last_error: str
    parked: str
    parked_until: datetime | None
    backlog: list[tuple[str, SafeString]]
    outgoing: str
    saver: str
    policy: str
    copies: str
    seconds: int


@dataclass(frozen=True, slots=True)
class TestCard:
    """A test send for the template; `lines` are (seconds, who, words)."""

    __test__ = False

    pk: int
    email: str
    badge: SafeString
    sentence: str
    is_over: bool
    lines: list[tuple[str, str, str]]
    seconds: int = LIVELY_SECONDS


def standing_of(sender: EmailSender) -> Standing:
    """How a sender does now."""
    state, now = sender.state, timezone.now()
    parked = state.next_attempt_at if sender.is_active and is_parked(state, now) else None
    waiting = _waiting(sender)
    error_at = moment(state.last_error_at, now).replace("now", "just now")
    saver = saver_of(sender.server_address)
    return Standing(
        badge=health_badge(state, active=sender.is_active) if not parked else badge("bad", "pauses"),
        last_success=moment(state.last_success_at, now) if state.last_success_at else "",
        last_error=f"{error_at}: {state.last_error}" if state.last_error else "",
        parked=moment(parked, now) if parked else "",
        parked_until=parked,
        backlog=waiting,
        outgoing=_outgoing(sender),
        saver=saver.name if saver else "",
        policy=" ".join(ladder.policy_notes(sign_in_of(sender))),
        copies=_copies(sender),
        seconds=PARKED_SECONDS if parked or waiting else QUIET_SECONDS,
    )


def card_of(test: TestSend) -> TestCard:
    """A test send, as far as it is."""
    sentence, is_over = standing(test)
    shown = badge(TEST_TONES.get(test.state, "calm"), test.get_state_display())
    return TestCard(
        pk=test.pk,
        email=test.email,
        badge=shown,
        sentence=sentence,
        is_over=is_over,
        lines=[(f"{at:.2f}", who, words) for at, who, words in test.lines],
    )


def _outgoing(sender: EmailSender) -> str:
    return f"{reverse('admin:mailsenders_outgoingmail_changelist')}?sender__id__exact={sender.pk}"


def _waiting(sender: EmailSender) -> list[tuple[str, SafeString]]:
    """What is not settled, each with the address of its list."""
    states = [state for _, _, states in BACKLOG for state in states]
    rows = OutgoingMail.objects.filter(sender=sender, state__in=states).order_by()
    counts = dict(rows.values_list("state").annotate(number=Count("pk")))
    shown = []
    for name, tone, some in BACKLOG:
        number = sum(counts.get(state, 0) for state in some)
        if number:
            url = f"{_outgoing(sender)}&state__in={','.join(some)}"
            shown.append((url, badge(tone, f"{number:,} {name}")))
    return shown


def _copies(sender: EmailSender) -> str:
    """How many copies wait for the Sent folder."""
    wanted = OutgoingMail.objects.filter(sender=sender, state=State.SENT, copy=OutgoingMail.Copy.WANTED)
    number = wanted.count()
    if not number:
        return ""
    return "1 copy waits" if number == 1 else f"{number:,} copies wait"
