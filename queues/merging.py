"""Two conversations become one, as they are about the same matter.

Everything of the one moves into the other: mails, notes, drafts, history, and the place in line of mails
that are still on their way out. What is left of it is closed for good, and its number, its page and every id
of its mails lead to the other. Its history says what was moved; `splitting` can take mails out again.

    A: waiting, assigned, snoozed, held ─┐ our turn in A: B comes back to work, due as early as either
    A: pending, closed ──────────────────┴─▶ B as it was                    A: closed, merged_into = B

Who is merged is never merged again, and nothing is merged into it: so there are chains, but no circles. Both
rows are locked in the order of their ids before anything is looked at.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Agent
from agents.rights import is_administrator
from crm import tracking
from mailsenders import outbox
from queues import following, nudges, states
from queues.abilities import missing
from queues.clocks import CLOCK, take_over_due
from queues.finding_filed import refile
from queues.handing import markup
from queues.history import Kind, come_along, note_event
from queues.models import Conversation, Draft, Message, Note, NoteDraft
from queues.ownership import check_free, holder, lock_both, profile
from queues.posting import crm_reference
from queues.refusals import ActionRefused
from queues.summary import SUMMED_UP, kept, sum_up
from queues.transactions import whole

State = Conversation.State
AT_WORK = (State.WAITING, State.ASSIGNED)


@whole
def merge(actor: User, conversation: Conversation, into: Conversation) -> Conversation:
    """Merge a conversation into another one and return that; the same call again changes nothing.

    Raises:
        ActionRefused: it is a colleague's, or one of them was merged already.
    """
    if conversation.pk == into.pk:
        raise ActionRefused(f"#{into.number} can't be merged into itself: choose another conversation.")
    gone, stays = lock_both(actor, conversation, into)
    if gone.merged_into_id == stays.pk:
        return stays
    check_mergeable(gone)
    check_mergeable(stays)
    check_free(actor, gone)
    states.lock_agents(gone, stays)
    told = _contents(gone)
    owner, was = holder(gone), State(gone.state)
    messages = list(gone.messages.values_list("pk", flat=True))
    _move_all(gone, stays)
    _take_over_clock(gone, stays)
    _take_over_agent(stays, owner if was == State.ASSIGNED else None)
    _close_for_good(gone, stays)
    sum_up(stays)
    states.save(stays, SUMMED_UP)
    who = profile(actor)
    sentence = f"{who} merged it into #{stays.number} “{stays.subject}” in {stays.queue}: {told}."
    note_event(gone, Kind.MERGED, sentence, actor, {"conversation": stays.pk, "messages": messages})
    sentence = f"{who} merged #{gone.number} “{gone.subject}” into it: {told}."
    note_event(stays, Kind.MERGED, sentence, actor, {"conversation": gone.pk, "messages": messages})
    if owner is not None:
        nudges.freed(owner)
    if stays.state == State.WAITING:
        nudges.suits_others(stays)
    return stays


def check_mergeable(conversation: Conversation) -> None:
    """Refuse what was merged already."""
    into = conversation.merged_into
    if into is not None:
        raise ActionRefused(
            f"#{conversation.number} was merged into #{into.number} already: choose that one."
        )


def _contents(conversation: Conversation) -> str:
    """Such as "3 mails, 1 note"."""
    counts = {
        "mail": kept(conversation).count(),
        "note": conversation.notes.filter(audience=Note.Audience.ALL).count(),
    }
    said = [f"{number} {word}{'s' if number != 1 else ''}" for word, number in counts.items() if number]
    return ", ".join(said) or "nothing"


def _move_all(gone: Conversation, stays: Conversation) -> None:
    gone.notes.update(conversation=stays)
    gone.mentions.update(conversation=stays)
    following.move(gone, stays)
    stays.tags.add(*gone.tags.all())
    move_messages(list(gone.messages.all()), gone, stays)
    come_along(gone.events.all(), gone, stays)
    for draft in gone.drafts.all():
        _move_draft(draft, stays)
    for note in gone.note_drafts.all():
        _move_note_draft(note, stays)


def move_messages(messages: list[Message], before: Conversation, after: Conversation) -> None:
    """Put messages into another conversation: rows, records of the CRM, and their place in line to leave."""
    pks = [message.pk for message in messages]
    rows = Message.objects.filter(pk__in=pks, conversation=before)
    taken = after.messages.exclude(compose_token=None).values("compose_token")
    rows.filter(compose_token__in=taken).update(compose_token=None)  # the same key was used in both
    rows.update(conversation=after)
    if any(message.is_outside for message in messages):
        after.has_outside = True
        after.save(update_fields=["has_outside"])
    outbox.reorder([message.outgoing_id for message in messages if message.outgoing_id], after.pk)
    if before.queue_id != after.queue_id:
        refile(after.pk, after.queue_id)
    tracking.move(map(crm_reference, messages), after.pk, after.number)


def _move_draft(draft: Draft, stays: Conversation) -> None:
    """Each agent has one draft in a conversation: a second one goes above the first."""
    if draft.send_at is not None:
        draft.send_at, draft.held_why = None, "Its conversation was merged into this one."
        draft.save(update_fields=["send_at", "held_why"])
    own = stays.drafts.filter(agent=draft.agent_id, is_outside=draft.is_outside).first()
    if own is None:
        draft.conversation = stays
        draft.save(update_fields=["conversation"])
        return
    own.html = markup(draft) + markup(own) if own.html or draft.html else ""
    own.text = "\n\n".join(text for text in (draft.text, own.text) if text.strip())
    own.send_at = None  # there is more in it now than was to be sent then
    own.version, own.window = own.version + 1, ""
    own.save(update_fields=["text", "html", "send_at", "version", "window", "saved_at"])
    draft.files.update(draft=own)
    draft.delete()


def _move_note_draft(draft: NoteDraft, stays: Conversation) -> None:
    own = stays.note_drafts.filter(agent=draft.agent_id, audience=draft.audience).first()
    if own is None:
        draft.conversation = stays
        draft.save(update_fields=["conversation"])
        return
    own.text = "\n\n".join(text for text in (draft.text, own.text) if text.strip())
    own.version, own.window = own.version + 1, ""
    own.save(update_fields=["text", "version", "window", "saved_at"])
    draft.delete()


def _take_over_clock(gone: Conversation, stays: Conversation) -> None:
    """If somebody waits for our answer in either, the one that stays is due as early as the earlier."""
    now = timezone.now()
    if gone.state == State.HELD:
        states.start_clock(gone, now, gone.queue.first_response)
    if gone.due_at is None:
        return
    wake = stays.state not in AT_WORK
    if stays.due_at is None or gone.due_at < stays.due_at:
        _set_due(stays, gone.due_at, gone.waiting_since or now)
    if wake:
        states.come_back(stays, now)
    else:
        states.save(stays, CLOCK)


def _set_due(conversation: Conversation, due_at: datetime, since: datetime) -> None:
    take_over_due(conversation, due_at, since)


def _take_over_agent(stays: Conversation, agent: Agent | None) -> None:
    """What waits for anybody goes to who had the other one in hand, if they work there and can do it."""
    if agent is None or stays.state != State.WAITING:
        return
    works_there = is_administrator(agent.user) or stays.queue.members.filter(pk=agent.pk).exists()
    if works_there and not missing(agent, stays):
        states.hand_to(stays, agent, timezone.now())


def _close_for_good(gone: Conversation, stays: Conversation) -> None:
    states.finish(gone, timezone.now())
    gone.merged_into, gone.messages_count, gone.has_attachments = stays, 0, False
    gone.save(update_fields=["merged_into", "messages_count", "has_attachments"])
