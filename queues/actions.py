"""What can be done with a conversation, whoever asks: the desk, the API, a test.

Each action takes the user first, locks the conversation, checks (`ownership`), moves it (`states`) and writes
why into the history. If it can't be done it raises `ActionRefused` with a sentence, and nothing is changed.
Answering lives in `replies`, drafts in `drafts`; they are offered here, so that callers need one module.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Agent
from agents.rights import is_supervisor
from mailcore.clean import clean_text
from mailcore.moments import written
from queues import clocks, directing, following, handing, live, nudges, routing, states
from queues.audiences import check_may_whisper
from queues.demands import demand, demanded
from queues.drafts import (
    NewFile,
    add_draft_file,
    discard_draft,
    draft_of,
    out_files,
    remove_draft_file,
    save_draft,
)
from queues.first_drafts import save_first_draft, send_first_draft
from queues.handing import adopt
from queues.history import Kind, note_event
from queues.holding import close_all, let_all_go, let_go
from queues.junk import mark_spam, not_spam
from queues.later import cancel, schedule, send_now
from queues.letters import Recipients, Reply, answered, computed_recipients
from queues.merging import merge
from queues.models import Conversation, EmailQueue, Note
from queues.notes import write_note
from queues.ownership import (
    check_able,
    check_free,
    check_may_choose,
    check_open,
    check_works_in,
    holder,
    lock_for,
    profile,
)
from queues.recipients import Mode
from queues.refusals import ActionRefused, NewMailArrived, SomethingNew
from queues.replies import mark_sent, reply, resend, start, undo
from queues.splitting import move_message, split
from queues.transactions import whole

__all__ = [
    "ActionRefused",
    "Mode",
    "NewFile",
    "NewMailArrived",
    "Recipients",
    "Reply",
    "SomethingNew",
    "add_draft_file",
    "adopt",
    "assign",
    "await_customer",
    "cancel",
    "close",
    "close_all",
    "demand",
    "demanded",
    "discard_draft",
    "draft_of",
    "follow",
    "let_all_go",
    "let_go",
    "mark_sent",
    "mark_spam",
    "merge",
    "move_message",
    "not_spam",
    "note",
    "out_files",
    "recipients",
    "release",
    "remove_draft_file",
    "reopen",
    "reply",
    "resend",
    "save_draft",
    "save_first_draft",
    "schedule",
    "send_first_draft",
    "send_now",
    "set_presence",
    "snooze",
    "split",
    "start",
    "take",
    "take_next",
    "transfer",
    "undo",
]

State = Conversation.State
LONGEST_NOTE = 100_000
LONGEST_SNOOZE = timedelta(days=36_500)


def recipients(conversation: Conversation) -> Recipients:
    """Who gets an answer unless the agent types something else."""
    return computed_recipients(answered(conversation))


@whole
def take(actor: User, conversation: Conversation, *, take_over: bool = False) -> Conversation:
    """Make it the user's own.

    :param take_over: also when it is a colleague's, which is recorded; supervisors need not say so.
    """
    row, agent = lock_for(actor, conversation), profile(actor)
    if row.state == State.ASSIGNED and row.agent_id == agent.pk:
        return row
    check_open(row)
    if not take_over:
        check_free(actor, row)
    check_may_choose(actor, row, agent)
    lacking = check_able(actor, agent, row)
    owner = holder(row)
    states.hand_to(row, agent, timezone.now())
    over = f" over from {owner}" if owner and owner.pk != agent.pk else ""
    but = f" without {', '.join(lacking)}" if lacking else ""
    data = {"agent": agent.pk, "lacks": list(lacking)}
    note_event(row, Kind.TAKEN, f"{agent} took it{over}{but}.", actor, data)
    if owner and owner.pk != agent.pk:
        handing.hand_drafts(row, owner, agent)
        handing.tell_owner(row, owner, agent)
        nudges.freed(owner)
    return row


def take_next(actor: User, queue: EmailQueue | None = None) -> Conversation | None:
    """Take what routing puts first among all that the user can handle; None when there is nothing.

    Raises:
        ActionRefused: the user has as many open as the capacity says, or too many for what waits.
    """
    agent = profile(actor)
    queues = [queue.pk] if queue else list(agent.queues.values_list("pk", flat=True))
    if queue:
        check_works_in(actor, queue)
    try:
        row = routing.next_for(agent, queues, Kind.TAKEN, actor)
    except routing.AtCapacity as full:
        raise ActionRefused(
            f"You have {full.taken} open, and your capacity is {full.agent.capacity}: answer, snooze "
            "or give back one of them first."
        ) from full
    heavy = routing.too_heavy(agent, queues) if row is None else None
    if heavy is not None:
        raise ActionRefused(
            f"The next one, in {heavy.queue}, needs {heavy.queue.weight} of your capacity, and you have "
            f"{heavy.free} free: answer, snooze or give back something first."
        )
    return row


@whole
def release(actor: User, conversation: Conversation, note: str = "") -> Conversation:
    """Give it back to the queue, with the due time it has.

    :param note: for the colleagues there.
    """
    row = lock_for(actor, conversation)
    owner = holder(row)
    if owner is None or row.state == State.PENDING:
        raise ActionRefused(f"#{row.number} is not in anybody's hands: there is nothing to give back.")
    check_free(actor, row)
    states.give_back(row, timezone.now())
    if note.strip():
        _write_note(actor, row, note)
    note_event(row, Kind.RELEASED, f"{profile(actor)} gave it back to {row.queue}.", actor)
    handing.tell_owner(row, owner, profile(actor))
    nudges.waits(row)
    nudges.freed(owner)
    return row


@whole
def assign(actor: User, conversation: Conversation, agent: Agent, note: str = "") -> Conversation:
    """Give it to an agent: supervisors to whom they want, agents hand their own to an able colleague.

    :param note: for the colleague; a draft of who had it goes along.
    """
    row = lock_for(actor, conversation)
    check_open(row)
    owner = holder(row)
    if not is_supervisor(actor) and (owner is None or owner.user_id != actor.pk):
        raise ActionRefused("Only a supervisor may give away what isn't their own: take it first.")
    check_works_in(agent.user, row.queue)
    lacking = check_able(actor, agent, row)
    if row.state == State.ASSIGNED and row.agent_id == agent.pk:
        return row
    states.hand_to(row, agent, timezone.now())
    if note.strip():
        _write_note(actor, row, note)
    but = f", who lacks {', '.join(lacking)}" if lacking else ""
    data = {"agent": agent.pk, "lacks": list(lacking)}
    note_event(row, Kind.ASSIGNED, f"{profile(actor)} gave it to {agent}{but}.", actor, data)
    handing.tell_holder(row, profile(actor))
    if owner and owner.pk != agent.pk:
        handing.hand_drafts(row, owner, agent)
        handing.tell_owner(row, owner, profile(actor))
        nudges.freed(owner)
    return row


@whole
def transfer(actor: User, conversation: Conversation, queue: EmailQueue, note: str = "") -> Conversation:
    """Move it to another queue, where it waits; arrival and due time are kept."""
    row = lock_for(actor, conversation)
    check_open(row)
    check_free(actor, row)
    if row.queue_id == queue.pk:
        raise ActionRefused(f"#{row.number} is in “{queue.name}” already.")
    owner, left = holder(row), row.queue
    states.move(row, queue, timezone.now())
    if note.strip():
        _write_note(actor, row, note)
    note_event(
        row,
        Kind.TRANSFERRED,
        f"{profile(actor)} moved it from {left} to {queue}.",
        actor,
        {"from": left.pk, "to": queue.pk},
    )
    handing.tell_owner(row, owner, profile(actor))
    nudges.waits(row)
    if owner:
        nudges.freed(owner)
    return row


@whole
def note(
    actor: User,
    conversation: Conversation,
    text: str,
    audience: str = Note.Audience.ALL,
    token: UUID | None = None,
) -> Note:
    """Leave a note for colleagues; a note has no recipients and is never sent.

    :param audience: a supervisor may whisper to who holds the conversation.
    :param token: of the form that it was written in; `note_drafts.add_note` looks whether it is new.
    """
    row = lock_for(actor, conversation)
    check_may_whisper(actor, audience)
    written = _write_note(actor, row, text, audience, token)
    live.changed(row.pk, row.queue_id, row.agent_id)
    return written


def _write_note(
    actor: User,
    conversation: Conversation,
    text: str,
    audience: str = Note.Audience.ALL,
    token: UUID | None = None,
) -> Note:
    if not text.strip():
        raise ActionRefused("The note is empty: write something first.")
    check_note_length(text)
    return write_note(conversation, actor, clean_text(text).strip(), audience, token)


def check_note_length(text: str) -> None:
    """Refuse what is no note any more."""
    if len(text) > LONGEST_NOTE:
        raise ActionRefused(f"The note is too long: at most {LONGEST_NOTE:,} characters.")


@whole
def follow(actor: User, conversation: Conversation, *, follows: bool = True) -> Conversation:
    """Be told of what happens to it, or no longer."""
    row = lock_for(actor, conversation)
    following.set_following(profile(actor), row, follows=follows)
    return row


@whole
def close(actor: User, conversation: Conversation) -> Conversation:
    """Nothing more is to be done, until the customer writes again."""
    row = lock_for(actor, conversation)
    if row.state == State.CLOSED:
        return row
    check_free(actor, row)
    owner, now = holder(row), timezone.now()
    clocks.end_turn(row, owner, now, is_answered=False)
    clocks.settle(row, owner, now)
    states.finish(row, now)
    note_event(row, Kind.CLOSED, f"{profile(actor)} closed it.", actor)
    if owner:
        nudges.freed(owner)
    return row


@whole
def await_customer(actor: User, conversation: Conversation) -> Conversation:
    """It is the customer's turn, though not by an answer from here: they were called, say."""
    row = lock_for(actor, conversation)
    check_open(row)
    check_free(actor, row)
    if row.state == State.PENDING:
        return row
    owner, now = holder(row), timezone.now()
    clocks.end_turn(row, owner, now, is_answered=False)
    states.await_customer(row, now)
    note_event(row, Kind.PENDING, f"{profile(actor)} said that it is the customer's turn.", actor)
    if owner:
        nudges.freed(owner)
    return row


