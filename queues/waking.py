"""What time alone does to conversations: snoozed ones wake, and unbegun ones leave agents who went away."""

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from agents.models import Agent
from queues import states
from queues.history import ASSIGNMENTS, MOVED_FROM, Kind, note_event
from queues.models import Conversation, Event

State = Conversation.State
BATCH = 200


def wake_due() -> int:
    """Wake what was snoozed until now; return how many."""
    now = timezone.now()
    due = Conversation.objects.filter(state=State.SNOOZED, snoozed_until__lte=now)
    return sum(_wake(pk) for pk in due.order_by("snoozed_until").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _wake(pk: int) -> bool:
    now = timezone.now()
    row = states.lock_free(pk)
    if row is None or row.state != State.SNOOZED or row.snoozed_until is None or row.snoozed_until > now:
        return False
    states.come_back(row, now)
    note_event(row, Kind.WOKE, f"It woke, as snoozed; {_where(row)}.")
    return True


def _where(row: Conversation) -> str:
    return f"it is with {row.agent} again" if row.agent else f"it waits in {row.queue}"


def return_unbegun(agent_id: int | None = None) -> int:
    """Give back what routing gave to agents who are offline now and have begun no answer; return how many.

    What an agent took by hand stays with them.
    """
    last = Event.objects.filter(conversation=OuterRef("pk"), kind__in=ASSIGNMENTS).order_by("-pk")
    last = last.exclude(data__has_key=MOVED_FROM)
    rows = Conversation.objects.filter(state=State.ASSIGNED, agent__presence=Agent.Presence.OFFLINE)
    rows = rows.annotate(given=Subquery(last.values("kind")[:1])).filter(given=Kind.OFFERED)
    if agent_id is not None:
        rows = rows.filter(agent=agent_id)
    return sum(_return(pk) for pk in rows.values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _return(pk: int) -> bool:
    row = states.lock_free(pk)
    if row is None or row.state != State.ASSIGNED or row.agent is None:
        return False
    agent = row.agent
    if agent.presence != Agent.Presence.OFFLINE or row.drafts.filter(agent=agent).exists():
        return False
    states.give_back(row, timezone.now())
    note_event(row, Kind.RETURNED, f"{agent} is offline and had not begun: it waits in {row.queue} again.")
    return True
