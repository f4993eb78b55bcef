"""The settings that the API reads and writes: each with its model, who sees it, and how a list shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, Q, QuerySet

from agents.models import Agent, Calendar, Language, Skill
from agents.rights import agent_of
from agents.skillwords import BELOW
from api import objects
from api.consoles import Part
from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from queues import inbox
from queues.models import EmailQueue, Macro, Snippet, Tag
from sso.models import SSOProvider


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of setting.

    :param path: its name in addresses; `word` is one of them.
    :param rows: those that a user who is no administrator sees; None if only administrators do.
    :param show: the shape that lists have.
    """

    path: str
    word: str
    model: type[Model]
    show: Callable[[Any], dict[str, Any]]
    rows: Callable[[User], QuerySet[Any]] | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)

    def seen(self, user: User) -> QuerySet[Any]:
        """The rows that a user sees: administrators all of them."""
        if user.is_superuser:
            return self.model._default_manager.all()
        return self.rows(user) if self.rows else self.model._default_manager.none()

    @property
    def is_listed_here(self) -> bool:
        """Whether its list is made here, too; the older ones have their own."""
        return self.path in ("skills", "languages", "tags", "calendars")


def skill_shape(row: Skill) -> dict[str, Any]:
    """A skill; `of` names the skill that it is a choice of."""
    return {
        "id": row.pk,
        "name": row.name,
        "kind": row.kind,
        "of": row.name.partition(BELOW)[0] if row.of_id else "",
    }


def language_shape(row: Language) -> dict[str, Any]:
    """A language by its tag, which is its id."""
    return {"id": row.tag, "tag": row.tag}


def tag_shape(row: Tag) -> dict[str, Any]:
    """A tag."""
    return {"id": row.pk, "name": row.name, "colour": row.colour}


def calendar_shape(row: Calendar) -> dict[str, Any]:
    """Opening hours and the days that differ from them."""
    days = [
        {"date": day.date, "yearly": day.yearly, "hours": day.hours, "name": day.name}
        for day in row.days.all()
    ]
    plain = {"id": row.pk, "name": row.name, "time_zone": row.time_zone, "hours": row.hours}
    return plain | {"days": days}


def _everybodys(model: type[Model]) -> Callable[[User], QuerySet[Any]]:
    return lambda _: model._default_manager.all()


def _snippets(user: User) -> QuerySet[Snippet]:
    seen = Q(queues=None) | Q(queues__in=inbox.queues_for(user))
    mine = Q(owner=None) | Q(owner=agent_of(user))
    return Snippet.objects.filter(seen & mine).distinct()


def _macros(user: User) -> QuerySet[Macro]:
    return Macro.objects.filter(Q(queues=None) | Q(queues__in=inbox.queues_for(user))).distinct()


KINDS = (
    Kind(
        "queues",
        "queue",
        EmailQueue,
        objects.queue_shape,
        inbox.queues_for,
        {
            "skills": Part("skill_demands", ("skill",), "level"),
            "acknowledgements": Part("acknowledgement_texts", ("language",)),
        },
    ),
    Kind("sources", "source", EmailSource, objects.source_shape),
    Kind("senders", "sender", EmailSender, objects.sender_shape),
    Kind("providers", "provider", SSOProvider, objects.provider_shape),
    Kind(
        "agents",
        "agent",
        Agent,
        objects.agent_shape,
        _everybodys(Agent),
        {
            "skills": Part("skill_levels", ("skill",), "level"),
            "languages": Part("language_levels", ("language",), "level"),
        },
    ),
    Kind("skills", "skill", Skill, skill_shape, _everybodys(Skill)),
    Kind("languages", "language", Language, language_shape, _everybodys(Language)),
    Kind("tags", "tag", Tag, tag_shape, _everybodys(Tag)),
    Kind(
        "calendars",
        "calendar",
        Calendar,
        calendar_shape,
        _everybodys(Calendar),
        {"days": Part("days", ("date", "yearly"))},
    ),
    Kind("snippets", "snippet", Snippet, objects.snippet_shape, _snippets),
    Kind("macros", "macro", Macro, objects.macro_shape, _macros),
)
