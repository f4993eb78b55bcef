"""A house to dispatch in, dispatchers in processes of their own, and who judges the end.

`bench.dispatch` plays it at length, the test suite a few seconds of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from django.contrib.auth.models import User
from django.db import connection
from django.db import connections as databases
from django.db.models import Count, Sum
from django.utils import timezone

from agents.models import Agent, AgentLanguage, AgentSkill, Language, Skill
from bench.dispatcher import Dispatcher
from crm.models import Contact
from queues import hours, kinds
from queues.models import Conversation, EmailQueue, Event, Kind, QueueSkill
from tests.make import make_sender

LANGUAGES = ("cs", "de", "en", "es", "pl")
TARGETS = (60, 120, 240, 480)
STATE = Conversation.State

WAIT = """
INSERT INTO queues_conversation (
    queue_id, contact_id, subject, state, priority, language, language_confidence, created_at, waiting_since,
    due_at, due_tick, target, kind_id, last_message_at, last_direction, preview, messages_count,
    has_attachments
)
SELECT k.queue_id, %(contact)s, 'Order ' || n, 'waiting', 3, k.language, 1, at, at,
       at + target * interval '1 minute', %(tick)s - ago + target, target, k.id, at, 'in', 'Good day', 1,
       false
FROM generate_series(1, %(count)s) AS n
CROSS JOIN LATERAL (SELECT (%(kinds)s::bigint[])[1 + floor(random() * %(many)s + n * 0)::int] AS kind,
    (%(targets)s::int[])[1 + floor(random() * 4 + n * 0)::int] AS target,
    floor(random() * 600 + n * 0)::int AS ago) AS drawn
CROSS JOIN LATERAL (SELECT now() - ago * interval '1 minute' AS at) AS times
JOIN queues_kind k ON k.id = drawn.kind
"""


@dataclass(frozen=True, slots=True)
class House:
    """How large it is: every queue has a kind in each of five languages."""

    agents: int = 40
    queues: int = 6
    queues_each: int = 3
    waiting: int = 500
    capacity: int = 2


def build(house: House) -> None:
    """Agents who speak every language at some level and work in some queues; what waits, early and late."""
    draw, now = Random("house"), timezone.now()
    Language.objects.bulk_create((Language(tag=tag) for tag in LANGUAGES), ignore_conflicts=True)
    skills = Skill.objects.bulk_create(Skill(name=f"skill-{number}") for number in range(12))
    users = User.objects.bulk_create(User(username=f"agent{number}") for number in range(house.agents))
    agents = Agent.objects.bulk_create(
        Agent(user=user, capacity=house.capacity, presence="available", presence_at=now, idle_since=now)
        for user in users
    )
    AgentLanguage.objects.bulk_create(
        AgentLanguage(agent=agent, language_id=tag, level=draw.randint(3, 5))
        for agent in agents
        for tag in LANGUAGES
    )
    AgentSkill.objects.bulk_create(
        AgentSkill(agent=agent, skill=skill, level=draw.randint(1, 5)) for agent in agents for skill in skills
    )
    sender = make_sender()
    queues = EmailQueue.objects.bulk_create(
        EmailQueue(name=f"Queue {number}", sender=sender, mode=EmailQueue.Mode.PUSH, accept_seconds=0)
        for number in range(house.queues)
    )
    QueueSkill.objects.bulk_create(
        QueueSkill(queue=queue, skill=draw.choice(skills), level=1) for queue in queues
    )
    members = EmailQueue.members.through
    members.objects.bulk_create(
        members(emailqueue_id=queue.pk, agent_id=agent.pk)
        for agent in agents
        for queue in draw.sample(queues, house.queues_each)
    )
    _kinds(queues)
    wait(house.waiting)


def _kinds(queues: Sequence[EmailQueue]) -> None:
    """One mail of each kind makes it; then it is thrown away."""
    contact, now = Contact.objects.create(name="Charlie"), timezone.now()
    rows = [
        Conversation(queue=queue, contact=contact, language=tag, created_at=now, last_message_at=now)
        for queue in queues
        for tag in LANGUAGES
    ]
    made = Conversation.objects.bulk_create(rows)
    kinds.refresh()
    Conversation.objects.filter(pk__in=[row.pk for row in made]).delete()


def wait(count: int) -> None:
    """Let so many more wait, of kinds, targets and ages drawn at random."""
    known = list(Kind.objects.order_by("pk").values_list("pk", flat=True))
    contact = Contact.objects.first()
    queue = EmailQueue.objects.all()[0]
    values = {
        "contact": contact.pk if contact else None,
        "count": count,
        "kinds": known,
        "many": len(known),
        "targets": list(TARGETS),
        "tick": hours.of(queue).tick(timezone.now()),
    }
    with connection.cursor() as cursor:
        cursor.execute(WAIT, values)
        cursor.execute("ANALYZE queues_conversation, queues_kind, queues_agentkind, agents_agent")


@dataclass
class Outcome:
    """What the dispatchers did, and what was wrong at the end: nothing, if all is well."""

    given: int = 0
    times: list[float] = field(default_factory=list)
    killed: int = 0
    wrong: list[str] = field(default_factory=list)


def dispatch_at_once(processes: int, seconds: float, kill_after: float | None = None) -> Outcome:
    """Let dispatchers run beside each other; with `kill_after`, two of them are killed at that second."""
    databases.close_all()
    running = [Dispatcher(seconds, number) for number in range(processes)]
    outcome = Outcome()
    killed = [each for each in running[:2] if kill_after is not None and each.kill_after(kill_after)]
    outcome.killed = len(killed)
    for each in running:
        work = each.result()
        if work is not None:
            outcome.given += work.given
            outcome.times += work.times
        elif each not in killed:
            outcome.wrong.append(f"a dispatcher ended with {each.process.exitcode}")
    outcome.wrong += judge()
    return outcome


def judge() -> list[str]:
    """Given twice, over capacity, lost between states, or told otherwise than it is."""
    offered = (
        Event.objects.filter(kind="offered").order_by().values("conversation").annotate(times=Count("pk"))
    )
    twice = offered.filter(times__gt=1).count()
    units = Conversation.objects.filter(state=STATE.ASSIGNED).order_by().values("agent", "agent__capacity")
    full = [
        row for row in units.annotate(units=Sum("queue__weight")) if row["units"] > row["agent__capacity"]
    ]
    gone = Conversation.objects.exclude(state=STATE.WAITING)
    untold = gone.exclude(pk__in=Event.objects.filter(kind="offered").values("conversation")).count()
    loose = Conversation.objects.filter(state=STATE.WAITING, agent__isnull=False).count()
    told = offered.count() - gone.count()
    found = {
        f"{twice} given twice": twice,
        f"{len(full)} agents over capacity": len(full),
        f"{untold} given without a reason": untold,
        f"{loose} wait in somebody's hands": loose,
        f"{told} told, but not given": told,
    }
    return [sentence for sentence, number in found.items() if number]
