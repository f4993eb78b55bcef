"""What is to be done first where no mail has come yet, by what somebody may do."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from agents.models import Agent, AgentLanguage, AgentSkill
from agents.rights import agent_of, is_administrator, is_supervisor
from mailsenders.models import EmailSender
from queues.access import listed_for, queues_for
from queues.models import EmailQueue

MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, whether it is done, and where; without an address it is only told."""

    label: Any
    says: Any
    is_done: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A heading and what comes first."""

    title: Any
    steps: tuple[Step, ...] = ()
    ask: tuple[str, ...] = ()


def beginning(user: User) -> Beginning | None:
    """What is to be done first; None where there are conversations already."""
    if listed_for(user).exists():
        return None
    if is_administrator(user):
        return Beginning(_("Before the first mail comes"), _of_administrator())
    agent = agent_of(user)
    if agent is None or not queues_for(user).exists():
        return Beginning(_("You are a member of no queue"), ask=_administrators())
    if is_supervisor(user):
        return Beginning(_("No mail has come yet"), _of_supervisor(user))
    return Beginning(_("No mail has come yet"), _of_agent(agent))


def _of_administrator() -> tuple[Step, ...]:
    queues, people = EmailQueue.objects.all(), Agent.objects.filter(user__is_active=True)
    add = "admin:{}_add".format
    senders = EmailSender.objects.values_list("is_active", flat=True)
    sources = queues.filter(sources__isnull=False).values_list("sources__is_active", flat=True)
    return (
        _connection("mailsenders_emailsender", _("Connect an email sender"),
                    _("the server that our answers leave by"), set(senders)),
        Step(_("Add an email queue"), _("where conversations wait for its members"),
             queues.exists(), reverse(add("queues_emailqueue"))),
        _connection("mailsources_emailsource", _("Connect a mailbox"),
                    _("an email source: it fills a queue"), set(sources)),
        Step(_("Add agents"), _("with their languages and skills"),
             people.exclude(role=Agent.Role.ADMINISTRATOR).exists(), reverse(add("agents_agent"))),
        Step(_("Make them members of a queue"), _("they see what waits there, and answer it"),
             queues.filter(members__in=people.exclude(role=Agent.Role.ADMINISTRATOR)).exists(),
             reverse("admin:queues_emailqueue_changelist")),
    )  # fmt: skip


def _connection(page: str, label: Any, says: Any, are_on: set[bool]) -> Step:
    """Done when one of them is on; those that are off are to be switched on, not added again."""
    if are_on == {False}:
        return Step(label, _("it is off: switch it on"), url=reverse(f"admin:{page}_changelist"))
    return Step(label, says, bool(are_on), reverse(f"admin:{page}_add"))


def _of_supervisor(user: User) -> tuple[Step, ...]:
    queues = queues_for(user)
    team = Agent.objects.filter(queues__in=queues).exclude(user=user)
    has_levels = (
        AgentSkill.objects.filter(agent__queues__in=queues).exists()
        or AgentLanguage.objects.filter(agent__queues__in=queues).exists()
    )
    timed = queues.filter(Q(calendar__isnull=False) | ~Q(hours="")).exists()
    return (
        Step(_("Colleagues in your queues"), _("an administrator adds members"), team.exists()),
        Step(_("Skills and languages"), _("who can answer what"), has_levels, reverse("skills")),
        Step(_("Opening hours"), _("by which due times are counted; an administrator sets them"), timed),
        Step(_("The board"), _("what waits, who is there and what is due, as it happens"),
             url=reverse("board")),
    )  # fmt: skip


def _of_agent(agent: Agent) -> tuple[Step, ...]:
    names = ", ".join(agent.queues.values_list("name", flat=True)[:MOST_NAMES])
    there = agent.presence == Agent.Presence.AVAILABLE
    return (
        Step(_("You work in %(queues)s") % {"queues": names}, _("an administrator makes you a member"), True),
        Step(_("Say that you are available"), _("press p: work is given to who is there"), there),
        Step(_("Wait for mail"), _("it appears here by itself, with its due time and why it came to you")),
        Step(_("Look at the keys"), _("press ? for all of them, Ctrl K for everything by name")),
    )


def _administrators() -> tuple[str, ...]:
    rows = Agent.objects.filter(role=Agent.Role.ADMINISTRATOR, user__is_active=True).select_related("user")
    found = [str(each) for each in rows[:MOST_NAMES]]
    if not found:
        people = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")[:MOST_NAMES]
        found = [each.get_full_name() or each.get_username() for each in people]
    return tuple(found)
