"""Who can do which kind of mail, worked out ahead: a decision reads rows and compares nothing.

A conversation points to its kind: the queue, the language, what is demanded. Each kind has a row for every
agent who can do it, or may under the queue's wait rule. Rows are written anew when levels, demands, members
or wait rules have changed, whoever changed them and by what means (`marks`).

Everything here takes one lock, so that two processes never work out the same kinds at once; so call it
outside of transactions that hold other locks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import get_language_info

from agents.skillwords import shown
from mailstore.batch import note, noted
from queues import abilities, ladder, marks, staffing
from queues.abilities import Demand, Team
from queues.marks import Mark
from queues.models import AgentKind, Conversation, ConversationSkill, EmailQueue, Kind

State = Conversation.State
Demanded = tuple[tuple[str, int], ...]
LOCK = 0x6B696E64  # "kind"
BATCH = 2000


def usual(queue_id: int, language: str) -> int | None:
    """The kind of what demands nothing beyond its queue; None while there is none: `fill` will make it."""
    topic = f"queues.kinds: usual ones of {queue_id}"
    known: dict[str, int] | None = noted(topic)
    if known is None:
        rows = Kind.objects.filter(queue=queue_id, is_usual=True)
        known = dict(rows.values_list("language", "pk"))
        note(topic, known)
    return known.get(language)


def of(conversation: Conversation) -> int | None:
    """The kind of a conversation as it is now; None: `fill` will find it."""
    own = ConversationSkill.objects.filter(conversation=conversation.pk)
    rows = Kind.objects.filter(queue=conversation.queue_id, language=conversation.language, is_usual=True)
    return rows.filter(~Exists(own)).values_list("pk", flat=True).first()


def rebuild(queue_ids: Iterable[int] | None = None, agent_ids: Iterable[int] = ()) -> None:
    """Work out anew who can do what in these queues, and in those that these agents are a member of.

    :param queue_ids: None for all queues, unless agents are named.
    """
    wanted = set(queue_ids or ())
    if agent_ids:
        wanted |= set(EmailQueue.objects.filter(members__in=list(agent_ids)).values_list("pk", flat=True))
    everything = queue_ids is None and not agent_ids
    with _alone():
        marks.take_notes(None if everything else wanted)
        _rebuild(marks.of(None if everything else wanted))
    fill(None if everything else wanted)


def refresh(queue_ids: Iterable[int] | None = None) -> list[int]:
    """Do the same for those of the queues where something has changed, and fill in; return which.

    For some queues that is known from what was noted, and costs nothing while nothing was.

    :param queue_ids: None for all queues, as the sweep asks: it compares, and mends what slipped through.
    """
    if queue_ids is None:
        is_due = marks.is_noted(None) or any(mark.is_stale for mark in marks.of(None))
        done = _work_out(None) if is_due else []
        _mend()
        fill()
        return done
    wanted = list(queue_ids)
    done = _work_out(wanted) if marks.is_noted(wanted) else []
    fill(wanted)
    return done


def _work_out(queue_ids: Sequence[int] | None) -> list[int]:
    with _alone():
        noted_for = marks.take_notes(queue_ids)
        stale = [mark for mark in marks.of(noted_for if queue_ids is not None else None) if mark.is_stale]
        _rebuild(stale)
    return [mark.queue_id for mark in stale]


def fill(queue_ids: Iterable[int] | None = None) -> int:
    """Give waiting conversations that have no kind the one they are of; return how many."""
    rows = Conversation.objects.filter(state=State.WAITING, kind=None)
    if queue_ids is not None:
        rows = rows.filter(queue__in=list(queue_ids))
    filled = 0
    while True:
        found = list(rows.order_by("queue", "pk").values_list("pk", "queue", "language")[:BATCH])
        done = _fill(found) if found else 0
        filled += done
        if len(found) < BATCH or not done:
            return filled


def unfit(queue_ids: Iterable[int] | None = None) -> int:
    """Forget kinds that are not those of their conversations, as when rows were changed by other means."""
    with connection.cursor() as cursor:
        wanted = None if queue_ids is None else list(queue_ids)
        cursor.execute(UNFIT, [wanted, wanted])
        return int(cursor.rowcount)


UNFIT = """
UPDATE queues_conversation SET kind_id = NULL WHERE id IN (
    SELECT c.id FROM queues_conversation c JOIN queues_kind k ON k.id = c.kind_id
    WHERE c.state = 'waiting' AND (%s::bigint[] IS NULL OR c.queue_id = ANY(%s::bigint[]))
      AND (k.queue_id <> c.queue_id OR k.language <> c.language OR NOT k.is_live)
    FOR NO KEY UPDATE OF c SKIP LOCKED
)
"""


@contextmanager
def _alone() -> Iterator[None]:
    """A transaction that no other of these runs beside."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield


def _rebuild(stale: Sequence[Mark]) -> None:
    found = abilities.teams(mark.queue_id for mark in stale)
    for mark in stale:
        team = found.get(mark.queue_id)
        if team is None:
            continue
        if mark.demands_changed:
            _demand_anew(team)
        staffing.write(team, _needed(team))
        EmailQueue.objects.filter(pk=team.queue_id).update(kinds_mark=mark.text)
    staffing.weigh()


