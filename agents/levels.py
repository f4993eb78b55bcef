"""Setting what agents can do: a level is written only over the one that the writer has seen.

Two people at one table must not undo each other's work unseen, so each change says what stood there before.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from agents.models import HAS, TOP_LEVEL, Agent, AgentLanguage, AgentSkill, Language, Skill
from agents.skills import assignable, firm_names

SKILL, LANGUAGE = "skill", "language"


class LevelError(ValueError):
    """A change that makes no sense; its text says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """One cell: `kind` is skill or language, `level` 0 to 5 (0: not able), `was` the one that was seen.

    Of a yes/no skill or a choice: 0 or HAS.
    """

    agent_id: int
    kind: str
    name: str
    level: int
    was: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: `level` is what stands there now."""

    change: Change
    level: int

    @property
    def is_done(self) -> bool:
        """Whether the wanted level stands there; else somebody was faster."""
        return self.level == self.change.level


@transaction.atomic
def set_levels(changes: Iterable[Change]) -> list[Outcome]:
    """Write those changes that still fit what is there; return what became of each.

    Raises:
        LevelError: a level is none, or there is no such skill, language or agent. Nothing was written.
    """
    wanted = list(changes)
    _check(wanted)
    ids = {change.agent_id for change in wanted}
    locked = Agent.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids).order_by("pk")
    missing = ids - set(locked.values_list("pk", flat=True))
    if missing:
        raise LevelError("An agent was deleted meanwhile: load the page again.")
    current = _current(ids)
    skills = dict(Skill.objects.values_list("name", "pk"))
    found = []
    for change in wanted:
        key = (change.agent_id, change.kind, change.name)
        level = current.get(key, 0)
        if level == change.was and level != change.level:
            _write(change, skills)
            level = current[key] = change.level
        found.append(Outcome(change, level))
    return found


def _check(changes: list[Change]) -> None:
    names = {SKILL: set(assignable().values_list("name", flat=True))}
    firm = firm_names()
    names[LANGUAGE] = set(Language.objects.values_list("tag", flat=True))
    for change in changes:
        if change.kind not in names or change.name not in names[change.kind]:
            raise LevelError(f"There is no {change.kind} “{change.name}” any more: load the page again.")
        is_firm = change.kind == SKILL and change.name in firm
        if change.level not in ((0, HAS) if is_firm else range(TOP_LEVEL + 1)):
            raise LevelError(f"{change.level} is no level: 0 (not able) to {TOP_LEVEL}.")


def _current(ids: set[int]) -> dict[tuple[int, str, str], int]:
    skills = AgentSkill.objects.filter(agent__in=ids).values_list("agent", "skill__name", "level")
    languages = AgentLanguage.objects.filter(agent__in=ids).values_list("agent", "language", "level")
    found = {(agent_id, SKILL, name): level for agent_id, name, level in skills}
    return found | {(agent_id, LANGUAGE, tag): level for agent_id, tag, level in languages}


def _write(change: Change, skills: dict[str, int]) -> None:
    if change.kind == SKILL:
        skill_id = skills[change.name]
        if change.level:
            AgentSkill.objects.update_or_create(
                agent_id=change.agent_id, skill_id=skill_id, defaults={"level": change.level}
            )
        else:
            AgentSkill.objects.filter(agent_id=change.agent_id, skill_id=skill_id).delete()
    elif change.level:
        AgentLanguage.objects.update_or_create(
            agent_id=change.agent_id, language_id=change.name, defaults={"level": change.level}
        )
    else:
        AgentLanguage.objects.filter(agent_id=change.agent_id, language_id=change.name).delete()
