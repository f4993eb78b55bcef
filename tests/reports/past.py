"""What an installation remembers after days of work: rows as they would stand, written from a run."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from unittest.mock import patch

from django.contrib.auth.models import User

from agents.models import Agent, AgentLanguage, AgentSkill, Language, Skill
from crm.models import Contact
from queues.history import Kind
from queues.models import Conversation, ConversationSkill, EmailQueue, Event, Message
from simulation.floor import Mail
from simulation.office import Office
from simulation.rules import TimeLeft
from simulation.run import Run

PRIORITIES = {0.25: 1, 0.5: 2, 1.0: 3, 2.0: 4}


def remember(office: Office, start: datetime) -> list[EmailQueue]:
    """Let the office work under our rule, and write what happened as if it had begun at that moment."""
    run = Run(office.world(), TimeLeft(None)).play()
    agents = _people(office)
    queues = _queues(office, agents)
    contact = Contact.objects.create(name="Charlie Stone")
    conversations, mails = {}, {mail.issue.number: [] for mail in run.mails}  # type: ignore[var-annotated]
    for mail in run.mails:
        mails[mail.issue.number].append(mail)
    for case in office.cases:
        last = start + timedelta(minutes=max(_moments(mails[case.number])))
        conversations[case.number] = Conversation(
            number=case.number, queue=queues[case.desk], contact=contact, subject=f"Parcel {case.number}",
            state=Conversation.State.PENDING, language=case.language, created_at=_at(start, case.arrived),
            last_message_at=last, priority=PRIORITIES[round(case.factor, 2)],
        )  # fmt: skip
    Conversation.objects.bulk_create(conversations.values(), batch_size=2000)
    _demands(office, conversations)
    Message.objects.bulk_create(_messages(run.mails, conversations, agents, start), batch_size=2000)
    with patch.object(Event._meta.get_field("at"), "auto_now_add", False):
        Event.objects.bulk_create(_events(run.mails, conversations, agents, start), batch_size=2000)
    return list(queues.values())


def _moments(mails: list[Mail]) -> Iterator[float]:
    for mail in mails:
        yield mail.arrived
        if mail.answered is not None:
            yield mail.answered


def _at(start: datetime, minute: float) -> datetime:
    return start + timedelta(minutes=minute)


def _people(office: Office) -> dict[str, Agent]:
    skills = {name for person in office.people for name in person.skills}
    tags = {tag for person in office.people for tag in person.languages}
    Skill.objects.bulk_create([Skill(name=name) for name in sorted(skills)], ignore_conflicts=True)
    Language.objects.bulk_create([Language(tag=tag) for tag in sorted(tags)], ignore_conflicts=True)
    by_name = {skill.name: skill for skill in Skill.objects.all()}
    User.objects.bulk_create([User(username=person.name) for person in office.people])
    users = {user.username: user for user in User.objects.all()}
    Agent.objects.bulk_create([Agent(user=users[person.name]) for person in office.people])
    found = {agent.user.username: agent for agent in Agent.objects.select_related("user")}
    AgentSkill.objects.bulk_create(
        [
            AgentSkill(agent=found[person.name], skill=by_name[name], level=level)
            for person in office.people
            for name, level in person.skills.items()
        ]
    )
    AgentLanguage.objects.bulk_create(
        [
            AgentLanguage(agent=found[person.name], language_id=tag, level=level)
            for person in office.people
            for tag, level in person.languages.items()
        ]
    )
    return found


def _queues(office: Office, agents: dict[str, Agent]) -> dict[str, EmailQueue]:
    made = {}
    for desk in office.desks.values():
        queue = EmailQueue.objects.create(
            name=desk.name, first_response=desk.first, next_response=desk.following,
            language_level=desk.language_level,
        )  # fmt: skip
        queue.members.set(agents[one.name] for one in office.people if desk.name in one.queues)
        for name, level in desk.skills:
            queue.skill_demands.create(skill=Skill.objects.get(name=name), level=level)
        made[desk.name] = queue
    return made


def _demands(office: Office, conversations: dict[int, Conversation]) -> None:
    skills = {skill.name: skill for skill in Skill.objects.all()}
    ConversationSkill.objects.bulk_create(
        [
            ConversationSkill(conversation=conversations[case.number], skill=skills[name], level=level)
            for case in office.cases
            for name, level in case.skills
        ],
        batch_size=2000,
    )


def _messages(
    mails: list[Mail], conversations: dict[int, Conversation], agents: dict[str, Agent], start: datetime
) -> list[Message]:
    found = []
    for mail in mails:
        at = _at(start, mail.arrived)
        found.append(
            Message(conversation=conversations[mail.issue.number], direction="in", created_at=at, sent_at=at)
        )
        if mail.answered is not None and mail.answered < 1e8 and mail.holder:
            at = _at(start, mail.answered)
            agent = agents[mail.holder.person.name]
            found.append(
                Message(conversation=conversations[mail.issue.number], direction="out", created_at=at,
                        sent_at=at, agent=agent)
            )  # fmt: skip
    return sorted(found, key=lambda each: each.created_at)


def _events(
    mails: list[Mail], conversations: dict[int, Conversation], agents: dict[str, Agent], start: datetime
) -> list[Event]:
    return [
        Event(conversation=conversations[mail.issue.number], kind=Kind.OFFERED, at=_at(start, mail.begun),
              data={"agent": agents[mail.holder.person.name].pk})
        for mail in mails
        if mail.begun is not None and mail.holder
    ]  # fmt: skip
