"""Which conversations a question may mean: what it says of their queue, agent, tags and state."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import get_language_info

from agents.models import Agent, Language
from agents.rights import Person, agent_of
from queues.finding_asked import PRIORITIES, Asked, Field, Term, is_of_mail
from queues.models import Conversation, EmailQueue, Tag
from queues.search import fold

Key = TypeVar("Key", int, str)
State = Conversation.State
NOBODY = ("none", "nobody", "unassigned")
SELECTIVE = frozenset({Field.AGENT, Field.TAG, Field.IS, Field.QUEUE})


@dataclass(frozen=True, slots=True)
class Rows:
    """`condition` on conversations; `queues` when some are named; `is_narrow` when few may be left."""

    condition: Q
    queues: frozenset[int] | None = None
    is_narrow: bool = False


def meant(user: Person, asked: Asked, queues: QuerySet[EmailQueue]) -> Rows:
    """What a question says of conversations.

    :param queues: those that the user may see.
    """
    condition, named, is_narrow = Q(), None, False
    for group in asked.groups:
        if is_of_mail(group[0]):
            continue
        either = Q()
        for term in group:
            one = _condition(user, term, queues)
            either |= ~one if term.is_not else one
        condition &= either
        is_narrow |= all(term.field in SELECTIVE and not term.is_not for term in group)
        if all(term.field == Field.QUEUE and not term.is_not for term in group):
            ids = frozenset(pk for term in group for pk in queues_named(queues, term.value))
            named = ids if named is None else named & ids
    return Rows(condition, named, is_narrow)


def queues_named(queues: QuerySet[EmailQueue], value: str) -> list[int]:
    """Those that are called so; if there is none, those whose name begins so."""
    return _named(((queue.pk, [queue.name]) for queue in queues), value)


def _named(known: Iterable[tuple[Key, list[str]]], value: str) -> list[Key]:
    wanted = fold(value)
    pairs = [(pk, [fold(name) for name in names]) for pk, names in known]
    exact = [pk for pk, names in pairs if wanted in names]
    return exact or [pk for pk, names in pairs if any(name.startswith(wanted) for name in names)]


def _condition(user: Person, term: Term, queues: QuerySet[EmailQueue]) -> Q:
    match term.field:
        case Field.QUEUE:
            return Q(queue__in=queues_named(queues, term.value))
        case Field.AGENT:
            return _with_agent(user, term.value)
        case Field.TAG:
            tags = ((tag.pk, [tag.name]) for tag in Tag.objects.all())
            return Q(
                pk__in=Tag.conversations.through.objects.filter(tag__in=_named(tags, term.value)).values(
                    "conversation"
                )
            )
        case Field.LANGUAGE:
            known = Language.objects.values_list("pk", flat=True)
            named = _named(((tag, language_names(tag)) for tag in known), term.value)
            return Q(language__in=named or [term.value.lower()])
        case Field.PRIORITY:
            return Q(priority=PRIORITIES.get(term.value.lower(), 0))
    return STATES[term.value](user)


def language_names(tag: str) -> list[str]:
    """What a language is called: its tag, its name in English and in itself."""
    try:
        info = get_language_info(tag)
    except KeyError:
        return [tag]
    return [tag, str(info["name"]), str(info["name_local"])]


def _with_agent(user: Person, value: str) -> Q:
    if value.lower() in NOBODY:
        return Q(agent=None)
    if value.lower() == "me":
        agent = agent_of(user)
        found = [agent.pk] if agent else []
    else:
        people = Agent.objects.select_related("user")
        found = _named(
            (
                (each.pk, [each.user.username, each.user.get_full_name(), each.user.last_name])
                for each in people
            ),
            value,
        )
    return Q(agent__in=found) | Q(agent=None, last_agent__in=found)


def _mine(user: Person) -> Q:
    agent = agent_of(user)
    return Q(agent=agent) if agent else Q(pk__in=[])


STATES: dict[str, Callable[[Person], Q]] = {
    "open": lambda _: ~Q(state=State.CLOSED),
    "closed": lambda _: Q(state=State.CLOSED),
    "waiting": lambda _: Q(state=State.WAITING),
    "assigned": lambda _: Q(state=State.ASSIGNED),
    "pending": lambda _: Q(state=State.PENDING),
    "snoozed": lambda _: Q(state=State.SNOOZED),
    "held": lambda _: Q(state=State.HELD),
    "mine": _mine,
    "unassigned": lambda _: Q(agent=None) & ~Q(state=State.CLOSED),
    "unread": lambda _: Q(last_direction="in", state__in=[State.WAITING, State.ASSIGNED]),
    "late": lambda _: Q(due_at__lt=timezone.now(), state__in=[State.WAITING, State.ASSIGNED]),
}


def numbered(number: int | None) -> list[int]:
    """The conversation with this number, or the one it was merged into."""
    if number is None:
        return []
    found = list(Conversation.objects.filter(number=number).values_list("pk", "merged_into"))
    while found and found[0][1] is not None:
        found = list(Conversation.objects.filter(pk=found[0][1]).values_list("pk", "merged_into"))
    return [pk for pk, _ in found]
