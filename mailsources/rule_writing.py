"""A rule as people and programs write it, and as rows: form, settings file and API speak of it alike.

name: Invoices
if: [{what: subject, how: contains, value: "invoice | faktura"}, {what: size, how: at_least, value: 5 MB, not: true}]
joined: all
then: [{do: queue, value: Billing}, {do: skill, value: billing 3}]
"""  # noqa: E501 - an example

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max

from agents.models import HAS, Language, Skill
from agents.skills import assignable
from agents.skillwords import BELOW
from mailcore.clean import clean_line
from mailcore.rule_terms import BadTerm, Condition, Do, How, Joined, What, check
from mailsources.rule_models import MailRule, RuleAction, RuleCondition, RuleList
from queues import passed_on
from queues.models import Conversation, EmailQueue, Tag
from queues.recipients import typed_addresses
from queues.refusals import ActionRefused

MOST_CONDITIONS = 50
MOST_ACTIONS = 20
MOST_ADDRESSES = 5
MOST_RULES = 500
"""In one list."""

LONGEST_NAME = 100
PRIORITIES = {label.lower(): number for number, label in Conversation.Priority.choices}
BARE = frozenset((Do.HOLD, Do.DISCARD, Do.STOP))
"""Actions that need no value."""

KEYS = frozenset(("name", "if", "joined", "then", "answers", "active"))


class BadRule(ValueError):
    """A rule that can't be stored; the text says what is wrong with which part."""


@dataclass(frozen=True, slots=True)
class Deed:
    """An action as it is written."""

    do: Do
    value: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A rule as it is written; what it names need not be there."""

    name: str
    conditions: tuple[Condition, ...] = ()
    deeds: tuple[Deed, ...] = ()
    joined: Joined = Joined.ALL
    is_for_answers: bool = False
    is_active: bool = field(default=True)


def read(value: Any) -> Written:
    """Read a rule that a file or a program gives.

    Raises:
        BadRule: it can't be understood.
    """
    if not isinstance(value, Mapping):
        raise BadRule("Give a mapping such as {name: …, if: […], then: […]}.")
    if odd := sorted(set(map(str, value)) - KEYS):
        raise BadRule(f"“{odd[0]}” is not known; known are {', '.join(sorted(KEYS))}.")
    name = clean_line(str(value.get("name") or "")).strip()
    if not name or len(name) > LONGEST_NAME:
        raise BadRule(f"Give the rule a name of at most {LONGEST_NAME} characters.")
    joined = str(value.get("joined") or Joined.ALL)
    if joined not in set(Joined):
        raise BadRule(f"Rule “{name}”: joined is all or any.")
    try:
        conditions = tuple(map(_condition, _listed(value.get("if"))))
        deeds = tuple(map(_deed, _listed(value.get("then"))))
    except BadTerm as error:
        raise BadRule(f"Rule “{name}”: {error}") from error
    found = Written(
        name, conditions, deeds, Joined(joined), bool(value.get("answers")), value.get("active") is not False
    )
    check_whole(found)
    return found


def check_whole(rule: Written) -> None:
    """Refuse too much, and too little.

    Raises:
        BadRule: it does nothing, or has too many parts.
    """
    if not rule.deeds:
        raise BadRule(f"Rule “{rule.name}” does nothing: say what is to be done.")
    if len(rule.conditions) > MOST_CONDITIONS or len(rule.deeds) > MOST_ACTIONS:
        raise BadRule(
            f"Rule “{rule.name}” has at most {MOST_CONDITIONS} conditions and {MOST_ACTIONS} actions."
        )
    if why := contradicting(rule.deeds):
        raise BadRule(f"Rule “{rule.name}”: {why}")


def contradicting(deeds: Sequence[Deed]) -> str:
    """Why these can't be done together; "" when they can."""
    if {Do.DISCARD, Do.FORWARD} <= {each.do for each in deeds}:
        return "What is discarded is not forwarded: put it into a queue of its own instead."
    return ""


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise BadTerm("“if” and “then” are lists.")
    return value