def _needed(team: Team) -> list[Kind]:
    """The kinds to keep up to date; the others rest, and who can do them is looked at when one comes."""
    rows = Kind.objects.filter(queue=team.queue_id)
    found = list(rows.filter(Q(is_usual=True) | _has_waiting()))
    _lay_down(rows.filter(is_live=True).exclude(pk__in=[kind.pk for kind in found]))
    return found


def _has_waiting() -> Q:
    rows = Conversation.objects.filter(kind=OuterRef("pk"), state=State.WAITING)
    return Q(Exists(rows.filter(reserved_for=None))) | Q(Exists(rows.exclude(reserved_for=None)))


def _lay_down(rows: QuerySet[Kind]) -> None:
    pks = list(rows.values_list("pk", flat=True))
    if pks:
        Kind.objects.filter(pk__in=pks).update(is_usual=False, is_live=False)
        AgentKind.objects.filter(kind__in=pks).delete()


def _mend() -> None:
    """What waits of a kind that rests gets another one, as does what demands a skill by an old name.

    Who began before a change may write the kind from before it.
    """
    with connection.cursor() as cursor:
        cursor.execute(RENAMED)
        renamed = [pk for (pk,) in cursor.fetchall()]
    if renamed:
        with _alone():
            _lay_down(Kind.objects.filter(pk__in=renamed))
    resting = Kind.objects.filter(_has_waiting(), is_live=False)
    queue_ids = set(resting.values_list("queue", flat=True))
    if queue_ids:
        unfit(queue_ids)


RENAMED = """
SELECT k.id FROM queues_kind k WHERE k.is_live AND EXISTS (
    SELECT FROM jsonb_array_elements(k.demands) d
    WHERE NOT EXISTS (SELECT FROM agents_skill s WHERE s.name = d ->> 0))
"""


def _demand_anew(team: Team) -> None:
    """The queue demands something else: what waits is looked at again, and the old kinds rest."""
    Kind.objects.filter(queue=team.queue_id).update(is_usual=False, is_live=False)
    AgentKind.objects.filter(kind__queue=team.queue_id).delete()
    unfit([team.queue_id])


def _fill(found: Sequence[tuple[int, int, str]]) -> int:
    own = _own(pk for pk, _, _ in found)
    alike: dict[tuple[int, str, Demanded], list[int]] = defaultdict(list)
    for pk, queue_id, language in found:
        alike[queue_id, language, own.get(pk, ())].append(pk)
    with _alone():
        teams = abilities.teams({queue_id for queue_id, _, _ in alike})
        made = {key: _kind(teams[key[0]], key[1], key[2]) for key in alike if key[0] in teams}
        fresh = {kind.pk: (teams[key[0]], kind) for key, kind in made.items() if not kind.is_live}
        for team, kind in fresh.values():
            staffing.write(team, [kind])
        if fresh:
            staffing.weigh()
        # Before the lock is let go: who comes next finds nothing to fill, and must see what these are.
        return sum(_put(alike[key], key, kind) for key, kind in made.items())


def _own(ids: Iterable[int]) -> dict[int, Demanded]:
    """What each of these conversations demands beyond its queue."""
    found: dict[int, Demanded] = defaultdict(tuple)
    rows = ConversationSkill.objects.filter(conversation__in=list(ids)).order_by("skill__name")
    for pk, name, level in rows.values_list("conversation", "skill__name", "level"):
        found[pk] = (*found[pk], (name, level))
    return found


def _put(ids: list[int], key: tuple[int, str, Demanded], kind: Kind) -> int:
    """Write the kind, unless the conversation has changed meanwhile or somebody holds it."""
    rows = Conversation.objects.filter(
        pk__in=ids, queue=key[0], language=key[1], state=State.WAITING, kind=None
    )
    free = list(rows.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
    now = _own(free)  # another may be demanded since
    free = [pk for pk in free if now.get(pk, ()) == key[2]]
    _set_targets(free)
    return Conversation.objects.filter(pk__in=free).update(kind=kind)


def _set_targets(pks: Iterable[int]) -> None:
    """What waited before targets were written down gets the one that it has had."""
    rows = Conversation.objects.filter(pk__in=list(pks), target=None, due_tick__isnull=False)
    old = list(rows.select_related("queue"))
    for row in old:
        row.target = ladder.target_of(row)
    Conversation.objects.bulk_update(old, ["target"])


def _kind(team: Team, language: str, own: Sequence[tuple[str, int]]) -> Kind:
    demand = team.demand(language, own)
    kind, _ = Kind.objects.get_or_create(
        queue_id=team.queue_id,
        language=language,
        language_level=demand.language_level,
        demands=[list(each) for each in demand.skills],
        defaults={"words": _words(team, demand)},
    )
    if not own and not kind.is_usual:
        Kind.objects.filter(queue=team.queue_id, language=language, is_usual=True).update(is_usual=False)
        Kind.objects.filter(pk=kind.pk).update(is_usual=True)
        kind.is_usual = True
    return kind


def _words(team: Team, demand: Demand) -> str:
    what = " and ".join(shown(name) for name, _ in demand.skills) or team.name
    return f"{what} in {language_name(demand.language)}"[:500] if demand.language else what[:500]


def language_name(tag: str) -> str:
    """Such as "Czech"; the tag when we don't know it."""
    try:
        return str(get_language_info(tag)["name"])
    except KeyError:
        return tag
