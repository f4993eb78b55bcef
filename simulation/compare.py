"""An office as it is beside the same one changed, and beside the rules of other products."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from simulation.changes import Change, changed
from simulation.floor import Mail
from simulation.measures import Measures, measure
from simulation.office import Office
from simulation.rules import RULES, Rule, TimeLeft
from simulation.run import Run, Stopped

PEERS = ("due-first", "longest-idle", "pick-oldest", "round-robin", "early-push")
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run in numbers.

    :param name: now, changed, or the name of another rule.
    :param desks: by queue, how many mails were judged, and how many of them in percent were in time.
    """

    name: str
    measures: Measures
    desks: dict[str, tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mail: who answered, after how many open minutes of waiting, whether in time."""

    agent: str
    waited: float
    in_time: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail that somebody else would have got."""

    number: int
    step: int
    desk: str
    language: str
    arrived: float
    now: Fate
    changed: Fate


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was found; the last outcomes are those of other rules.

    :param moved: how many mails somebody else would have got.
    """

    outcomes: list[Outcome]
    samples: list[Sample]
    moved: int


def _untold(done: int, whole: int) -> None:
    """Nobody wants to hear it."""


def compare(
    office: Office,
    change: Change,
    peers: Sequence[str] = PEERS,
    go_on: Callable[[], bool] = lambda: True,
    told: Callable[[int, int], object] = _untold,
) -> Comparison:
    """Play now, then changed, then the other rules on what is changed; the same inputs give the same.

    :param told: hears how many of how many runs are over.
    :raises ChangeError: the change names what isn't there.
    :raises Stopped: `go_on` said no.
    """
    other = changed(office, change)
    wanted: list[tuple[str, Office, Rule]] = [("now", office, TimeLeft(None))]
    if not change.is_empty:
        wanted.append(("changed", other, TimeLeft(None)))
    wanted += [(name, other, RULES[name]()) for name in peers]
    outcomes, mails = [], []
    for number, (name, played, rule) in enumerate(wanted):
        told(number, len(wanted))
        if not go_on():
            raise Stopped
        run = Run(played.world(), rule).play(go_on)
        outcomes.append(Outcome(name, measure(run, played.since), _desks(run, played.since)))
        if name in ("now", "changed"):
            mails.append((run, played))
    moved = list(_moved(*mails[0], mails[1][0])) if len(mails) > 1 else []
    return Comparison(outcomes, moved[:: max(len(moved) // SAMPLES, 1)][:SAMPLES], len(moved))


def _desks(run: Run, since: float) -> dict[str, tuple[int, float]]:
    counts: dict[str, list[int]] = {}
    for mail in run.mails:
        if mail.arrived >= since and mail.due <= run.world.until:
            found = counts.setdefault(mail.kind.need.queue, [0, 0])
            found[0] += 1
            found[1] += mail.answered is not None and mail.answered <= mail.due
    return {name: (number, 100 * good / number) for name, (number, good) in sorted(counts.items())}


def _moved(now: Run, office: Office, later: Run) -> Iterator[Sample]:
    """First mails and follow-ups that are in both, judged, and somebody else's."""
    others = {(mail.issue.number, mail.step): mail for mail in later.mails if mail.holder}
    for mail in now.mails:
        other = others.get((mail.issue.number, mail.step))
        if other is None or mail.arrived < office.since or mail.holder is None or other.holder is None:
            continue
        if mail.holder.person.name != other.holder.person.name:
            need = mail.kind.need
            yield Sample(
                mail.issue.number, mail.step, need.queue, need.language, mail.arrived,
                _fate(mail, now.world.until), _fate(other, later.world.until),
            )  # fmt: skip


def _fate(mail: Mail, until: float) -> Fate:
    assert mail.holder is not None
    waited = mail.waited(until if mail.begun is None else mail.begun)
    return Fate(mail.holder.person.name, waited, mail.answered is not None and mail.answered <= mail.due)
