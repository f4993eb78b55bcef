"""What people do to agents outside the administration stands in its audit log, too."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from agents.models import Agent

LONGEST_NAME = 200


def record(actor: User, agent: Agent, sentence: str) -> None:
    """Write who did what to an agent."""
    # Not the number that Django keeps in memory: it outlives a database restored below a running process.
    kind = ContentType.objects.get(app_label="agents", model="agent")
    LogEntry.objects.create(
        user=actor,
        content_type=kind,
        object_id=str(agent.pk),
        object_repr=str(agent)[:LONGEST_NAME],
        action_flag=CHANGE,
        change_message=sentence,
    )
