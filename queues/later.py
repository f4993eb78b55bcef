"""Answers that leave at a time of their own.

The draft waits, not the mail: what it quotes, its date and its recipients are those of the moment in which it
leaves. Meanwhile the conversation sleeps. Whoever writes in it before, customer or colleague, makes the
answer wait for its author's word. The row is all there is, so restarts and lost hints change nothing: a tick
finds what is due. It also tells a worker of what will be due before the next tick, so that it is on time.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from celery import signature
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.db.models import Count
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from agents.models import Agent
from agents.opening import Opening
from agents.rights import is_supervisor
from mailcore.moments import written
from mailcore.recipients import Recipients
from mailstore.announce import announce
from queues import cards, live, states
from queues.drafts import check_latest, out_files
from queues.history import Kind, note_event
from queues.letters import Reply, check_content, chosen_recipients, typed_text
from queues.models import Conversation, Draft, DraftFile, Message
from queues.outside import message_about
from queues.ownership import check_free, check_let_go, holder, lock_for, profile
from queues.recipients import answered
from queues.refusals import ActionRefused
from queues.replies import check_token, reply, take_first
from queues.summary import kept
from queues.transactions import whole
from queues.windows import first_version

logger = logging.getLogger(__name__)

LONGEST = timedelta(days=366)
MARGIN = timedelta(minutes=2)  # the conversation sleeps so much longer: the answer is first
MORNING = 8 * 60
BATCH = 200
DAYS_LOOKED_AT = 14
MOST_TRIES = 3
MOST_HINTS = 500  # at one tick
TICKS_AHEAD = 2  # a tick may be late
LEAVING_TASK = "queues.tasks.leave"  # by name: the task module imports this one
State = Conversation.State


@dataclass(frozen=True, slots=True)
class Preset:
    """A time to choose, in words."""

    label: str
    at: datetime


def presets(opening: Opening, now: datetime) -> list[Preset]:
    """The next morning and the next Monday morning on which the queue is open, at 8:00 or when it opens.

    From tomorrow on, as the reader's clock has it; the mornings are those of the queue.
    """
    today = timezone.localtime(now).date()
    found: dict[datetime, str] = {}
    for days in (1, 7 - today.weekday()):
        at = _morning(opening, today + timedelta(days=days), now)
        if at is not None:
            local = timezone.localtime(at)
            is_next = local.date() == today + timedelta(days=1)
            found.setdefault(at, _("Tomorrow") if is_next else date_format(local, "l"))
    return [Preset(label, at) for at, label in sorted(found.items())]


def _morning(opening: Opening, first: date, now: datetime) -> datetime | None:
    for days in range(DAYS_LOOKED_AT):
        at = opening.opening(first + timedelta(days=days), MORNING)
        if at is not None and at > now:  # far in the west, the queue's tomorrow is over first
            return at
    return None


@whole
def schedule(actor: User, conversation: Conversation, answer: Reply) -> Draft:
    """Let an answer leave at `answer.send_at`; the same call again, with the same token, changes nothing.

    Raises:
        DraftConflict: another window has saved other words of it than `answer.window` knows.
        ActionRefused: the time is over, or whatever would refuse the answer now.
    """
    row = lock_for(actor, conversation)
    answer = cards.guarded(row.queue, answer)
    check_token(answer.token)
    check_content(answer)
    check_let_go(row)
    check_free(actor, row)
    at, now = _checked(answer.send_at), timezone.now()
    agent, mark = profile(actor), _uuid(answer.token)
    before = row.drafts.filter(agent=agent, is_outside=answer.is_outside).first()
    if before is not None and before.token == mark and before.send_at is not None:
        if not _is_same(row, before, answer):
            raise ActionRefused("This answer waits for its time: choose “Edit” to change it.")
        return before
    _check_new(row, before, mark)
    check_latest(row, agent, answer)
    take_first(actor, row, agent)
    people = _people(row, answer)
    draft = _draft(row, agent, mark, answer, people)
    draft.send_at, draft.held_why, draft.tries = at, "", 0
    draft.version, draft.window = draft.version + 1 if before else first_version(), ""
    draft.save()
    _keep_files(draft, answer)
    if at <= _hinted_until(now):
        _hint(draft.pk, at, now)
    if not answer.is_outside:
        states.sleep(row, at + MARGIN, now)
    note_event(row, Kind.SCHEDULED, f"{agent} wrote an answer that leaves on {written(at)}.", actor)
    live.changed(row.pk, row.queue_id, row.agent_id)
    return draft


def _is_same(row: Conversation, draft: Draft, answer: Reply) -> bool:
    """Whether what waits for its time is what is asked for once more."""
    people = _people(row, answer)
    files = [(file.name[:300], len(file.data)) for file in answer.files]
    asked = [typed_text(answer), answer.html, answer.close, answer.send_at, sorted(files)]
    asked += [list(map(shown, people.to)), list(map(shown, people.cc))]
    waiting = [
        draft.text,
        draft.html,
        draft.closes,
        draft.send_at,
        sorted(draft.files.values_list("name", "size")),
    ]
    return asked == [*waiting, draft.to, draft.cc]


def _checked(at: datetime | None) -> datetime:
    now = timezone.now()
    if at is None or at.tzinfo is None or at <= now:
        raise ActionRefused("The time to send it is over already: choose one in the future.")
    if at > now + LONGEST:
        raise ActionRefused("That is too far away: choose a time within a year.")
    return at


def _uuid(token: str) -> uuid.UUID:
    """The token of a draft; programs may use any text for theirs."""
    try:
        return uuid.UUID(token) if token else uuid.uuid4()
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_OID, token)


def _check_new(row: Conversation, before: Draft | None, mark: uuid.UUID) -> None:
    if row.messages.filter(compose_token=str(mark)).exists():
        raise ActionRefused("This answer was sent already.")
    if before is not None and before.token != mark and (before.text.strip() or before.send_at):
        raise ActionRefused(
            f"{before.agent} is writing another answer here: send it, or discard it, before this one."
        )


def _people(row: Conversation, answer: Reply) -> Recipients:
    """Whom it would go to now, so that what can't be sent is told today and not when nobody looks."""
    message = message_about(row, answer.about_id) if answer.is_outside else answered(row)
    if answer.is_outside and message is not None and not message.is_outside and not any(answer.to):
        raise ActionRefused("Nobody would get it: type an address into “To”.")
    return chosen_recipients(answer, message)