def _condition(value: Any) -> Condition:
    if not isinstance(value, Mapping) or not set(map(str, value)) <= {"what", "how", "value", "key", "not"}:
        raise BadTerm("a condition is written {what: subject, how: contains, value: …}.")
    what, how = str(value.get("what")), str(value.get("how"))
    if what not in set(What):
        raise BadTerm(f"“{what}” is nothing that a condition looks at; known are {', '.join(What)}.")
    if how not in set(How):
        raise BadTerm(f"“{how}” is no comparison; known are {', '.join(How)}.")
    found = Condition(
        What(what),
        How(how),
        _text(value.get("value")),
        clean_line(str(value.get("key") or "")).strip()[:100],
        bool(value.get("not")),
    )
    check(found)
    return found


def _deed(value: Any) -> Deed:
    if not isinstance(value, Mapping) or not set(map(str, value)) <= {"do", "value"}:
        raise BadTerm("an action is written {do: queue, value: …}.")
    do = str(value.get("do"))
    if do not in set(Do):
        raise BadTerm(f"“{do}” is nothing that a rule does; known are {', '.join(Do)}.")
    return Deed(Do(do), _text(value.get("value")))


def _text(value: Any) -> str:
    """A value as people write it; YAML makes true and false of yes and no."""
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: ""}[value]
    return clean_line(str(value)).strip()


def written(row: MailRule) -> dict[str, Any]:
    """The rule as it would be written."""
    found: dict[str, Any] = {"name": row.name}
    conditions = [_written_condition(each) for each in row.conditions.all()]
    if conditions:
        found["if"] = conditions
    if row.joined != Joined.ALL:
        found["joined"] = str(row.joined)
    found["then"] = [
        {"do": str(each.do), **({"value": text} if (text := value_of(each)) else {})}
        for each in row.actions.all()
    ]
    if row.is_for_answers:
        found["answers"] = True
    if not row.is_active:
        found["active"] = False
    return found


def _written_condition(row: RuleCondition) -> dict[str, Any]:
    found: dict[str, Any] = {"what": str(row.what), "key": row.key, "how": str(row.how), "value": row.value}
    found = {name: value for name, value in found.items() if value}
    return found | ({"not": True} if row.is_negated else {})


def value_of(row: RuleAction) -> str:
    """The value of an action as it is written."""
    match Do(row.do):
        case Do.QUEUE:
            return row.queue.name if row.queue else ""
        case Do.TAG:
            return row.tag.name if row.tag else ""
        case Do.SKILL:
            return _skill_value(row.skill, row.number) if row.skill else ""
        case Do.LANGUAGE:
            return row.language_id or ""
        case Do.PRIORITY:
            return next((word for word, number in PRIORITIES.items() if number == row.number), "")
        case Do.ACKNOWLEDGE:
            return "yes" if row.number else "no"
        case Do.FORWARD:
            return " ".join(row.addresses.split())
        case _:
            return ""


def action_of(deed: Deed) -> RuleAction:
    """An action as a row without its rule.

    Raises:
        BadTerm: what it names is not there, or may not be.
    """
    if deed.do in BARE:
        if deed.value:
            raise BadTerm(f"{deed.do} needs no value: leave it empty.")
        return RuleAction(do=deed.do)
    if not deed.value:
        raise BadTerm(f"Say what {deed.do} is to be.")
    return RuleAction(do=deed.do, **_RESOLVE[deed.do](deed.value))


def _to_queue(value: str) -> dict[str, Any]:
    row = EmailQueue.objects.filter(name=value).first()
    if row is None:
        raise BadTerm(f"There is no email queue “{value}”.")
    return {"queue": row}


def _priority(value: str) -> dict[str, Any]:
    if value.lower() not in PRIORITIES:
        raise BadTerm(f"“{value}” is no priority: choose one of {', '.join(PRIORITIES)}.")
    return {"number": PRIORITIES[value.lower()]}


def _tag(value: str) -> dict[str, Any]:
    row = Tag.objects.filter(name__iexact=value).first()
    if row is None:
        raise BadTerm(f"There is no tag “{value}”: add it at ☰ Messaging → Tags.")
    return {"tag": row}


