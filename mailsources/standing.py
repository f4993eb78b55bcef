"""How a source does, in sentences: what a person should look at, how far the first import is, the proof.

Pages, `manage.py status`, the API and the metrics all ask here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, Min, When
from django.db.models.functions import Coalesce

from mailsources.models import EmailSource, FetchedMail, SourceState
from sso.badges import span

MEASURED_MAILS = 2000
"""The speed of the first import is that of the last so many mails."""

LONGEST_IN_MINUTES = 120
PAUSED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Progress:
    """The first import: `done` of `total` mails are in the ledger, `left` is None when nobody can say."""

    done: int
    total: int
    left: timedelta | None = None

    def __str__(self) -> str:
        words = f"{self.done:,} of {self.total:,} imported"
        if self.left is None:
            return words
        minutes = round(self.left.total_seconds() / 60)
        if minutes > LONGEST_IN_MINUTES:
            return f"{words}, about {round(minutes / 60)} h left"
        return f"{words}, about {minutes} min left" if minutes else f"{words}, less than a minute left"


@dataclass(frozen=True, slots=True)
class Lag:
    """How far we are behind the mailbox, in words; empty when nothing waits and looks come in time."""

    words: str = ""
    why: str = ""
    is_bad: bool = False


NO_LAG = Lag()
LATE = timedelta(minutes=10)


def came() -> Coalesce:
    """When a mail could have been delivered: what was there before us counts from when we fetched it."""
    fetched = F("fetched_at")
    arrived = Case(When(is_history=True, then=fetched), default=F("received_at"))
    return Coalesce(arrived, fetched)


def oldest_waiting(source_id: int) -> datetime | None:
    """When the oldest mail came that is fetched and not delivered yet."""
    waiting = FetchedMail.objects.filter(source=source_id, state=FetchedMail.State.WAITING)
    found: datetime | None = waiting.aggregate(oldest=Min(came()))["oldest"]
    return found


def oldest_of_each() -> dict[int, datetime]:
    """The same for all sources of which one waits, by their ids."""
    waiting = FetchedMail.objects.filter(state=FetchedMail.State.WAITING).order_by()
    return dict(waiting.values_list("source").annotate(oldest=Min(came())))


def lag(source: EmailSource, oldest: datetime | None, now: datetime) -> Lag:
    """The age of the oldest mail not taken yet; of a mailbox that can't be read, the most that it can be.

    :param oldest: see `oldest_waiting`.
    """
    if not source.is_active:
        return NO_LAG
    looked = source.state.last_success_at or source.state.began_at
    if source.state.is_failing and looked and not source.is_forwarding:
        since = min(looked, oldest) if oldest else looked
        return Lag(f"up to {span(now - since)}", "nobody could look since", is_bad=now - since > LATE)
    if oldest is None:
        return NO_LAG
    return Lag(span(max(now - oldest, timedelta(0))), "the oldest waits", is_bad=now - oldest > LATE)


def alarms(source: EmailSource, now: datetime) -> list[str]:
    """What a person should look at, though fetching works: a sentence each."""
    if not source.is_active:
        return []
    return [sentence for sentence in (_missing(source.state), _silence(source, now)) if sentence]


def in_words(state: SourceState) -> str:
    """The last proof: “server 12,418 = ours 12,418”; "" when there was none yet."""
    proof = state.proof
    if not proof:
        return ""
    if proof["unnamed"]:
        return (
            f"server {proof['server']:,}; the server has no UIDL, so its mails can't be compared with the "
            "ledger: each is deleted there when it is stored"
        )
    sign = "=" if proof["server"] == proof["ours"] else "≠"
    return f"server {proof['server']:,} {sign} ours {proof['ours']:,}"


def details(state: SourceState) -> str:
    """Of what the number of the last proof consists."""
    proof = state.proof
    parts = [f"{proof[name]:,} {name}" for name in FetchedMail.State.values if proof.get(name)]
    parts += [f"{proof['fetched']:,} were missing and have been fetched"] if proof.get("fetched") else []
    parts += [f"{proof['gone']:,} more are no longer on the server"] if proof.get("gone") else []
    return ", ".join(parts)


def progress(source: EmailSource, now: datetime) -> Progress | None:
    """How far the first import is; None before it began and when it is over."""
    state = source.state
    if state.imported_at is not None or state.began_at is None or not state.on_server:
        return None
    done = state.in_ledger
    if done >= state.on_server:
        return None
    speed = _mails_per_second(source, now)
    left = timedelta(seconds=(state.on_server - done) / speed) if speed else None
    return Progress(done, state.on_server, left)


def _mails_per_second(source: EmailSource, now: datetime) -> float:
    """The speed of late; 0 when nothing has come for a while."""
    times = FetchedMail.objects.filter(source=source).order_by("-id").values_list("fetched_at", flat=True)
    newest = times.first()
    if newest is None or newest < now - PAUSED:
        return 0
    before = list(times[MEASURED_MAILS : MEASURED_MAILS + 1])
    oldest, number = (before[0], MEASURED_MAILS) if before else (times.last(), times.count())
    assert oldest is not None
    return float(number / max((now - oldest).total_seconds(), 1))


def _missing(state: SourceState) -> str:
    missing = state.proof.get("missing")
    if not missing:
        return ""
    examples = ", ".join(state.proof["examples"])
    more = ", …" if missing > len(state.proof["examples"]) else ""
    mails = "1 mail is" if missing == 1 else f"{missing:,} mails are"
    return (
        f"{mails} in the mailbox that the server lists but doesn't hand over ({examples}{more}): look at the "
        "mailbox with a mail program, move what is readable out and back in, then press “Compare now”."
    )


def _silence(source: EmailSource, now: datetime) -> str:
    if not source.silence_hours:
        return ""
    last = source.state.last_mail_at
    since = last or source.state.began_at or source.created_at
    hours = int((now - since).total_seconds() // 3600)
    if now - since <= timedelta(hours=source.silence_hours):
        return ""
    what = f"No mail has come for {hours} h" if last else f"No mail has come yet, {hours} h after the start"
    return (
        f"{what}, and {source.silence_hours} h is the limit: send a mail to this address, and see whether it "
        "arrives in the mailbox."
    )
