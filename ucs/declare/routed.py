"""How conversations come to agents, in a settings file: the part `routing` of a queue."""

from typing import Any

from agents.skills import assignable
from queues.models import EmailQueue
from ucs.declare.document import Entry

KEYS = {"picking", "accept", "own_share", "exponent", "late_halving", "weight", "steps"}
PLAIN = {"accept": "accept_seconds", "weight": "weight"}
FRACTIONS = ("own_share", "exponent", "late_halving")


def rules(entry: Entry) -> dict[str, Any]:
    """The fields of a queue that turn the rule; what is left out is as usual."""
    part = entry.part("routing")
    part.check_keys(KEYS, set())
    fields: dict[str, Any] = {
        "mode": entry.choice("mode", EmailQueue.Mode.values, EmailQueue.Mode.PICK),
        "wait_rule": entry.choice("wait_rule", EmailQueue.WaitRule.values, EmailQueue.WaitRule.UNCOVERED),
        "allow_picking": part.truth("picking", True),
        "steps": _steps(part),
    }
    fields |= {name: part.number(key, _usual(name)) for key, name in PLAIN.items()}
    return fields | {name: _fraction(part, name) for name in FRACTIONS}


def export_rules(row: EmailQueue) -> dict[str, Any]:
    """The same, of what isn't as usual."""
    values: dict[str, Any] = {key: getattr(row, name) for key, name in PLAIN.items()}
    values |= {name: getattr(row, name) for name in FRACTIONS}
    found = {key: value for key, value in values.items() if value != _usual(PLAIN.get(key, key))}
    found |= {} if row.allow_picking else {"picking": False}
    found |= {"steps": row.steps} if row.steps else {}
    return {"mode": row.mode, "wait_rule": row.wait_rule, "routing": found}


def _usual(name: str) -> Any:
    return getattr(EmailQueue(), name)


def _fraction(part: Entry, name: str) -> float:
    value = part.values.get(name, _usual(name))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise part.wrong(f"{value!r} is not a number.", name)
    return float(value)


def _steps(part: Entry) -> list[Any]:
    """The steps as they stand; what is in them the queue checks, but not which skills there are."""
    value = part.values.get("steps") or []
    if not isinstance(value, list):
        raise part.wrong(
            "give a list of steps, such as [{after_minutes: 120, skills: {billing: 1}}].", "steps"
        )
    for step in value:
        named = step.get("skills") if isinstance(step, dict) else None
        for name, level in named.items() if isinstance(named, dict) else ():
            skill = assignable().filter(name=name).first()
            if skill is None:
                raise part.wrong(f"there is no skill “{name}”: add it under skills.", "steps")
            if skill.is_firm and level != 0:
                raise part.wrong(f"“{name}” is had or not: give 0 to demand it no longer.", "steps")
    return value
