"""Following a conversation without having it in hand: being told when the customer writes, when it is closed
or moved, and when somebody else has it. Who has it in hand is told when the customer writes, too.

    nobody's business ──follow, or mentioned──▶ following ──unfollow──▶ left alone, also by later mentions

`Conversation.has_followers` spares all others a query at each mail.
"""

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Agent
from agents.rights import Person
from queues import notices, watching
from queues.audiences import people
from queues.models import Conversation, Follower, Notice

WHAT = {  # the kinds of events that are told, and as what
    "closed": "closed",
    "transferred": "moved",
    "assigned": "assigned",
    "taken": "assigned",
}


def is_following(agent: Agent | None, conversation: Conversation) -> bool:
    """Whether the agent is told of what happens."""
    if agent is None or not conversation.has_followers:
        return False
    return conversation.followers.filter(agent=agent, is_following=True).exists()


def set_following(agent: Agent, conversation: Conversation, *, follows: bool) -> None:
    """Begin or end to follow, on the agent's own word."""
    Follower.objects.update_or_create(
        conversation=conversation,
        agent=agent,
        defaults={"is_following": follows},
        create_defaults={"is_following": follows, "since": timezone.now()},
    )
    _mark(conversation)


def follow_unasked(agent: Agent, conversation: Conversation) -> None:
    """Begin to follow, unless the agent has said that they don't want to."""
    _, is_new = Follower.objects.get_or_create(conversation=conversation, agent=agent)
    if is_new:
        _mark(conversation)


def _mark(conversation: Conversation) -> None:
    wanted = conversation.followers.filter(is_following=True).exists()
    if conversation.has_followers != wanted:
        conversation.has_followers = wanted
        conversation.save(update_fields=["has_followers"])


def happened(conversation: Conversation, kind: str, by: Person | None) -> None:
    """Tell the followers of an event of the history, if it is one that they are told of."""
    if conversation.has_followers and kind in WHAT:
        data: dict[str, Any] = {"what": WHAT[kind]}
        if data["what"] == "assigned" and conversation.agent is not None:
            data["to"] = str(conversation.agent)
        _tell(conversation, data, by)


def wrote(conversation: Conversation, what: str = "mail") -> None:
    """Tell who has it in hand, and the followers, that the customer has written.

    Whoever has the conversation before them sees the mail come, and what is only offered rings by itself.

    :param what: "outside" if it was somebody who was asked about it, which is told to who asked alone.
    """
    followers: set[int] = set()
    if conversation.has_followers and what == "mail":
        followers.update(conversation.followers.filter(is_following=True).values_list("agent", flat=True))
    is_begun = conversation.state == Conversation.State.ASSIGNED and conversation.accept_by is None
    wanted = followers | ({conversation.agent_id} if conversation.agent_id and is_begun else set())
    if not wanted:
        return
    told = people(conversation.queue).filter(pk__in=wanted).exclude(user__in=watching.present(conversation))
    for is_mine in (False, True):
        agents = [each for each in told if (each.pk not in followers) == is_mine]
        data = {"what": what} | ({"mine": True} if is_mine else {})
        notices.tell(agents, Notice.Kind.FOLLOW, conversation, data)


def _tell(conversation: Conversation, data: dict[str, Any], by: Person | None) -> None:
    following = conversation.followers.filter(is_following=True).values("agent")
    told = people(conversation.queue).filter(pk__in=following)  # who may no longer see it, is not told
    writer = Agent.objects.filter(user=by).first() if isinstance(by, User) else None
    if data["what"] == "assigned":
        told = told.exclude(pk=conversation.agent_id or 0)
    notices.tell(told, Notice.Kind.FOLLOW, conversation, data, by=writer)


def move(before: Conversation, after: Conversation) -> None:
    """Who followed what was merged follows what it is in now."""
    there = set(after.followers.values_list("agent", flat=True))
    before.followers.exclude(agent__in=there).update(conversation=after)
    before.followers.all().delete()
    _mark(before)
    _mark(after)
