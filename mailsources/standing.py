"""How a source does, in sentences: what a person should look at, how far the first import is, the proof.

Pages, `manage.py status`, the API and the metrics all ask here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailsources.models import EmailSource, FetchedMail, SourceState

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
