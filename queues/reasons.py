"""Why an agent got a conversation: what the decision looked at, stored with it, told and replayed from that.

    rule now agent name queue       what decided, in minutes of the queue's hours, and for whom
    kind words level                what was demanded, and the agent's lowest level that counts
    left target ratio own scarcity effective
                                    of the one that was given; `own`: the agent answered it last
    knobs                           [exponent, own share, halving] of its queue
    heads                           the first in line, the given one before all: see `HEAD`
    considered                      how many heads there were
    runner_up                       words, minutes left, and how many others fit it better than this agent
    able                            how many can do it, how many of these were free, and how many of those who
                                    fit better were full or away
    free                            of a mail that has come: [agent, ratio, idle since], the chosen one first
    reserved, eased, lacks          that it was kept for this agent; after how many minutes the wait rule let
                                    them (0: uncovered), and what they lack, also of what was kept for them
    despite                         who gave it to them once although they lack that

Pure. Nothing here reads a row, so what is told today is what was true then.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext as _

from agents.opening import duration
from queues import policy
from queues.policy import Free, Head, Knobs

SPANISH = "es"
"""Writes names of languages small within a sentence; Django's catalogue has them as they stand alone."""

HEADS_KEPT = 4
FREE_KEPT = 6
HEAD = ("conversation", "left", "target", "ratio", "own", "scarcity", "since", "exponent", "halving")


@dataclass(frozen=True, slots=True)
class Rank:
    """Where an agent stands among those who can do a kind, `people` in number."""

    people: int = 0
    free: int = 0
    better_full: int = 0
    better_away: int = 0
    better_free: int = 0


NO_RANK = Rank()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A head with what is told of it: its kind, and how this agent fits."""

    head: Head
    kind_id: int
    words: str
    queue_id: int
    level: int = policy.TOP_LEVEL
    is_own: bool = False
    is_reserved: bool = False
    is_eased: bool = False
    after: int = 0
    lacks: tuple[str, ...] = ()
    despite: str = ""

    @property
    def base_ratio(self) -> float:
        """The ratio as it is written down; what one's own customer takes off it is the rule's."""
        return round(self.head.ratio / (policy.OWN if self.is_own else 1), 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A decision. `line` was given, `others` came after it; `tick` is the queue's now."""

    agent_id: int
    name: str
    tick: int
    line: Line
    others: Sequence[Line] = ()
    considered: int = 1
    rank: Rank = NO_RANK
    fit_better: int = 0
    free: Sequence[Free] = field(default=())

    def data(self) -> dict[str, Any]:
        """Everything, as it is stored with the event; at most about 1 KB."""
        head, knobs = self.line.head, self.line.head.knobs
        found: dict[str, Any] = {
            "rule": policy.VERSION,
            "now": self.tick,
            "agent": self.agent_id,
            "name": self.name,
            "queue": self.line.queue_id,
            "kind": self.line.kind_id,
            "words": self.line.words[:120],
            "level": self.line.level,
            "left": head.minutes_left,
            "target": head.target,
            "ratio": self.line.base_ratio,
            "own": self.line.is_own,
            "scarcity": head.scarcity,
            "effective": round(head.effective, 1),
            "knobs": [knobs.exponent, knobs.own_share, knobs.halving],
            "heads": [_head(line) for line in (self.line, *self.others)[:HEADS_KEPT]],
            "considered": self.considered,
            "able": asdict(self.rank),
        }
        if self.others:
            second = self.others[0]
            found["runner_up"] = {
                "words": second.words[:120], "left": second.head.minutes_left, "better": self.fit_better,
            }  # fmt: skip
        if self.free:
            found["free"] = [
                [each.agent_id, each.ratio, _seconds(each.idle_since)] for each in self.free[:FREE_KEPT]
            ]
        if self.line.is_reserved:
            found["reserved"] = True
        if self.line.is_eased:
            found |= {"eased": self.line.after, "lacks": list(self.line.lacks)}
        elif self.line.lacks:
            found["lacks"] = list(self.line.lacks)
            if self.line.despite:
                found["despite"] = self.line.despite
        return found


def _head(line: Line) -> list[Any]:
    head = line.head
    return [
        head.conversation_id,
        head.minutes_left,
        head.target,
        line.base_ratio,
        int(line.is_own),
        head.scarcity,
        _seconds(head.waiting_since),
        head.knobs.exponent,
        head.knobs.halving,
    ]


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class Replayed(NamedTuple):
    """What the rule gives for what was stored; `agent_id` is None where no agent was chosen."""

    conversation_id: int
    agent_id: int | None


def replay(data: dict[str, Any]) -> Replayed:
    """Decide again, by the rule as it is now, from what was stored with a decision.

    Raises:
        ValueError: the decision was made by another rule, which stored other things.
    """
    if data.get("rule") != policy.VERSION:
        raise ValueError(f"decided by the rule {data.get('rule')!r}, not by {policy.VERSION}")
    heads = [_read(values) for values in data["heads"]]
    free = [Free(pk, ratio, _moment(idle)) for pk, ratio, idle in data.get("free", [])]
    order = policy.choose_agent(free)
    return Replayed(policy.choose(heads)[0].conversation_id, order[0].agent_id if order else None)


def _read(values: Sequence[Any]) -> Head:
    stored = dict(zip(HEAD, values, strict=True))
    return Head(
        stored["conversation"],
        stored["left"],
        stored["target"],
        policy.ratio(stored["ratio"], 1.0, is_own=bool(stored["own"])),
        stored["scarcity"],
        _moment(stored["since"]) or policy.NEVER,
        Knobs(exponent=stored["exponent"], halving=stored["halving"]),
    )