def _draft(row: Conversation, agent: Agent, mark: uuid.UUID, answer: Reply, people: Recipients) -> Draft:
    newest = kept(row).order_by("-pk").values_list("pk", flat=True).first()
    draft, _created = Draft.objects.update_or_create(
        conversation=row,
        agent=agent,
        is_outside=answer.is_outside,
        defaults={
            "token": mark,
            "text": typed_text(answer),
            "html": answer.html,
            "to": list(map(shown, people.to)),
            "cc": list(map(shown, people.cc)),
            "about_id": answer.about_id if answer.is_outside else None,
            "closes": answer.close,
            "macro": None,  # it would run when it is sent, and it isn't sent now
            "seen_message_id": answer.seen_message_id or newest,
        },
    )
    return draft


def shown(address: object) -> str:
    """An address as forms write it."""
    name = getattr(address, "name", "").replace('"', "'")
    email = getattr(address, "email", "")
    return f'"{name}" <{email}>' if name else email


def _keep_files(draft: Draft, answer: Reply) -> None:
    draft.files.all().delete()
    for file in answer.files:
        DraftFile.objects.create(
            draft=draft,
            name=file.name[:300],
            type=file.type[:200],
            size=len(file.data),
            data=file.data,
            content_id=file.content_id[:100],
        )


def send_due(now: datetime) -> int:
    """Send what is due, or hold it; return how many answers left."""
    due = Draft.objects.filter(send_at__lte=now).order_by("send_at")
    return sum(send_one(pk, now) for pk in due.values_list("pk", flat=True)[:BATCH])


def send_one(pk: int, now: datetime) -> bool:
    """Send one answer if it is due, or hold it; whether it left.

    A fault of ours is counted: after three the answer is held, so that a person hears of it.
    """
    try:
        return _leave(pk, now)
    except Exception as error:
        logger.exception("The scheduled draft %s can't be sent.", pk)
        try:
            _note_fault(pk, now, type(error).__name__)
        except DatabaseError:
            logger.exception("That the scheduled draft %s can't be sent can't be written either.", pk)
        return False


@whole
def _note_fault(pk: int, now: datetime, fault: str) -> None:
    found = _due(pk, now)
    if found is None:
        return
    row, draft = found
    draft.tries += 1
    draft.save(update_fields=["tries"])
    if draft.tries >= MOST_TRIES:
        _hold(row, draft, f"It failed {draft.tries} times by a fault of ours ({fault}, see the log).")


def stuck() -> dict[int, int]:
    """How many timed answers are held by a fault of ours and wait for a person, by queue."""
    rows = Draft.objects.filter(tries__gte=MOST_TRIES, send_at=None).exclude(held_why="")
    return dict(rows.order_by().values_list("conversation__queue").annotate(Count("pk")))


def hint(now: datetime) -> int:
    """Tell a worker of the answers that will be due before the next ticks; return how many.

    Only those: what a worker is told to do later lies in its memory, and after an hour in another's as well.
    """
    soon = Draft.objects.filter(send_at__gt=now, send_at__lte=_hinted_until(now)).order_by("send_at")
    found = list(soon.values_list("pk", "send_at")[:MOST_HINTS])
    for pk, at in found:
        if at is not None:
            _hint(pk, at, now)
    return len(found)


def _hinted_until(now: datetime) -> datetime:
    return now + TICKS_AHEAD * timedelta(seconds=settings.SWEEP_INTERVAL)


