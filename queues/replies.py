"""Answering, taking an answer back, and settling what the outbox couldn't."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from agents.models import Agent
from crm import tracking
from mailsenders import outbox
from mailsenders.models import OutgoingMail
from queues import audiences, cards, clocks, drafts, live, states
from queues.history import MOVED_FROM, Kind, note_event
from queues.letters import (
    Letter,
    Reply,
    check_content,
    first_recipients,
    typed_text,
    write_answer,
    write_first,
)
from queues.models import Conversation, EmailQueue, Event, Message
from queues.outside import write_outside
from queues.ownership import (
    check_able,
    check_free,
    check_let_go,
    check_may_choose,
    check_works_in,
    holder,
    lock_for,
    lock_message,
    profile,
)
from queues.posting import Posting, crm_reference, post, sender_of
from queues.refusals import ActionRefused, AnswerSent, NewMailArrived, SentOtherwise, SomethingNew
from queues.repeats import asked, difference
from queues.siblings import tell_siblings, tell_siblings_undone
from queues.summary import SUMMED_UP, kept, sum_up
from queues.transactions import whole

State = Conversation.State
RESTORED = ["state", "agent_id", "last_agent_id", "answered_by_id"]
WRITTEN = (Kind.REPLIED, Kind.ASKED)
RESTORED_CLOCK = ["due_tick", "target", "is_due_kept", "escalated", "resolve_left"]
RESTORED_TIMES = [
    *("waiting_since", "due_at", "breached_at", "resolve_at", "snoozed_until", "assigned_at", "closed_at")
]


@whole
def reply(actor: User, conversation: Conversation, answer: Reply) -> Message:
    """Send an answer; the same call again, with the same token, returns the first one's message.

    Raises:
        NewMailArrived: the customer has written since `answer.seen_message_id`.
        SomethingNew: a colleague has answered since, or left a note after `answer.seen_note_id`.
        DraftConflict: another window has saved other words of it than `answer.window` knows.
        ActionRefused: with the reason.
    """
    row = lock_for(actor, conversation)
    answer = cards.guarded(row.queue, answer)
    check_token(answer.token)
    sent = row.messages.filter(compose_token=answer.token).first() if answer.token else None
    if sent is not None:
        return _repeated(sent, answer)
    check_content(answer)
    check_let_go(row)
    check_free(actor, row)
    _check_seen(actor, row, answer)
    agent = profile(actor)
    drafts.check_latest(row, agent, answer)
    take_first(actor, row, agent)
    before = _snapshot(row)
    if drafts.is_timed(row, agent, answer.token):  # it slept for the sake of this answer alone
        before |= {"state": State.ASSIGNED, "snoozed_until": None}
    letter = _written(row, answer, agent)
    posting = Posting(
        letter=letter,
        sender=sender_of(row.queue),
        agent=agent,
        user=actor,
        token=answer.token or None,
        hold=_hold(answer, row.queue),
    )
    message = post(row, posting)
    drafts.drop(row, agent, answer.token)
    data = {"message": message.pk, "typed": letter.typed, "before": before, "about": answer.about_id}
    data["asked"], data["typed_html"] = asked(answer), letter.typed_html
    if answer.is_outside:
        whom = ", ".join(address.email for address in letter.to)
        note_event(row, Kind.ASKED, f"{agent} wrote to {whom} about it.", actor, data)
        live.changed(row.pk, row.queue_id, row.agent_id)
        return message
    row.answered_by = agent
    _rest(row, agent, answer.close)
    note_event(row, Kind.REPLIED, f"{agent} answered.", actor, data)
    tell_siblings(row, message, f"{agent} answered it in #{row.number} ({row.queue}).", actor)
    if answer.close:
        note_event(row, Kind.CLOSED, f"{agent} closed it with the answer.", actor)
    return message


def _written(row: Conversation, answer: Reply, agent: Agent) -> Letter:
    return write_outside(row, answer, agent) if answer.is_outside else write_answer(row, answer, agent)


def _repeated(sent: Message, answer: Reply, subject: str = "") -> Message:
    """The message that was sent already, unless this is another answer, which must not vanish unseen."""
    if sent.outgoing is not None and sent.outgoing.state == OutgoingMail.State.CANCELLED:
        raise ActionRefused(
            "This answer was sent and taken back, so nothing leaves now: load the page again, "
            "or use a new key."
        )
    what = _difference(sent, answer, subject)
    if what:
        raise SentOtherwise(
            f"An answer with {what} was sent from another window already, or with the same key; "
            "this one was not sent. Copy its text, load the page again and paste it into a new answer, "
            "or use a new key."
        )
    return sent


def _difference(sent: Message, answer: Reply, subject: str) -> str:
    event = Event.objects.filter(
        conversation=sent.conversation_id, kind__in=WRITTEN, data__message=sent.pk
    ).first()
    before = event.data.get("asked") if event else None
    if before is None:  # of a mail that was written before this was kept
        return "" if sent.text.startswith(typed_text(answer)) else "another text"
    return difference(before, asked(answer, subject))


def check_token(token: str) -> None:
    """Refuse a token that can't be stored."""
    if len(token) > 150 or "\0" in token or token.startswith("start:"):
        raise ActionRefused("The token of the mail (Idempotency-Key) has at most 150 plain characters.")