def explain(data: dict[str, Any], *, to_agent: bool = False) -> str:
    """Why, in a few sentences, in the language that is active; "" for a decision of another rule.

    :param to_agent: whether the reader is who got it.
    """
    if data.get("rule") != policy.VERSION:
        return ""
    due = due_in(data["left"])
    told = _("You got it: %(due)s.") if to_agent else _("%(who)s got it: %(due)s.")
    ended = due.removesuffix(".")  # “27 Min.” has the full stop of the sentence already
    parts = [told % {"who": data["name"], "due": ended}, _fit(data, to_agent), _team(data), _next(data)]
    return " ".join(part for part in parts if part)


def in_short(data: dict[str, Any]) -> str:
    """How well the reader, who got it, fits; "" for a decision of another rule, or of a person."""
    return _fit(data, to_agent=True) if data.get("rule") == policy.VERSION else ""


def due_in(left: float) -> str:
    """Such as "due in 1 h 30 min", in minutes of the queue's hours."""
    told = _("due in %(span)s") if left >= 0 else _("%(span)s late")
    return told % {"span": duration(round(abs(left)))}


def kind_words(words: str) -> str:
    """What a kind demands, such as "billing in Czech", with the language by its name here."""
    what, between, language = words.rpartition(" in ")
    name = gettext(language)
    if not between or name == language:
        return words
    if get_language() == SPANISH:
        name = name.lower()
    return _("%(what)s in %(language)s") % {"what": what, "language": name}


def _fit(data: dict[str, Any], to_agent: bool) -> str:
    values = {
        "who": data["name"],
        "words": kind_words(str(data["words"])),
        "level": data["level"],
        "top": policy.TOP_LEVEL,
        "lacking": ", ".join(data.get("lacks", [])),
        "waited": duration(data.get("eased") or 0),
        "percent": f"{(data['ratio'] - 1) * 100:.0f}",
    }
    told = _fitting(data, to_agent) % values
    if not data.get("despite"):
        return told
    decided = _("%(supervisor)s decided so.") % {"supervisor": data["despite"]}
    return f"{told} {decided}"


def _fitting(data: dict[str, Any], to_agent: bool) -> str:
    """The sentence, with places for what the decision looked at."""
    if data.get("reserved") and "lacks" in data:
        if to_agent:
            return _("It was kept for you, who answered last; you lack %(lacking)s.")
        return _("It was kept for %(who)s, who answered last; %(who)s lacks %(lacking)s.")
    if "lacks" in data:
        return _eased(data, to_agent)
    if data.get("reserved"):
        if to_agent:
            return _("It was kept for you, who answered last, for %(words)s (%(level)s of %(top)s).")
        return _("It was kept for %(who)s, who answered last, for %(words)s (%(level)s of %(top)s).")
    if data["own"]:
        if to_agent:
            return _("You answered it last, and can do it for %(words)s (%(level)s of %(top)s).")
        return _("%(who)s answered it last, and can do it for %(words)s (%(level)s of %(top)s).")
    return _skilled(data["ratio"], to_agent)


def _eased(data: dict[str, Any], to_agent: bool) -> str:
    if data["eased"]:
        if to_agent:
            return _("It had waited %(waited)s, so less is demanded; you lack %(lacking)s.")
        return _("It had waited %(waited)s, so less is demanded; %(who)s lacks %(lacking)s.")
    if to_agent:
        return _("Nobody able is on duty, or comes on duty in time; you lack %(lacking)s.")
    return _("Nobody able is on duty, or comes on duty in time; %(who)s lacks %(lacking)s.")


def _skilled(ratio: float, to_agent: bool) -> str:
    if ratio <= 1:
        if to_agent:
            return _("You are the best for %(words)s (%(level)s of %(top)s).")
        return _("%(who)s is the best for %(words)s (%(level)s of %(top)s).")
    if ratio <= policy.NEARLY_BEST:
        if to_agent:
            return _("You are among the best for %(words)s (%(level)s of %(top)s).")
        return _("%(who)s is among the best for %(words)s (%(level)s of %(top)s).")
    if to_agent:
        return _(
            "You have what it takes for %(words)s (%(level)s of %(top)s); "
            "the best would be %(percent)s %% quicker."
        )
    return _(
        "%(who)s has what it takes for %(words)s (%(level)s of %(top)s); "
        "the best would be %(percent)s %% quicker."
    )


def _team(data: dict[str, Any]) -> str:
    able = data["able"]
    if not able["people"]:
        return ""
    people = ngettext("%(count)s person can do it", "%(count)s people can do it", able["people"])
    free = ngettext("%(count)s was free", "%(count)s were free", able["free"])
    if not able["free"]:
        free = _("nobody was free")
    words = f"{people % {'count': able['people']}}, {free % {'count': able['free']}}"
    busy = []
    if able["better_full"]:
        busy.append(
            ngettext("%(count)s full", "%(count)s full", able["better_full"]) % {"count": able["better_full"]}
        )
    if able["better_away"]:
        busy.append(
            ngettext("%(count)s away", "%(count)s away", able["better_away"]) % {"count": able["better_away"]}
        )
    if not busy:
        return f"{words}."
    return _("%(words)s; of those who fit better, %(busy)s.") % {
        "words": words,
        "busy": _(" and ").join(busy),
    }


def _next(data: dict[str, Any]) -> str:
    second = data.get("runner_up")
    if not second:
        return ""
    better = second["better"]
    due = due_in(second["left"])
    values = {"words": kind_words(second["words"]), "due": due, "count": better}
    if not better:
        return _("Next in line was “%(words)s”, %(due)s.") % {**values, "due": due.removesuffix(".")}
    told = ngettext(
        "Next in line was “%(words)s”, %(due)s: %(count)s other fits it better.",
        "Next in line was “%(words)s”, %(due)s: %(count)s others fit it better.",
        better,
    )
    return told % values
