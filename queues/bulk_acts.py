"""What can be done with many conversations at once: for each verb the action that an agent does with one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from agents.models import Agent
from queues import actions, cards, handing, inbox, nudges, states
from queues.bulk_models import BulkAct
from queues.history import Kind, note_event
from queues.models import Conversation, EmailQueue, Tag
from queues.ownership import check_works_in, lock_for, profile
from queues.refusals import ActionRefused
from queues.tagging import check_tag, tag

Verb = BulkAct.Verb
UNDOABLE = frozenset(Verb) - {Verb.UNDO}
SAME = ("state", "agent_id", "queue_id", "tags")
SAME_PLACE = ("assigned_at", "snoozed_until", "closed_at", "spam_at", "messages")
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One conversation before and after."""

    before: dict[str, Any]
    after: dict[str, Any]


def checked(actor: User, verb: str, values: Values) -> Values:
    """What the verb needs, as it is stored; nothing else.

    Raises:
        ActionRefused: something is missing, gone, or not the user's to choose.
    """
    profile(actor)
    match verb:
        case Verb.SNOOZE:
            return {"until": _until(values.get("until")).isoformat()}
        case Verb.TAG | Verb.UNTAG:
            return {"tag": check_tag(actor, str(values.get("tag") or ""), may_make=verb == Verb.TAG)}
        case Verb.TRANSFER:
            queue = _queue(actor, values.get("queue"))
            return {"queue": queue.pk, "note": cards.kept(queue, str(values.get("note") or ""))}
        case Verb.ASSIGN:
            return {"agent": _agent(actor, values.get("agent")).pk}
    if verb not in Verb.values or verb == Verb.UNDO:
        raise ActionRefused("This can't be done with many at once.")
    return {}


def _until(value: Any) -> datetime:
    try:
        at = parse_datetime(str(value or ""))
    except ValueError:
        at = None
    if at is None:
        raise ActionRefused("Choose a day and a time.")
    at = at if at.tzinfo else timezone.make_aware(at)
    if at <= timezone.now():
        raise ActionRefused("The time to wake it is over already: choose one in the future.")
    if at > timezone.now() + actions.LONGEST_SNOOZE:
        raise ActionRefused("That is too far away: choose a time within a hundred years.")
    return at


def _queue(actor: User, value: Any) -> EmailQueue:
    found = inbox.queues_for(actor).filter(pk=_number(value)).first()
    if found is None:
        raise ActionRefused("Choose a queue.")
    return found


def _agent(actor: User, value: Any) -> Agent:
    rows = Agent.objects.filter(queues__in=inbox.queues_for(actor), user__is_active=True)
    found = rows.filter(pk=_number(value)).first()
    if found is None:
        raise ActionRefused("Choose an agent.")
    return found


def _number(value: Any) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def do(actor: User, conversation: Conversation, verb: str, values: Values) -> Change:
    """Do it with one; call it in a transaction, which is undone when it is refused.

    Raises:
        ActionRefused: with the reason, which is for this conversation alone.
    """
    row = lock_for(actor, conversation)
    before = seen(row)
    ACTS[verb](actor, row, values)
    return Change(before, seen(states.lock(row.pk)))


def seen(row: Conversation) -> dict[str, Any]:
    """Where it is, its tags, whose its drafts are, and how many mails it has."""
    tags = sorted(row.tags.values_list("pk", flat=True))
    more = {"tags": tags, "messages": row.messages_count, "drafts": handing.hands(row)}
    return states.snapshot(row) | more


def undo(actor: User, conversation: Conversation, change: Change) -> None:
    """Put it back as it was before.

    Raises:
        ActionRefused: something has happened to it since.
    """
    row, was_moved = lock_for(actor, conversation), _place(change.before) != _place(change.after)
    now = seen(row)
    names = (*SAME, *SAME_PLACE) if was_moved else SAME
    if any(now[name] != change.after.get(name, now[name]) for name in names):
        raise ActionRefused(f"#{row.number} was changed since.")
    queue = EmailQueue.objects.filter(pk=change.before["queue_id"]).first()
    if queue is None:
        raise ActionRefused(f"The queue that #{row.number} was in is gone.")
    check_works_in(actor, queue)
    if was_moved:
        states.put_back(row, _possible(row, change.before), timezone.now())
        handing.put_back(row, change.before.get("drafts", {}), change.after.get("drafts", {}))
    row.tags.set(Tag.objects.filter(pk__in=change.before["tags"]))
    note_event(row, Kind.PUT_BACK, f"{profile(actor)} put it back as it was.", actor)
    row = states.lock(row.pk)
    if row.state == Conversation.State.WAITING:
        nudges.waits(row)


def _place(seen_: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in seen_.items() if name not in ("tags", "messages", "drafts")}


def _possible(row: Conversation, before: dict[str, Any]) -> dict[str, Any]:
    """The same, but whoever has left meanwhile gets nothing back."""
    pk = before["agent_id"]
    if before["state"] != Conversation.State.ASSIGNED:
        return before
    there = Agent.objects.filter(pk=pk, user__is_active=True).exclude(presence=Agent.Presence.OFFLINE).first()
    if there is not None and inbox.queues_for(there.user).filter(pk=before["queue_id"]).exists():
        return before
    raise ActionRefused(f"#{row.number} was with somebody who is not there any more.")


def _snooze(actor: User, row: Conversation, values: Values) -> object:
    return actions.snooze(actor, row, datetime.fromisoformat(values["until"]))


def _transfer(actor: User, row: Conversation, values: Values) -> object:
    queue = EmailQueue.objects.filter(pk=values["queue"]).first()
    if queue is None:
        raise ActionRefused("The queue is gone.")
    check_works_in(actor, queue)
    return actions.transfer(actor, row, queue, values["note"])


def _assign(actor: User, row: Conversation, values: Values) -> object:
    agent = Agent.objects.select_related("user").filter(pk=values["agent"]).first()
    if agent is None:
        raise ActionRefused("The agent is gone.")
    return actions.assign(actor, row, agent)


def _tag(actor: User, row: Conversation, values: Values) -> object:
    return tag(actor, row, add=_there(values))


def _untag(actor: User, row: Conversation, values: Values) -> object:
    return tag(actor, row, remove=_there(values))


def _there(values: Values) -> list[str]:
    return list(Tag.objects.filter(pk=values["tag"]).values_list("name", flat=True))


ACTS: dict[str, Callable[[User, Conversation, Values], object]] = {
    Verb.TAKE: lambda actor, row, _: actions.take(actor, row),
    Verb.RELEASE: lambda actor, row, _: actions.release(actor, row),
    Verb.ASSIGN: _assign,
    Verb.TRANSFER: _transfer,
    Verb.PENDING: lambda actor, row, _: actions.await_customer(actor, row),
    Verb.SNOOZE: _snooze,
    Verb.CLOSE: lambda actor, row, _: actions.close(actor, row),
    Verb.REOPEN: lambda actor, row, _: actions.reopen(actor, row),
    Verb.TAG: _tag,
    Verb.UNTAG: _untag,
    Verb.SPAM: lambda actor, row, _: actions.mark_spam(actor, row),
    Verb.NOT_SPAM: lambda actor, row, _: actions.not_spam(actor, row),
}
