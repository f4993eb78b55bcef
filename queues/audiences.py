"""Who may see a queue, and who may read a note: whoever sees its conversation, or its holder and supervisors.

The gate of conversations comes first: a note is never read by who may not see the conversation that it is in.
A whisper follows the conversation: whoever holds it now reads it, who held it before no longer does.
"""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from agents.models import Agent
from agents.rights import Person, agent_of, is_supervisor
from queues.models import EmailQueue, Note
from queues.refusals import ActionRefused

Audience = Note.Audience


def people(queue: EmailQueue) -> QuerySet[Agent]:
    """Who may see what is in the queue: its members and the administrators, as far as they may sign in."""
    may_all = Q(role=Agent.Role.ADMINISTRATOR) | Q(user__is_superuser=True)
    rows = Agent.objects.filter(Q(queues=queue) | may_all, user__is_active=True)
    return rows.select_related("user").order_by("user__first_name", "user__username").distinct()


def readable(user: Person) -> Q:
    """The notes that a user may read, of the conversations that the user may see."""
    if is_supervisor(user):
        return Q()
    agent = agent_of(user)
    own = Q(user=user.pk) | (Q(conversation__agent=agent) if agent else Q())
    return Q(audience=Audience.ALL) | own


def check_may_whisper(actor: User, audience: str) -> None:
    """Refuse who may not write for this audience."""
    if audience not in Audience.values:
        choices = " / ".join(Audience.values)
        raise ActionRefused(
            _("“%(audience)s” is no audience of a note: choose %(choices)s.")
            % {"audience": audience[:30], "choices": choices}
        )
    if audience == Audience.HOLDER and not is_supervisor(actor):
        raise ActionRefused(_("Only a supervisor can whisper: write a note for everybody instead."))


def hidden(user: Person | None, note_ids: Iterable[int]) -> set[int]:
    """Those of the notes that the user must not find; without a user all whispers are."""
    whispers = Note.objects.filter(pk__in=list(note_ids), audience=Audience.HOLDER)
    open_to = whispers.none() if user is None else whispers.filter(readable(user))
    return set(whispers.values_list("pk", flat=True)) - set(open_to.values_list("pk", flat=True))


def listeners(note: Note, people: Iterable[Agent]) -> list[Agent]:
    """Of these people, who see the conversation, those who may read the note."""
    if note.audience == Audience.ALL:
        return list(people)
    holder = note.conversation.agent_id
    return [each for each in people if each.pk == holder or is_supervisor(each.user)]