def _hold(answer: Reply, queue: EmailQueue) -> int:
    """Seconds in which it can be taken back."""
    usual = settings.UNDO if queue.undo_seconds is None else queue.undo_seconds
    return max(0, usual if answer.undo_seconds is None else min(answer.undo_seconds, 3600))


def _check_seen(actor: User, conversation: Conversation, answer: Reply) -> None:
    """Hold an answer whose writer has not seen everything that was written since it was begun."""
    message = _unseen_message(actor, conversation, answer) if answer.seen_message_id is not None else None
    note = None
    if answer.seen_note_id is not None:
        notes = conversation.notes.filter(audiences.readable(actor), pk__gt=answer.seen_note_id)
        note = notes.exclude(user=actor).select_related("user").order_by("-pk").first()
    if message is not None and message.direction == Message.Direction.IN:
        raise NewMailArrived(message, note)
    if message is not None or note is not None:
        raise SomethingNew(message, note)


def _unseen_message(actor: User, conversation: Conversation, answer: Reply) -> Message | None:
    """The newest one; the customer's first. One of the actor's own is news only from another window."""
    newer = kept(conversation).filter(pk__gt=answer.seen_message_id, automatic="no").order_by("-pk")
    own_elsewhere = Q(direction="out", agent__user=actor) & ~Q(is_outside=answer.is_outside)
    newer = newer.exclude(own_elsewhere).select_related("agent__user")
    return newer.filter(direction="in").first() or newer.first()


def take_first(actor: User, conversation: Conversation, agent: Agent) -> None:
    """What an agent answers is the agent's: nobody's is taken, a supervisor takes over a colleague's."""
    owner = holder(conversation)
    if owner is not None and owner.pk == agent.pk:
        return
    check_may_choose(actor, conversation, agent)
    lacking = check_able(actor, agent, conversation)
    states.hand_to(conversation, agent, timezone.now())
    over = f" over from {owner}" if owner else ""
    data = {"agent": agent.pk, "lacks": list(lacking)}
    note_event(conversation, Kind.TAKEN, f"{agent} took it{over} to answer.", actor, data)


def _rest(conversation: Conversation, agent: Agent, close: bool) -> None:
    now = timezone.now()
    clocks.end_turn(conversation, agent, now, is_answered=True)
    if close:
        clocks.settle(conversation, agent, now)
        states.finish(conversation, now)
    else:
        states.await_customer(conversation, now)


def _snapshot(conversation: Conversation) -> dict[str, Any]:
    """Where the conversation was before the answer, for taking it back."""
    kept: dict[str, Any] = {name: getattr(conversation, name) for name in (*RESTORED, *RESTORED_CLOCK)}
    times = {name: getattr(conversation, name) for name in RESTORED_TIMES}
    return kept | {name: at.isoformat() if at else None for name, at in times.items()}


@whole
def undo(actor: User, message: Message) -> bool:
    """Take an answer back while it is held: the text is a draft again. False when it has left already.

    Asked again it is true again, as the word that it was taken back may have got lost.
    """
    row, message = lock_message(actor, message)
    if message.outgoing is None:
        raise ActionRefused("Only a mail of ours can be taken back.")
    if message.agent is None or (message.agent.user_id != actor.pk):
        check_free(actor, row)
    if not outbox.undo(message.outgoing):
        message.outgoing.refresh_from_db(fields=["state"])
        return message.outgoing.state == OutgoingMail.State.CANCELLED
    tracking.forget(crm_reference(message))
    event = row.events.filter(kind__in=WRITTEN, data__message=message.pk).first()
    if event is not None and message.agent is not None:
        typed = drafts.Typed(event.data["typed"], event.data.get("typed_html", 0))
        drafts.restore(row, message.agent, message, typed, event.data.get("about"))
    _go_back(row, message, event)
    note_event(row, Kind.UNDONE, f"{profile(actor)} took the answer back.", actor, {"message": message.pk})
    tell_siblings_undone(row, message, actor)
    return True


def _go_back(conversation: Conversation, message: Message, event: Event | None) -> None:
    """The conversation as it was before the answer, unless something else has happened since."""
    sum_up(conversation)
    is_later = kept(conversation).filter(automatic="no", pk__gt=message.pk).exists()
    if event is not None and not is_later and conversation.state in (State.PENDING, State.CLOSED):
        if MOVED_FROM in event.data:  # where that conversation was is not where this one was
            states.start_clock(conversation, timezone.now(), conversation.queue.next_response)
            states.come_back(conversation, timezone.now())
        else:
            _restore(conversation, event.data["before"])
    states.save(conversation, [*states.MOVED, *SUMMED_UP])


