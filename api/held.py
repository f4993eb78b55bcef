"""What an answer was given by: the rights that its user had then, and the objects that they saw.

A kept answer is given again only to who still has all of that. What the act itself took out of sight, such as
a transfer to a queue of others, was none of it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpResponse

from agents.rights import is_administrator, is_supervisor
from queues import access, contacts
from queues.models import Message

Rows = QuerySet[Any]
NOTED = "noted"
"""Stands in each; what an answer was given by before that was noted, nobody knows."""

BEGUN = "conversations"
"""The one operation that shows a conversation that its path doesn't name."""


def of(user: User, operation: str, path: Mapping[str, Any], answer: HttpResponse) -> list[str]:
    """The rights of a user and what they see of the objects in a path, after the answer was made.

    :param operation: the path of it, with its places: `conversations/{int:conversation_id}/notes`.
    """
    asked = {name: path[name] for name in _VISIBLE if name in path}
    if operation.strip("/") == BEGUN:
        asked["conversation_id"] = json.loads(answer.content)["id"]
    seen = [f"{name}:{pk}" for name, pk in asked.items() if _sees(user, name, pk)]
    return [NOTED, *_rights(user), *seen]


def lost_rights(user: User, held: Iterable[str]) -> bool:
    """Whether they had a right that they have no longer."""
    if is_administrator(user):
        return False
    had = {each for each in held if each.partition(":")[0] not in _VISIBLE}
    return not had <= {NOTED, *_rights(user)}


def lost_sight(user: User, held: Iterable[str]) -> bool:
    """Whether they saw an object that they see no longer, as it was moved or erased."""
    pairs = (each.partition(":") for each in held)
    return any(not _sees(user, name, int(pk)) for name, _, pk in pairs if name in _VISIBLE)


def _rights(user: User) -> list[str]:
    if is_administrator(user):
        return ["administrator"]
    queues = access.queues_for(user).order_by("pk").values_list("pk", flat=True)
    found = ["supervisor"] if is_supervisor(user) else []
    return [*found, *(f"queue:{pk}" for pk in queues), *sorted(f"may:{each}" for each in _permissions(user))]


def _permissions(user: User) -> set[str]:
    return user.get_all_permissions()


def _sees(user: User, name: str, pk: int) -> bool:
    rows: QuerySet[Any, Any] = _VISIBLE[name](user)
    return rows.filter(pk=pk).exists()


def _messages(user: User) -> "QuerySet[Model]":
    return Message.objects.filter(conversation__in=access.conversations_for(user))


_VISIBLE: Mapping[str, Any] = {
    "conversation_id": access.conversations_for,
    "message_id": _messages,
    "contact_id": contacts.all_for,
}
"""The places of paths whose objects belong to a queue, and the gate to each."""
