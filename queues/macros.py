"""Running macros: the answer, the tags, the note and where the conversation goes, all of it or nothing.

Every step is the action that an agent could do by hand, so each checks what it always checks.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from mailcore.clean import clean_text
from queues import actions, replies, snippets, states, texts
from queues.history import Kind, note_event
from queues.letters import Reply
from queues.models import Conversation, Draft, EmailQueue, Macro, Message, Note
from queues.ownership import check_free, check_works_in, lock_for, lock_message, profile
from queues.refusals import ActionRefused
from queues.snippets import Filled
from queues.tagging import tag
from queues.transactions import whole

State = Conversation.State
Then = Macro.Then


@dataclass(frozen=True, slots=True)
class Prepared:
    """A macro before it runs: its answer, filled in, and what it will do, a few words for each step."""

    macro: Macro
    answer: Filled
    steps: tuple[str, ...]


def available(conversation: Conversation) -> list[Macro]:
    """The macros of the conversation's queue and of all queues."""
    rows = Macro.objects.filter(Q(queues=None) | Q(queues=conversation.queue_id)).distinct()
    return list(rows.select_related("to_queue", "to_agent__user").prefetch_related("tags"))


def find(conversation: Conversation, pk: int) -> Macro:
    """One of them.

    Raises:
        ActionRefused: it is gone, or for other queues.
    """
    found = next((each for each in available(conversation) if each.pk == pk), None)
    if found is None:
        raise ActionRefused("This macro is not here any more: choose another one.")
    return found


def prepare(actor: User, conversation: Conversation, pk: int) -> Prepared:
    """What the macro would write and do here."""
    macro = find(conversation, pk)
    values = texts.values(conversation, profile(actor))
    return Prepared(macro, snippets.filled(macro.html, values), tuple(steps(macro)))


def steps(macro: Macro, *, is_whole: bool = False) -> list[str]:
    """What happens besides the answer, in its order.

    :param is_whole: with all of the note.
    """
    note = macro.note.strip() if is_whole else _short(macro.note)
    found = [_("note “%(note)s”") % {"note": note}] if macro.note else []
    found += [_("tag “%(tag)s”") % {"tag": each.name} for each in macro.tags.all()]
    where = {
        Then.CLOSE: _("close it"),
        Then.SNOOZE: _("snooze it for %(hours)s h") % {"hours": macro.snooze_hours},
        Then.TRANSFER: _("move it to %(queue)s") % {"queue": macro.to_queue},
        Then.ASSIGN: _("give it to %(agent)s") % {"agent": macro.to_agent},
    }
    return found + [words for then, words in where.items() if macro.then == then]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


@whole
def answer(actor: User, conversation: Conversation, pk: int, reply: Reply) -> Message:
    """Send the answer, and do all that the macro says; again with the same token it does nothing.

    Raises:
        NewMailArrived: the customer has written since `reply.seen_message_id`.
        ActionRefused: a step may not be done, so none is.
    """
    row = lock_for(actor, conversation)
    macro = find(row, pk)
    reply = replace(reply, close=reply.close or macro.then == Then.CLOSE)
    is_again = bool(reply.token) and row.messages.filter(compose_token=reply.token).exists()
    message = replies.reply(actor, row, reply)
    if not is_again:
        _run(actor, row, macro, message)
    return message


@whole
def run(actor: User, conversation: Conversation, pk: int) -> Macro:
    """Do all that a macro without an answer says, and return it.

    Raises:
        ActionRefused: it has an answer, or a step may not be done, so none is.
    """
    row = lock_for(actor, conversation)
    macro = find(row, pk)
    if macro.html:
        raise ActionRefused(f"“{macro.name}” writes an answer: run it in the editor.")
    _run(actor, row, macro, None)
    return macro


def _run(actor: User, row: Conversation, macro: Macro, message: Message | None) -> None:
    row = lock_for(actor, row)  # as the answer has left it
    check_free(actor, row)
    if macro.to_queue is not None:
        check_works_in(actor, macro.to_queue)
    data = {"macro": macro.pk, "message": message.pk if message else None, "from": row.queue_id}
    data |= _mark(actor, row, macro)
    _settle(actor, row, macro)
    note_event(row, Kind.MACRO, f"{profile(actor)} ran the macro “{macro.name}”.", actor, data)


def _mark(actor: User, row: Conversation, macro: Macro) -> dict[str, Any]:
    """The note and the tags; returns what is to be taken back with the answer."""
    note = actions.note(actor, row, clean_text(macro.note)) if macro.note.strip() else None
    there = set(row.tags.values_list("pk", flat=True))
    new = [each for each in macro.tags.all() if each.pk not in there]
    if new:
        tag(actor, row, [each.name for each in new])
    return {"note": note.pk if note else None, "tags": [each.pk for each in new]}


def _settle(actor: User, row: Conversation, macro: Macro) -> None:
    if macro.then == Then.CLOSE:
        actions.close(actor, row)
    elif macro.then == Then.SNOOZE:
        actions.snooze(actor, row, timezone.now() + timedelta(hours=macro.snooze_hours or 1))
    elif macro.to_queue is not None and macro.to_queue.pk != row.queue_id:
        actions.transfer(actor, row, macro.to_queue)
    elif macro.to_agent is not None:
        actions.assign(actor, row, macro.to_agent)


@whole
def undo(actor: User, message: Message) -> bool:
    """Take an answer back while it is held, and what its macro did; False when it has left already.

    What somebody has done with the conversation since stays done.
    """
    row, message = lock_message(actor, message)
    ran = row.events.filter(kind=Kind.MACRO, data__message=message.pk).first()
    if ran is None or row.events.filter(pk__gt=ran.pk).exists():
        return replies.undo(actor, message)
    with transaction.atomic():
        _take_back(row, ran.data, message)
        is_undone = replies.undo(actor, message)
        if not is_undone:
            transaction.set_rollback(True)
    if is_undone:
        macro = Macro.objects.filter(pk=ran.data["macro"]).first()
        Draft.objects.filter(conversation=row, agent=message.agent, is_outside=False).update(macro=macro)
    return is_undone


def _take_back(row: Conversation, data: dict[str, Any], message: Message) -> None:
    """As it was when the answer alone had been sent; `replies.undo` does the rest."""
    Note.objects.filter(pk=data["note"]).delete()
    row.tags.remove(*data["tags"])
    queue = EmailQueue.objects.filter(pk=data["from"]).first()
    if queue is not None and queue.pk != row.queue_id:
        states.move(row, queue, timezone.now())
    if row.state not in (State.PENDING, State.CLOSED):
        row.state, row.agent, row.snoozed_until = State.PENDING, message.agent, None
        states.save(row, states.MOVED)
