"""Skills in the database: which can be had and demanded, at which level, and the choices of one."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug
from django.db import transaction
from django.db.models import Q, QuerySet

from agents.models import Skill
from agents.skillwords import BELOW, HAS, TOP_LEVEL

LONGEST_NAME = 80


class SkillError(ValueError):
    """A skill or level that doesn't fit; its text says why."""


def assignable() -> QuerySet[Skill]:
    """What people can have and mail can demand: all but what only holds choices."""
    return Skill.objects.exclude(kind=Skill.Kind.CHOICE, of=None)


def firm_names() -> set[str]:
    """The names of what one has or hasn't."""
    return set(assignable().filter(~Q(kind=Skill.Kind.LEVEL)).values_list("name", flat=True))


def fitting(skill: Skill, level: object) -> int:
    """The level as it is stored for that skill: HAS for what is had or not, whatever level was given.

    :raises SkillError: it is no level of this skill.
    """
    if skill.has_choices:
        names = ", ".join(each.choice for each in skill.choices.all()) or "none yet"
        raise SkillError(f"{skill} is a choice: name one of {names}.")
    if type(level) is int and skill.is_firm and 1 <= level <= HAS:
        return HAS
    if type(level) is not int or skill.is_firm or not 1 <= level <= TOP_LEVEL:
        raise SkillError(f"{level} is no level of {skill}: choose 1 to {TOP_LEVEL}.")
    return level


def read_choices(text: str, name: str) -> list[str]:
    """The choices of a skill as they are typed in: words, one on each line.

    :raises ValidationError: one of them is no word.
    """
    words = list(dict.fromkeys(text.replace(",", " ").split()))
    for word in words:
        try:
            validate_unicode_slug(word)
        except ValidationError as error:
            raise ValidationError(
                f"“{word}” is no word for a choice: use letters, digits, - and _."
            ) from error
        if len(name) + len(BELOW) + len(word) > LONGEST_NAME:
            raise ValidationError(f"“{name}{BELOW}{word}” is too long: at most {LONGEST_NAME} letters.")
    return words


@transaction.atomic
def set_choices(skill: Skill, words: Iterable[str]) -> list[str]:
    """Make the choices of a skill these; they are renamed with it. Return what has changed, in words.

    :raises SkillError: one that is to go is in use.
    """
    wanted = list(words)
    return drop_choices(skill, wanted) + add_choices(skill, wanted)


def drop_choices(skill: Skill, wanted: Iterable[str]) -> list[str]:
    """Delete the choices of a skill that are none of these; return what has changed, in words.

    :raises SkillError: somebody has one, or something demands it.
    """
    kept, told = set(wanted), []
    for row in _choices(skill):
        if row.choice in kept:
            continue
        if is_used(row):
            raise SkillError(f"“{row}” is in use: take it from agents, queues and rules first.")
        row.delete()
        told.append(f"without {row.choice}")
    return told


def add_choices(skill: Skill, wanted: Iterable[str]) -> list[str]:
    """Give a skill these choices, beside those it has; return what has changed, in words."""
    told = []
    for row in _choices(skill):
        if row.name != (name := f"{skill.name}{BELOW}{row.choice}"):
            row.name = name
            row.save(update_fields=["name"])
    there = {each.choice for each in _choices(skill)}
    for word in wanted:
        if word not in there:
            Skill.objects.create(name=f"{skill.name}{BELOW}{word}", kind=Skill.Kind.CHOICE, of=skill)
            told.append(f"with {word}")
    return told


def _choices(skill: Skill) -> list[Skill]:
    """As they are now, whatever the skill was read with."""
    return list(Skill.objects.filter(of=skill).order_by("name"))


def is_used(skill: Skill) -> bool:
    """Whether somebody has it, or something demands it."""
    pks = list(Skill.objects.filter(Q(pk=skill.pk) | Q(of=skill.pk)).values_list("pk", flat=True))
    relations = [each for each in Skill._meta.get_fields(include_hidden=True) if each.one_to_many]
    return any(
        each.related_model._default_manager.filter(**{f"{each.field.name}__in": pks}).exists()  # type: ignore[union-attr]
        for each in relations
        if each.related_model is not Skill
    )
