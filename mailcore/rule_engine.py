"""Which rules hold for a mail, why, and what is to be done with it. Pure: intake and lab ask the same.

    the source's own list → the list of all sources → which queue? → that queue's list

Of two rules that set the same thing the earlier one counts; tags, skills and addresses come together. A rule
that discards a mail ends it. An answer stays in its conversation's queue unless a rule is meant for answers,
too, and is never held.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailcore import rule_patterns
from mailcore.rule_facts import Facts
from mailcore.rule_terms import (
    NUMBERS,
    SIZES,
    Action,
    Condition,
    Do,
    How,
    Joined,
    Mode,
    Rule,
    RuleList,
    count,
    octets,
)

SHOWN = 200  # characters of a value that was looked at

_COMPARE = {
    How.IS: rule_patterns.equals,
    How.CONTAINS: rule_patterns.contains,
    How.WORDS: rule_patterns.has_words,
    How.MATCHES: rule_patterns.matches,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a condition holds, and what it saw in the mail."""

    condition: Condition
    holds: bool
    saw: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a rule holds, condition by condition; not `was_asked` when an earlier one ended the list."""

    rule: Rule
    holds: bool
    findings: tuple[Finding, ...] = ()
    was_asked: bool = True


@dataclass(frozen=True, slots=True)
class Effect:
    """An action that counts, and whose it is."""

    rule: Rule
    action: Action


@dataclass(slots=True)
class Decision:
    """What rules want done with a mail.

    `matched` are the rules that hold, in order; `effects` what of their actions counts.
    """

    matched: list[Rule] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def first(self, do: Do) -> Effect | None:
        """The effect of this kind, of which there is one at most."""
        return next((each for each in self.effects if each.action.do is do), None)

    def all(self, do: Do) -> list[Effect]:
        """The effects of this kind."""
        return [each for each in self.effects if each.action.do is do]

    @property
    def queue(self) -> int | None:
        """The id of the queue that it is to be put into; None when no rule says so."""
        effect = self.first(Do.QUEUE)
        return effect.action.target if effect else None


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition holds for a mail."""
    return _is_true(condition, facts) != condition.is_negated


def _is_true(condition: Condition, facts: Facts) -> bool:
    how, what = condition.how, condition.what
    if how in NUMBERS:
        wanted = octets(condition.value) if what in SIZES else count(condition.value)
        found = facts.number(what)
        return found >= wanted if how is How.AT_LEAST else found <= wanted
    values = facts.folded(what, condition.key)
    if how is How.EXISTS:
        return any(values)
    compare = _COMPARE[how]
    return any(compare(value, condition.value) for value in values)


def is_met(rule: Rule, facts: Facts) -> bool:
    """Whether a rule holds for a mail; one without conditions does."""
    if not rule.conditions:
        return True
    found = (holds(each, facts) for each in rule.conditions)
    return all(found) if rule.joined is Joined.ALL else any(found)


def judge(rule: Rule, facts: Facts) -> Verdict:
    """The same with the reasons: every condition is looked at."""
    findings = tuple(Finding(each, holds(each, facts), saw(each, facts)) for each in rule.conditions)
    return Verdict(rule, is_met(rule, facts), findings)


def saw(condition: Condition, facts: Facts) -> tuple[str, ...]:
    """What a condition looks at, shortened."""
    if condition.how in NUMBERS:
        return (f"{facts.number(condition.what):,}",)
    values = facts.values(condition.what, condition.key)
    return tuple(each if len(each) <= SHOWN else f"{each[:SHOWN]}…" for each in values[:10])


def decide(
    lists: Sequence[RuleList],
    facts: Facts,
    of_queue: Callable[[int], RuleList | None],
    queue: int,
    *,
    explain: bool = False,
) -> Decision:
    """Go through the lists of the source, then through that of the queue that the mail goes to.

    Args:
        lists: of the source, in their order.
        of_queue: the list of a queue.
        queue: that it is in without rules: the source's, or its conversation's.
        explain: keep the reasons for each condition of each rule.
    """
    decision = Decision()
    for each in lists:
        if _is_over(decision):
            break
        _go_through(each, facts, decision, explain=explain)
    target = decision.queue or queue
    own = None if _is_over(decision) else of_queue(target)
    if own is not None:
        _go_through(own, facts, decision, explain=explain)
    return decision


def _is_over(decision: Decision) -> bool:
    return any(each.action.do in (Do.DISCARD, Do.STOP) for each in decision.effects)


def _go_through(rules: RuleList, facts: Facts, decision: Decision, *, explain: bool) -> None:
    is_over = False
    for rule in rules.rules:
        if is_over:
            if not explain:
                return
            decision.verdicts.append(Verdict(rule, holds=False, was_asked=False))
            continue
        verdict = judge(rule, facts) if explain else Verdict(rule, is_met(rule, facts))
        if explain:
            decision.verdicts.append(verdict)
        if not verdict.holds:
            continue
        decision.matched.append(rule)
        _take(rule, facts, decision)
        is_over = rules.mode is Mode.FIRST or _is_over(decision)


def _take(rule: Rule, facts: Facts, decision: Decision) -> None:
    for action in rule.actions:
        if _counts(rule, action, facts, decision):
            decision.effects.append(Effect(rule, action))


def _counts(rule: Rule, action: Action, facts: Facts, decision: Decision) -> bool:
    if facts.is_answer:
        if action.do in (Do.QUEUE, Do.DISCARD) and not rule.is_for_answers:
            return False
        if action.do in (Do.HOLD, Do.ACKNOWLEDGE):
            return False
    before = [each.action for each in decision.effects if each.action.do is action.do]
    match action.do:
        case Do.TAG | Do.SKILL:
            return all(each.target != action.target for each in before)
        case Do.FORWARD:
            return all(each.text.lower() != action.text.lower() for each in before)
        case _:
            return not before