@whole
def reopen(actor: User, conversation: Conversation) -> Conversation:
    """It is our turn again: it waits in its queue."""
    row = lock_for(actor, conversation)
    if row.state != State.CLOSED:
        raise ActionRefused(f"#{row.number} is not closed.")
    states.give_back(row, timezone.now())
    note_event(row, Kind.REOPENED, f"{profile(actor)} reopened it.", actor)
    nudges.waits(row)
    return row


@whole
def snooze(actor: User, conversation: Conversation, until: datetime) -> Conversation:
    """Put it out of sight until a time, or until the customer writes.

    :param until: with its time zone.
    """
    row, now = lock_for(actor, conversation), timezone.now()
    check_open(row)
    check_free(actor, row)
    if until.tzinfo is None or until <= now:
        raise ActionRefused("The time to wake it is over already: choose one in the future.")
    if until > now + LONGEST_SNOOZE:
        raise ActionRefused("That is too far away: choose a time within a hundred years.")
    owner = holder(row)
    states.sleep(row, until, now)
    note_event(row, Kind.SNOOZED, f"{profile(actor)} snoozed it until {written(until)}.", actor)
    if owner:
        nudges.freed(owner)
    return row


def set_presence(actor: User, wanted: str, reason: str = "") -> None:
    """Say whether the user is there; who becomes available is given something, who leaves gives it back.

    Raises:
        ActionRefused: `wanted` is no presence.
    """
    directing.say(profile(actor), wanted, reason)
