"""The user behind an agent: made and changed together with the profile, so that one form is enough."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from agents.models import Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the form of an agent says of its user; an empty password keeps the one that is set."""

    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    password: str = ""
    is_active: bool = True


@transaction.atomic
def save_person(agent: Agent, person: Person) -> User:
    """Write the user of an agent, made now for a new agent unless the username is a user's already.

    Administrators may enter the administration, others may not.
    """
    user: User | None = User.objects.filter(username=person.username).first()
    if not agent._state.adding:
        user = agent.user
    user = user or User()
    for name in ("username", "first_name", "last_name", "email", "is_active"):
        setattr(user, name, getattr(person, name))
    user.is_staff = user.is_superuser = agent.role == Agent.Role.ADMINISTRATOR
    if person.password:
        user.set_password(person.password)
    elif user._state.adding:
        user.set_unusable_password()
    user.save()
    agent.user = user
    return user
