"""What the page of an email source says beside its settings: the mailbox beside our ledger."""

from dataclasses import dataclass, field
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailsources import standing, watched
from mailsources.models import EmailSource, FetchedMail, SourceState
from mailsources.standing import Progress
from sso import causes
from sso.badges import badge, health_badge, moment


@dataclass(frozen=True, slots=True)
class Standing:
    """For the template; times are words."""

    badge: SafeString
    last_look: str = ""
    next_look: str = ""
    is_watched: bool = False
    proof: str = ""
    is_proof_bad: bool = False
    details: str = ""
    proved: str = ""
    progress: Progress | None = None
    last_mail: str = ""
    lag: standing.Lag = standing.NO_LAG
    stubs: int = 0
    links: list[tuple[str, str]] = field(default_factory=list)


def standing_of(source: EmailSource) -> Standing:
    """All of it, for one source."""
    state, now = source.state, timezone.now()
    stubs = FetchedMail.objects.filter(source=source, is_stub=True).count()
    return Standing(
        badge=source_badge(source),
        last_look=moment(state.last_success_at, now) if state.last_success_at else "",
        next_look=moment(state.next_attempt_at, now) if source.is_active and state.next_attempt_at else "",
        is_watched=source.is_active and watched.is_watched(state),
        proof=standing.in_words(state),
        is_proof_bad=bool(state.proof.get("missing")),
        details=standing.details(state),
        proved=moment(state.proved_at, now),
        progress=standing.progress(source, now),
        last_mail=moment(state.last_mail_at, now) if state.last_mail_at else "",
        lag=standing.lag(source, standing.oldest_waiting(source.pk), now),
        stubs=stubs,
        links=_links(source),
    )


def source_badge(source: EmailSource, *, may_sign_in: bool = True) -> SafeString:
    """How a source does: as its connection, and red too when something else needs a person."""
    alarms = standing.alarms(source, timezone.now())
    if source.is_forwarding and source.is_active and not alarms and source.state.last_mail_at is None:
        return badge("calm", "waiting for first mail")
    if not alarms or source.state.is_failing:
        key = _key(source) if may_sign_in else SafeString("")
        return health_badge(source.state, active=source.is_active) + key
    return badge("bad", "look at it", " ".join(alarms))


def _key(source: EmailSource) -> SafeString:
    """The way to 🔑, where that is what mends it."""
    cause = source.state.last_cause
    if not (source.is_active and source.state.is_failing and cause in causes.of_sign_in()):
        return SafeString("")
    page = reverse("admin:mailsources_emailsource_change", args=[source.pk])
    return format_html('<a class="ucs-link ucs-key-link" href="{}#key">🔑 Sign in again</a>', page)


def lag_cell(source: EmailSource, oldest: datetime | None) -> SafeString | str:
    """How far behind we are: the age of the oldest mail not delivered, or since when nobody could look.

    :param oldest: when that mail came, None when none waits.
    """
    found = standing.lag(source, oldest, timezone.now())
    if not found.words:
        return "–"
    tone = " ucs-bad" if found.is_bad else ""
    return format_html(
        '<span class="ucs-cell{}"><span class="ucs-firm">{}</span><span class="ucs-below">{}</span></span>',
        tone,
        found.words,
        found.why,
    )


def proof_cell(source: EmailSource) -> SafeString | str:
    """The comparison, for the list: the last proof, or how far the first import is."""
    progress = standing.progress(source, timezone.now())
    if progress:
        return format_html('<span class="ucs-cell">{}</span>', str(progress))
    state: SourceState = source.state
    words = standing.in_words(state)
    if not words:
        return "–"
    tone = "ucs-bad" if state.proof.get("missing") else ""
    return format_html(
        '<span class="ucs-cell {}"><span class="ucs-firm">{}</span>'
        '<span class="ucs-below">compared {}</span></span>',
        tone,
        words,
        moment(state.proved_at),
    )


def _links(source: EmailSource) -> list[tuple[str, str]]:
    """Words and address of the lists of its mail."""
    base = reverse("admin:mailsources_fetchedmail_changelist") + f"?source__id__exact={source.pk}"
    states = [(state.label, f"{base}&state__exact={state.value}") for state in FetchedMail.State]
    return [("All its mail", base), *states]
