"""Rules in words, for pages of the administration and for the lab."""

from mailcore.rule_engine import Decision
from mailcore.rule_terms import Condition, Do, How, Joined, What
from mailsources.rule_models import MailRule, RuleAction
from mailsources.rule_writing import PRIORITIES, value_of
from queues.models import EmailQueue

WHAT = {
    What.HEADER: "header",
    What.SENDER: "sender's address",
    What.SENDER_NAME: "sender's name",
    What.SENDER_DOMAIN: "sender's domain",
    What.CONTACT: "known contact",
    What.CONTACT_FIELD: "contact's own field",
    What.ORGANISATION: "sender's organisation",
    What.RECIPIENT: "any recipient",
    What.SUBJECT: "subject",
    What.TEXT: "text",
    What.FILE_NAME: "name of a file",
    What.FILE_TYPE: "type of a file",
    What.FILE_COUNT: "number of files",
    What.FILE_SIZE: "size of all files",
    What.LANGUAGE: "language",
    What.SPF: "SPF result",
    What.DKIM: "DKIM result",
    What.DMARC: "DMARC result",
    What.SIZE: "size of the mail",
    What.KIND: "kind of machine mail",
    What.POSITION: "place in the conversation",
}
HOW = {
    How.IS: "is",
    How.CONTAINS: "contains",
    How.WORDS: "has the words",
    How.MATCHES: "matches",
    How.EXISTS: "is there",
    How.AT_LEAST: "is at least",
    How.AT_MOST: "is at most",
}
DO = {
    Do.QUEUE: "put into the queue",
    Do.PRIORITY: "set the priority to",
    Do.TAG: "put on the tag",
    Do.SKILL: "demand the skill",
    Do.LANGUAGE: "set the language to",
    Do.ACKNOWLEDGE: "acknowledge:",
    Do.HOLD: "hold until somebody has looked",
    Do.DISCARD: "discard, keep the bytes",
    Do.FORWARD: "forward to",
    Do.STOP: "ask no further rules",
}


def condition(each: Condition) -> str:
    """Such as “subject contains “invoice””."""
    key = f" {each.key}" if each.key else ""
    value = f" “{each.value}”" if each.value else ""
    negated = "not: " if each.is_negated else ""
    return f"{negated}{WHAT[each.what]}{key} {HOW[each.how]}{value}"


def action(row: RuleAction) -> str:
    """Such as “put into the queue Billing”."""
    return f"{DO[Do(row.do)]} {value_of(row)}".strip()


def conditions(row: MailRule) -> str:
    """All conditions of a rule in one line."""
    found = [
        condition(Condition(What(each.what), How(each.how), each.value, each.key, each.is_negated))
        for each in row.conditions.all()
    ]
    between = " and " if row.joined == Joined.ALL else " or "
    return between.join(found) or "every mail"


def actions(row: MailRule) -> str:
    """All actions of a rule in one line."""
    return ", ".join(map(action, row.actions.all()))


def outcome(decision: Decision, names: dict[int, str], queue: int) -> tuple[str, list[str]]:
    """Where a mail goes, and what else is done with it.

    :param names: of queues by their ids.
    :param queue: where it goes without rules.
    """
    if decision.first(Do.DISCARD):
        return "discarded", []
    more: list[str] = []
    words = {number: word for word, number in PRIORITIES.items()}
    for each in decision.effects:
        match each.action.do:
            case Do.PRIORITY:
                more.append(f"priority {words.get(each.action.number, '')}")
            case Do.HOLD:
                more.append("held")
            case Do.FORWARD:
                more.append(f"forwarded to {' '.join(each.action.text.split())}")
            case Do.LANGUAGE:
                more.append(f"language {each.action.text}")
            case Do.ACKNOWLEDGE:
                more.append("acknowledged" if each.action.number else "not acknowledged")
            case Do.TAG | Do.SKILL:
                more.append(f"{each.action.do} by “{each.rule.name}”")
            case _:
                continue
    return names.get(decision.queue or queue, "?"), more


def queue_names() -> dict[int, str]:
    """All queues by their ids."""
    return dict(EmailQueue.objects.values_list("pk", "name"))