def _restore(conversation: Conversation, before: dict[str, Any]) -> None:
    for name in [*RESTORED, *RESTORED_CLOCK]:
        if name in before:  # an answer of an earlier version kept less
            setattr(conversation, name, before[name])
    for name in RESTORED_TIMES:
        if name in before:
            setattr(conversation, name, parse_datetime(before[name]) if before[name] else None)
    clocks.take_back_turn(conversation)
    clocks.plan(conversation)


def start(actor: User, queue: EmailQueue, subject: str, answer: Reply) -> Message:
    """Write to a customer first: a new conversation that waits for the customer.

    Raises:
        ActionRefused: with the reason.
    """
    check_works_in(actor, queue)
    subject, answer = cards.kept(queue, subject), cards.guarded(queue, answer)
    check_token(answer.token)
    token = f"start:{actor.pk}:{answer.token}" if answer.token else None
    sent = _started(token)
    if sent is not None:
        return _repeated(sent, answer, subject)
    check_content(answer)
    try:
        return _start(actor, queue, subject, answer, token)
    except IntegrityError:
        sent = _started(token)
        if sent is None:
            raise
        return _repeated(sent, answer, subject)


def check_not_started(actor: User, subject: str, answer: Reply) -> None:
    """Refuse to keep as a draft what has left as a first mail.

    Raises:
        AnswerSent: with words, to people, or under a subject that may be others.
    """
    sent = _started(f"start:{actor.pk}:{answer.token}")
    if sent is None:
        return
    queue = sent.conversation.queue
    try:
        has_all = not _difference(sent, cards.guarded(queue, answer), cards.kept(queue, subject))
    except ActionRefused:  # half an address: none of those that it went to
        has_all = False
    raise AnswerSent(has_all=has_all)


def is_started(actor: User, token: str) -> bool:
    """Whether the first mail with this token has left."""
    return _started(f"start:{actor.pk}:{token}") is not None


def _started(token: str | None) -> Message | None:
    # The second condition lets PostgreSQL use the partial unique index.
    rows = Message.objects.filter(compose_token=token, compose_token__startswith="start:")  # noqa: S106
    return rows.first() if token else None


@whole
def _start(actor: User, queue: EmailQueue, subject: str, answer: Reply, token: str | None) -> Message:
    agent, sender, now = profile(actor), sender_of(queue), timezone.now()
    people = first_recipients(answer)
    contact = tracking.contact_for(people.to[0])
    conversation = Conversation.objects.create(
        queue=queue,
        contact=contact,
        subject=" ".join(subject.split())[:1000],
        priority=contact.priority,
        state=State.ASSIGNED,
        agent=agent,
        assigned_at=now,
        language=contact.language or (queue.default_language_id or ""),
        created_at=now,
        last_message_at=now,
        last_direction=Message.Direction.OUT,
    )
    note_event(conversation, Kind.OPENED, f"{agent} wrote first.", actor)
    letter = write_first(conversation, people, answer, agent)
    posting = Posting(
        letter=letter, sender=sender, agent=agent, user=actor, token=token, hold=_hold(answer, queue)
    )
    message = post(conversation, posting)
    before = _snapshot(conversation)
    conversation.answered_by = agent
    _rest(conversation, agent, answer.close)
    data = {"message": message.pk, "typed": letter.typed, "before": before, "asked": asked(answer, subject)}
    data["typed_html"] = letter.typed_html
    note_event(conversation, Kind.REPLIED, f"{agent} wrote.", actor, data)
    return message


def resend(actor: User, message: Message) -> None:
    """Send a failed or uncertain mail once more: the same bytes, on the agent's word."""
    _settle(actor, message, Kind.RESENT)


def mark_sent(actor: User, message: Message) -> None:
    """Note that an uncertain mail did arrive."""
    _settle(actor, message, Kind.MARKED_SENT)


@whole
def _settle(actor: User, message: Message, kind: Kind) -> None:
    row, message = lock_message(actor, message)
    mail = message.outgoing
    if mail is None:
        raise ActionRefused("Only a mail of ours can be sent again.")
    settle = {Kind.RESENT: outbox.resend, Kind.MARKED_SENT: outbox.mark_sent}[kind]
    if kind == Kind.RESENT and outbox.was_emptied(mail):
        raise ActionRefused("The text of this mail was deleted, so it can't be sent again: write a new one.")
    if not settle(mail):
        raise ActionRefused(f"That isn't possible any more: the mail is “{mail.get_state_display()}” by now.")
    what = {Kind.RESENT: "had the mail sent again", Kind.MARKED_SENT: "noted that the mail was sent"}[kind]
    note_event(row, kind, f"{profile(actor)} {what}.", actor, {"message": message.pk})
    live.changed(row.pk, row.queue_id, row.agent_id)
