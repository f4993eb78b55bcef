"""Who may see the board: supervisors for the queues they are a member of, administrators for all."""

from django.db.models import QuerySet

from agents.models import Agent
from agents.rights import Person, is_administrator, is_supervisor
from queues.inbox import queues_for
from queues.models import EmailQueue


def supervised(user: Person) -> QuerySet[EmailQueue]:
    """The queues that a user directs; none for agents."""
    return queues_for(user) if is_supervisor(user) else EmailQueue.objects.none()


def people_of(user: Person) -> QuerySet[Agent]:
    """The agents that a user directs: the active members of those queues; administrators all."""
    if not is_supervisor(user):
        return Agent.objects.none()
    rows = Agent.objects.filter(user__is_active=True)
    return rows if is_administrator(user) else members_of(rows, supervised(user))


def members_of(rows: QuerySet[Agent], queues: QuerySet[EmailQueue]) -> QuerySet[Agent]:
    """Those of the agents who are members of one of the queues, each once."""
    members = EmailQueue.members.through.objects.filter(emailqueue__in=queues)
    return rows.filter(pk__in=members.values("agent"))
