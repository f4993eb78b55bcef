"""What a user may do: administrators everything, supervisors and agents what happens in their queues."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User

from agents.models import Agent

Person = AbstractBaseUser | AnonymousUser


def agent_of(user: Person) -> Agent | None:
    """The work profile of a user; None for who has none."""
    if not isinstance(user, User):
        return None
    try:
        return user.agent
    except Agent.DoesNotExist:
        return None


def is_administrator(user: Person) -> bool:
    """May see and change everything."""
    if not isinstance(user, User) or not user.is_active:
        return False
    agent = agent_of(user)
    return user.is_superuser or (agent is not None and agent.role == Agent.Role.ADMINISTRATOR)


def is_supervisor(user: Person) -> bool:
    """May direct the work of others in the queues they are a member of; administrators in all."""
    if not isinstance(user, User) or not user.is_active:
        return False
    agent = agent_of(user)
    return is_administrator(user) or (agent is not None and agent.role == Agent.Role.SUPERVISOR)


def working_agent(user: User) -> Agent | None:
    """The profile to work under: an administrator without one gets it, as work belongs to an agent."""
    agent = agent_of(user)
    if agent is None and is_administrator(user):
        agent, _ = Agent.objects.get_or_create(user=user, defaults={"role": Agent.Role.ADMINISTRATOR})
        user.agent = agent
    return agent
