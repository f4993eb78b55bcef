"""What a run is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from simulation.floor import Mail
from simulation.run import Run


@dataclass(frozen=True, slots=True)
class Measures:
    """A run in numbers.

    :ivar in_time: percent of the mails that were answered before they were due.
    :ivar wait: mean open minutes until begun; `p50` of that is exceeded by every other mail, `p95` by one in
        twenty.
    :ivar work: minutes of work for a conversation, follow-ups included.
    :ivar busy: percent of the minutes on duty and not away in which somebody worked; the rest is idle.
    :ivar weaker: percent of the answers by somebody below the language level that was wanted.
    :ivar longest: the longest wait, in targets.
    """

    in_time: float
    wait: float
    p95: float
    work: float
    busy: float
    weaker: float
    longest: float
    p50: float
    mails: int


def measure(run: Run, since: float = 0.0) -> Measures:
    """Judge the mails that came from this minute on and were due before the end.

    What nobody answered has waited until the end, and is not in time.
    """
    until = run.world.until
    judged = [mail for mail in run.mails if mail.arrived >= since and mail.due <= until]
    waits = sorted(waited(mail, until) for mail in judged)
    answered = [mail for mail in run.mails if mail.answered is not None]
    agents = run.floor.agents.values()
    return Measures(
        in_time=_percent([mail.answered is not None and mail.answered <= mail.due for mail in judged]),
        wait=fmean(waits) if waits else 0.0,
        p95=waits[int(0.95 * len(waits))] if waits else 0.0,
        work=_work(answered),
        busy=100 * sum(agent.busy for agent in agents) / max(sum(agent.present for agent in agents), 1.0),
        weaker=_percent([_is_weaker(mail) for mail in answered]),
        longest=max((waited(mail, until) / max(mail.target, 1.0) for mail in judged), default=0.0),
        p50=waits[len(waits) // 2] if waits else 0.0,
        mails=len(judged),
    )


def waited(mail: Mail, until: float) -> float:
    """Open minutes until somebody began, or until now."""
    return mail.waited(until if mail.begun is None else mail.begun)


def _work(answered: Sequence[Mail]) -> float:
    begun = sum(mail.step == 0 for mail in answered)
    worked = sum(mail.answered - mail.begun for mail in answered if mail.answered and mail.begun is not None)
    return worked / max(begun, 1)


def _is_weaker(mail: Mail) -> bool:
    assert mail.holder is not None
    need = mail.kind.need
    known = mail.holder.person.languages.get(need.language, 0)
    return bool(need.language) and known < need.language_level


def _percent(found: Sequence[bool]) -> float:
    return 100 * sum(found) / max(len(found), 1)