def _hint(pk: int, at: datetime, now: datetime) -> None:
    announce(signature(LEAVING_TASK, countdown=(at - now).total_seconds()), draft_id=pk)


@whole
def _leave(pk: int, now: datetime) -> bool:
    found = _due(pk, now)
    if found is None:
        return False
    row, draft = found
    why = why_held(draft, row)
    if not why:
        try:
            reply(draft.agent.user, row, answer_of(draft, undo_seconds=0))
        except ActionRefused as refused:
            why = refused.sentence
    if why:
        _hold(row, draft, why)
    return not why


def _due(pk: int, now: datetime) -> tuple[Conversation, Draft] | None:
    """The draft if its time has come, with its conversation, locked; None too when somebody is at it now."""
    conversation = (
        Draft.objects.filter(pk=pk, send_at__lte=now).values_list("conversation", flat=True).first()
    )
    row = states.lock_free(conversation) if conversation else None
    if row is None:
        return None
    drafts = row.drafts.select_related("agent__user", "about").prefetch_related("files")
    draft = drafts.filter(pk=pk, send_at__lte=now).first()
    return (row, draft) if draft is not None else None


def answer_of(draft: Draft, undo_seconds: int | None = None, seen: int | None = None) -> Reply:
    """The answer that a draft is.

    :param seen: the newest mail that the agent has seen; None for what the draft says.
    """
    return Reply(
        text=draft.text,
        html=draft.html,
        to=tuple(draft.to),
        cc=tuple(draft.cc),
        files=out_files(draft),
        close=draft.closes,
        undo_seconds=undo_seconds,
        token=str(draft.token),
        seen_message_id=seen or draft.seen_message_id,
        is_outside=draft.is_outside,
        about_id=draft.about_id,
    )


def why_held(draft: Draft, conversation: Conversation) -> str:
    """Why an answer doesn't leave at its time: somebody has written since; "" when nobody has."""
    if draft.seen_message_id is None:
        return ""
    newer = kept(conversation).filter(pk__gt=draft.seen_message_id, automatic="no").order_by("pk").first()
    if newer is None:
        return ""
    if newer.direction == Message.Direction.OUT:
        return f"{newer.agent or 'A colleague'} has answered since."
    return f"{newer.from_name or newer.from_email or 'The customer'} has written since."


def _hold(row: Conversation, draft: Draft, why: str) -> None:
    draft.send_at, draft.held_why = None, why
    draft.save(update_fields=["send_at", "held_why"])
    sentence = f"The answer that {draft.agent} had timed was not sent. {why}"
    note_event(row, Kind.UNSCHEDULED, sentence, data={"draft": draft.pk})
    _wake(row)


def _wake(row: Conversation) -> None:
    if row.state == State.SNOOZED:
        states.come_back(row, timezone.now())
    live.changed(row.pk, row.queue_id, row.agent_id)


@whole
def cancel(actor: User, conversation: Conversation, draft_id: int) -> Draft:
    """The answer is a draft again, to be changed, sent or thrown away.

    Raises:
        ActionRefused: it has left, or it is a colleague's.
    """
    row = lock_for(actor, conversation)
    draft = _timed(actor, row, draft_id, is_holders_too=True)
    draft.send_at, draft.held_why, draft.tries = None, "", 0
    draft.save(update_fields=["send_at", "held_why", "tries"])
    note_event(row, Kind.UNSCHEDULED, f"{profile(actor)} stopped the answer that was to leave later.", actor)
    _wake(row)
    return draft


@whole
def send_now(actor: User, conversation: Conversation, draft_id: int, seen: int | None = None) -> Message:
    """Send it now, whoever has written meanwhile up to the mail `seen`.

    Raises:
        NewMailArrived: somebody wrote after that.
        ActionRefused: it has left, or it is a colleague's.
    """
    row = lock_for(actor, conversation)
    draft = _timed(actor, row, draft_id)
    return reply(draft.agent.user, row, answer_of(draft, seen=seen))


def _timed(actor: User, row: Conversation, draft_id: int, *, is_holders_too: bool = False) -> Draft:
    drafts = row.drafts.select_related("agent__user", "about").prefetch_related("files")
    draft = drafts.filter(pk=draft_id).first()
    if draft is None or not (draft.send_at or draft.held_why):
        raise ActionRefused("This answer waits no longer: it has left, or it is being changed.")
    owner = holder(row) if is_holders_too else None
    if actor.pk not in (draft.agent.user_id, owner and owner.user_id) and not is_supervisor(actor):
        raise ActionRefused(f"{draft.agent} wrote this answer: ask {draft.agent} or a supervisor.")
    return draft


def timed(conversation: Conversation) -> list[Draft]:
    """The answers that wait for their time, and those that a person has to decide on."""
    rows = conversation.drafts.select_related("agent__user").prefetch_related("files").order_by("pk")
    return [draft for draft in rows if draft.send_at or draft.held_why]