def _skill(value: str) -> dict[str, Any]:
    firm = assignable().exclude(kind=Skill.Kind.LEVEL).filter(name=value.strip().replace(": ", BELOW)).first()
    if firm is not None:
        return {"skill": firm, "number": HAS}
    name, _, level = value.rpartition(" ")
    if level not in {"1", "2", "3", "4", "5"} or not name:
        raise BadTerm(
            "Write a skill with its level, 1 to 5, such as “billing 3”; a yes/no skill by its name, and a "
            "choice as “product/red”."
        )
    row = Skill.objects.filter(name=name.strip().replace(": ", BELOW)).first()
    if row is None:
        raise BadTerm(f"There is no skill “{name.strip()}”: add it at ☰ Messaging → Skills.")
    if row.has_choices:
        raise BadTerm(f"“{row.name}” has choices: write one of them, such as “{row.name}{BELOW}red”.")
    if row.is_firm:
        raise BadTerm(f"“{row.name}” is had or not: write it without a level.")
    return {"skill": row, "number": int(level)}


def _skill_value(skill: Skill, level: int) -> str:
    return skill.name if skill.is_firm else f"{skill.name} {level}"


def _language(value: str) -> dict[str, Any]:
    row = Language.objects.filter(tag=value.lower()).first()
    if row is None:
        raise BadTerm(f"There is no language “{value}”: add it at ☰ Messaging → Languages.")
    return {"language": row}


def _acknowledge(value: str) -> dict[str, Any]:
    if value.lower() not in ("yes", "no"):
        raise BadTerm("Whether to acknowledge is yes or no.")
    return {"number": int(value.lower() == "yes")}


def _forward(value: str) -> dict[str, Any]:
    try:
        emails = [each.email for each in typed_addresses(value.replace(",", " ").replace(";", " ").split())]
    except ActionRefused as refused:
        raise BadTerm(refused.sentence) from refused
    if not 0 < len(emails) <= MOST_ADDRESSES:
        raise BadTerm(f"Give 1 to {MOST_ADDRESSES} addresses.")
    if ours := [email for email in emails if passed_on.is_ours(email)]:
        raise BadTerm(
            f"{ours[0]} is an address of ours: what is forwarded there would come back. Use a queue."
        )
    return {"addresses": "\n".join(emails)}


_RESOLVE = {
    Do.QUEUE: _to_queue,
    Do.PRIORITY: _priority,
    Do.TAG: _tag,
    Do.SKILL: _skill,
    Do.LANGUAGE: _language,
    Do.ACKNOWLEDGE: _acknowledge,
    Do.FORWARD: _forward,
}


@transaction.atomic
def save(rules: RuleList, rule: Written, row: MailRule | None = None) -> MailRule:
    """Write a rule, at the end of its list if it is new.

    Raises:
        BadRule: it names something that is not there, or its name is another's.
    """
    row = row or MailRule(list=rules)
    others = rules.rules.exclude(pk=row.pk)
    if others.filter(name=rule.name).exists():
        raise BadRule(f"There is a rule “{rule.name}” in this list already: give it another name.")
    if row._state.adding:
        if others.count() >= MOST_RULES:
            raise BadRule(f"A list has at most {MOST_RULES} rules.")
        row.position = (others.aggregate(last=Max("position"))["last"] or 0) + 1
    try:
        actions = [action_of(each) for each in rule.deeds]
    except BadTerm as error:
        raise BadRule(f"Rule “{rule.name}”: {error}") from error
    row.name, row.joined = rule.name, rule.joined.value
    row.is_for_answers, row.is_active = rule.is_for_answers, rule.is_active
    row.save()
    write_parts(row, rule.conditions, actions)
    return row


def write_parts(row: MailRule, conditions: Sequence[Condition], actions: Sequence[RuleAction]) -> None:
    """Give a rule these conditions and actions instead of those that it has."""
    row.conditions.all().delete()
    row.actions.all().delete()
    RuleCondition.objects.bulk_create(
        RuleCondition(
            rule=row, what=each.what.value, how=each.how.value, value=each.value, key=each.key,
            is_negated=each.is_negated,
        )
        for each in conditions
    )  # fmt: skip
    for each in actions:
        each.rule = row
    RuleAction.objects.bulk_create(actions)
