"""Whose a conversation is, and who may lay hands on it. Every check that an action makes before it acts."""

from django.contrib.auth.models import User

from agents.models import Agent
from agents.rights import is_administrator, is_supervisor, working_agent
from queues import states
from queues.abilities import lacks, may_help, teams
from queues.clocks import waited
from queues.models import Conversation, EmailQueue, Message
from queues.overriding import given_by
from queues.refusals import ActionRefused

State = Conversation.State


def check_works_in(actor: User, queue: EmailQueue) -> None:
    """Refuse who has no business in the queue."""
    if is_administrator(actor):
        return
    agent = working_agent(actor) if actor.is_active else None
    if agent is None or not queue.members.filter(pk=agent.pk).exists():
        raise ActionRefused(
            f"You don't work in the email queue “{queue.name}”: ask an administrator to add you."
        )


def lock_for(actor: User, conversation: Conversation) -> Conversation:
    """Lock the conversation and return it as it is now, if the user works in the queue it is in now."""
    locked = _lock(conversation)
    check_works_in(actor, locked.queue)
    check_whole(locked)
    return locked


def lock_both(actor: User, one: Conversation, other: Conversation) -> tuple[Conversation, Conversation]:
    """Lock two conversations, in the one order that everybody keeps, and return them as they are now."""
    locked = {row.pk: _lock(row) for row in sorted((one, other), key=lambda row: row.pk)}
    for row in locked.values():
        check_works_in(actor, row.queue)
    return locked[one.pk], locked[other.pk]


def lock_message(actor: User, message: Message) -> tuple[Conversation, Message]:
    """Lock the conversation that the message is in now, and return both as they are now."""
    home = Conversation.objects.filter(messages=message.pk).first()
    if home is None:
        raise ActionRefused("The mail was erased.")
    row = lock_for(actor, home)
    found = row.messages.select_related("outgoing", "raw", "agent__user").filter(pk=message.pk).first()
    if found is None:
        raise ActionRefused("The mail was moved to another conversation a moment ago: try again.")
    return row, found


def _lock(conversation: Conversation) -> Conversation:
    try:
        return states.lock(conversation.pk)
    except Conversation.DoesNotExist as error:
        raise ActionRefused(f"The conversation #{conversation.number} was erased.") from error


def check_whole(conversation: Conversation) -> None:
    """Refuse if everything of it is in another conversation."""
    into = conversation.merged_into
    if into is not None:
        raise ActionRefused(
            f"#{conversation.number} was merged into #{into.number}: go on there. Nothing was done here."
        )


def profile(actor: User) -> Agent:
    """The agent that the user works as."""
    agent = working_agent(actor)
    if agent is None:
        raise ActionRefused("You have no agent profile: ask an administrator to make one for you.")
    return agent


def holder(conversation: Conversation) -> Agent | None:
    """The agent whose it is now; a closed conversation is nobody's."""
    return None if conversation.state in (State.WAITING, State.CLOSED) else conversation.agent


def check_free(actor: User, conversation: Conversation) -> None:
    """Refuse if it is a colleague's, unless the user is a supervisor."""
    owner = holder(conversation)
    if owner is not None and owner.user_id != actor.pk and not is_supervisor(actor):
        raise ActionRefused(
            f"#{conversation.number} is with {owner}: ask {owner} or a supervisor to give it to you."
        )


def check_open(conversation: Conversation) -> None:
    """Refuse if it is closed, or held."""
    check_let_go(conversation)
    if conversation.state == State.CLOSED:
        raise ActionRefused(f"#{conversation.number} is closed: reopen it first.")


def check_let_go(conversation: Conversation) -> None:
    """Refuse if it is held."""
    if conversation.state == State.HELD:
        raise ActionRefused(f"#{conversation.number} is held: let it go first.")


def check_may_choose(actor: User, conversation: Conversation, agent: Agent) -> None:
    """Refuse who picks from the list where routing decides; supervisors may, and who it is kept for."""
    if conversation.queue.allow_picking or conversation.state != State.WAITING or is_supervisor(actor):
        return
    if conversation.reserved_for_id != agent.pk:
        raise ActionRefused(
            f"In “{conversation.queue}” everybody gets what is first in line: use “Take next”, or ask a "
            "supervisor to give you this one."
        )


def check_able(actor: User, agent: Agent, conversation: Conversation) -> tuple[str, ...]:
    """Refuse an agent who lacks what the conversation demands; return what a supervisor or a helper lacks."""
    team = teams([conversation.queue_id])[conversation.queue_id]
    member = team.member(agent.pk)
    if member is None:  # an administrator
        return ()
    own = conversation.skill_demands.values_list("skill__name", "level")
    demand = team.demand(conversation.language, own)
    missing = lacks(member, demand)
    if missing and not (
        may_help(member, demand, team, waited(conversation))
        or is_supervisor(actor)
        or (conversation.reserved_for_id == agent.pk and given_by(agent, conversation, missing))
    ):
        raise ActionRefused(
            f"#{conversation.number} needs {', '.join(missing)}, which {agent} doesn't have: "
            "leave it to a colleague, or ask a supervisor to assign it."
        )
    return missing
