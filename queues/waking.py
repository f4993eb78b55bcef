"""What time alone does to conversations: snoozed ones wake, and unbegun ones leave agents who went away."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import BooleanField, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents.models import Agent
from agents.presence import HEARTBEAT_LOST
from queues import nudges, states
from queues.history import ASSIGNMENTS, MOVED_FROM, Kind, note_event
from queues.models import Conversation, EmailQueue, Event

State = Conversation.State
BATCH = 200
BEGUN_STAYS = timedelta(minutes=15)


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
    note_event(row, Kind.WOKE, f"It woke, as snoozed; {states.where(row)}{' again' if row.agent else ''}.")
    return True


def return_unbegun(agent_id: int | None = None) -> int:
    """Give back what routing gave to agents who are offline now and have begun no answer; return how many.

    An answer that is begun stays for some minutes, as a browser may have been closed by mistake. What an
    agent chose by hand, or a supervisor gave them, stays with them; and so does what they took as the next
    one without saying that they are there, as long as their browser gives signs of life. With who was
    switched off, or left the queue, nothing stays: they couldn't answer it.
    """
    rows = Conversation.objects.filter(state=State.ASSIGNED).annotate(given=_given())
    rows = rows.filter(Q(_gone(timezone.now()), given=True) | _shut_out("agent"))
    if agent_id is not None:
        rows = rows.filter(agent=agent_id)
    return sum(_return(pk) for pk in rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _gone(now: datetime) -> Q:
    """Whose agent went offline after getting it, or is offline and gives no sign of life any more."""
    went = Q(agent__presence_at__gte=F("assigned_at"))
    silent = Q(agent__presence_by_program=False, agent__seen_at__lt=now - HEARTBEAT_LOST)
    return Q(agent__presence=Agent.Presence.OFFLINE) & (went | silent)


def _given() -> Coalesce:
    """Whether it was routing that gave it, asked or not, or it came back to who had it by itself.

    What somebody chose once is chosen until it has come back: that is later than the choice.
    """
    last = Event.objects.filter(conversation=OuterRef("pk"), kind__in=ASSIGNMENTS).order_by("-pk")
    last = last.exclude(data__has_key=MOVED_FROM)
    came_back = Q(at__lt=OuterRef("assigned_at"))
    by_rule = last.annotate(by_rule=Q(data__has_key="rule") | came_back).values("by_rule")
    return Coalesce(Subquery(by_rule[:1], output_field=BooleanField()), Value(True))


@transaction.atomic
def _return(pk: int) -> bool:
    now = timezone.now()
    row = states.lock_free(pk)
    if row is None or row.state != State.ASSIGNED or row.agent is None:
        return False
    agent = row.agent
    is_begun = row.drafts.filter(agent=agent).exists()
    if Conversation.objects.filter(_shut_out("agent"), pk=row.pk).exists():
        why = "was switched off" if not agent.user.is_active else f"works in {row.queue} no longer"
        return _take_back(row, now, f"{agent} {why}", is_begun=is_begun)
    if not Conversation.objects.filter(_gone(now), pk=row.pk).exists():
        return False
    if is_begun and agent.presence_at is not None and agent.presence_at > now - BEGUN_STAYS:
        return False
    begun = f"has been offline for {BEGUN_STAYS.seconds // 60} minutes; what is written is kept"
    why = begun if is_begun else "is offline and had not begun"
    return _take_back(row, now, f"{agent} {why}", is_begun=is_begun)


def _take_back(row: Conversation, now: datetime, why: str, *, is_begun: bool) -> bool:
    had = row.agent_id
    states.give_back(row, now)
    told = f"{why}: it waits in {row.queue} again."
    note_event(row, Kind.RETURNED, told, data={"agent": had, "begun": is_begun})
    return True


def _shut_out(who: str) -> Q:
    """Whoever this field names may not sign in, or works in other queues now; administrators work in all."""
    members = EmailQueue.members.through.objects.filter(emailqueue=OuterRef("queue"), agent=OuterRef(who))
    everywhere = Q(**{f"{who}__role": Agent.Role.ADMINISTRATOR}) | Q(**{f"{who}__user__is_superuser": True})
    return Q(**{f"{who}__user__is_active": False}) | (~everywhere & Q(~Exists(members)))


def release_kept(agent_id: int | None = None) -> int:
    """Let everybody have what was kept for an agent long enough, or whose agent has gone; return how many."""
    rows = Conversation.objects.filter(_kept_in_vain(timezone.now()), reserved_for__isnull=False)
    if agent_id is not None:
        rows = rows.filter(reserved_for=agent_id)
    return sum(_release(pk) for pk in rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _kept_in_vain(now: datetime) -> Q:
    """Long enough, or for who is offline, may not sign in, or works elsewhere now."""
    is_offline = Q(reserved_for__presence=Agent.Presence.OFFLINE)
    return Q(reserved_until__lte=now) | is_offline | _shut_out("reserved_for")


@transaction.atomic
def _release(pk: int) -> bool:
    row = states.lock_free(pk)
    if row is None or row.state != State.WAITING:
        return False
    if not Conversation.objects.filter(_kept_in_vain(timezone.now()), pk=pk).exists():
        return False
    row.reserved_for = row.reserved_until = None
    states.save(row, ["reserved_for", "reserved_until"])
    nudges.calls(row)
    return True
