"""Mails leave a conversation: into a new one (split), or into another that is there (move).

What answers those mails follows them, as an id leads to the conversation in which its mail is. Whose turn it
is goes along: if nobody waits for us any more in the old conversation, the one with the mail is due as early
as the old one was; else it is due from now.
"""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from crm import tracking
from crm.models import Contact
from mailcore.clean import clean_line
from mailcore.parsed import Address
from queues import feeding, nudges, states
from queues.clocks import CLOCK, take_over_due
from queues.history import Kind, come_along, note_event
from queues.letters import own_addresses
from queues.merging import check_mergeable, move_messages
from queues.models import Conversation, ConversationSkill, Event, Message
from queues.ownership import check_free, check_whole, lock_both, lock_for, profile
from queues.refusals import ActionRefused
from queues.summary import SUMMED_UP, kept, sum_up
from queues.transactions import whole

State = Conversation.State
AT_WORK = (State.WAITING, State.ASSIGNED)
MOST_SPLIT = 1000
# What tells of one mail goes where the mail goes.
OF_A_MAIL = (Kind.REPLIED, Kind.UNDONE, Kind.RESENT, Kind.MARKED_SENT, Kind.BOUNCED)


@whole
def split(
    actor: User, conversation: Conversation, message_ids: Iterable[int], subject: str = ""
) -> Conversation:
    """Make a new conversation, in the same queue, of some mails; the same call again returns the same one.

    It belongs to the contact who wrote the first of them.

    :param subject: of the new conversation; "" for that of the first mail.

    Raises:
        ActionRefused: no mail, all mails, or mails that are elsewhere by now.
    """
    row = lock_for(actor, conversation)
    wanted = sorted(set(message_ids))[: MOST_SPLIT + 1]
    before = _split_before(row, wanted)
    if before is not None:
        return before
    check_free(actor, row)
    messages = _chosen(row, wanted)
    now = timezone.now()
    new = _begin(row, messages, subject, now)
    _demand_the_same(row, new)
    _carry(messages, row, new)
    if all(message.is_outside for message in messages):  # a matter of their own, with whoever was asked
        new.messages.update(is_outside=False)
        new.has_outside = False
        new.save(update_fields=["has_outside"])
    had = row.due_at
    _rest_of(row, now)
    _begin_turn(new, messages, had if row.due_at is None else None, now)
    who = profile(actor)
    said = "a mail" if len(messages) == 1 else f"{len(messages)} mails"
    data = {"messages": wanted}
    sentence = f"{who} split {said} off: #{new.number} “{new.subject}”."
    note_event(row, Kind.SPLIT, sentence, actor, data | {"conversation": new.pk, "is_new": True})
    sentence = f"{who} split it off #{row.number} “{row.subject}”."
    note_event(new, Kind.SPLIT, sentence, actor, data | {"conversation": row.pk})
    if new.state == State.WAITING:
        nudges.waits(new)
    return new


def _split_before(row: Conversation, wanted: list[int]) -> Conversation | None:
    """What the very same mails were split into before."""
    if not wanted or row.messages.filter(pk__in=wanted).exists():
        return None
    event = row.events.filter(kind=Kind.SPLIT, data__is_new=True, data__messages=wanted).last()
    return Conversation.objects.filter(pk=event.data["conversation"]).first() if event else None


def _chosen(row: Conversation, wanted: list[int]) -> list[Message]:
    if not wanted:
        raise ActionRefused("Choose the mails that are to become a conversation of their own.")
    if len(wanted) > MOST_SPLIT:
        raise ActionRefused(f"At most {MOST_SPLIT:,} mails can be split off at once.")
    there = kept(row).select_related("outgoing", "agent").order_by("pk")
    messages = list(there.filter(pk__in=wanted))
    if len(messages) != len(wanted):
        raise ActionRefused(f"Some of the mails are not in #{row.number} any more: load the page again.")
    if len(messages) == there.count():
        raise ActionRefused(f"These are all mails of #{row.number}: nothing would be left of it.")
    return messages


def _begin(row: Conversation, messages: list[Message], subject: str, now: datetime) -> Conversation:
    first = messages[0]
    return Conversation.objects.create(
        queue=row.queue,
        contact=_contact_of(messages) or row.contact,
        subject=(clean_line(subject) or first.subject)[:1000],
        priority=row.priority,
        language=row.language,
        language_confidence=row.language_confidence,
        created_at=first.created_at,
        last_message_at=first.created_at,
        due_at=None,
        state=State.CLOSED,  # until it is known whose turn it is
        closed_at=now,
    )


def _demand_the_same(row: Conversation, new: Conversation) -> None:
    """What the matter needed beyond its queue, a part of it needs, until somebody says otherwise."""
    ConversationSkill.objects.bulk_create(
        ConversationSkill(conversation=new, skill_id=each.skill_id, level=each.level)
        for each in ConversationSkill.objects.filter(conversation=row)
    )


def _contact_of(messages: list[Message]) -> Contact | None:
    """Who wrote the first of them from outside, else whom the first was written to."""
    ours = own_addresses()
    for message in messages:
        if message.direction == Message.Direction.IN and message.from_email.lower() not in ours:
            return tracking.contact_for(Address(message.from_name, message.from_email))
    people = [person for message in messages for person in message.to if person.get("email")]
    if not people:
        return None
    return tracking.contact_for(Address(people[0].get("name", ""), people[0]["email"]))


def _carry(messages: list[Message], before: Conversation, after: Conversation) -> None:
    pks = [message.pk for message in messages]
    told = Event.objects.filter(conversation=before, kind__in=OF_A_MAIL, data__message__in=pks)
    come_along(told, before, after)
    move_messages(messages, before, after)
    for row in (before, after):
        sum_up(row)
        states.save(row, SUMMED_UP)


def _last_by_a_person(row: Conversation) -> Message | None:
    return kept(row).filter(automatic="no").order_by("-pk").first()


def _rest_of(row: Conversation, now: datetime) -> None:
    """Whose turn it is in what is left: nobody's who wrote nothing that is still here."""
    last = _last_by_a_person(row)
    is_ours = last is not None and last.direction == Message.Direction.IN
    if row.state in AT_WORK and last is not None and not is_ours:
        states.await_customer(row, now)
    elif row.state == State.SNOOZED and last is not None and not is_ours:
        states.stop_clock(row)
        states.save(row, CLOCK)
    elif row.state == State.PENDING and is_ours:  # our answer has gone elsewhere
        states.start_clock(row, now, row.queue.next_response)
        states.come_back(row, now)


def _begin_turn(new: Conversation, messages: list[Message], due_at: datetime | None, now: datetime) -> None:
    last = _last_by_a_person(new)
    if last is not None and last.direction == Message.Direction.OUT:
        new.agent = last.agent
        states.await_customer(new, now)
        return
    _set_clock(new, due_at, now)
    states.give_back(new, now)


def _set_clock(row: Conversation, due_at: datetime | None, now: datetime) -> None:
    if due_at is None:
        states.start_clock(row, now, row.queue.first_response)
        return
    if row.due_at is None or due_at < row.due_at:
        take_over_due(row, due_at, row.waiting_since or now)


@whole
def move_message(actor: User, message: Message, into: Conversation) -> Conversation:
    """Put one mail into another conversation and return that; the same call again changes nothing.

    Raises:
        ActionRefused: it is the only mail, or one of the conversations is a colleague's or was merged.
    """
    home = Conversation.objects.filter(messages=message.pk).first()
    if home is None:
        raise ActionRefused("The mail was erased.")
    if home.pk == into.pk:
        return lock_for(actor, into)  # checks the rights
    row, target = lock_both(actor, home, into)
    check_whole(row)
    check_mergeable(target)
    check_free(actor, row)
    moved = kept(row).select_related("outgoing").filter(pk=message.pk).first()
    if moved is None:
        raise ActionRefused(f"The mail is not in #{row.number} any more: load the page again.")
    if kept(row).count() == 1:
        raise ActionRefused(
            f"It is the only mail of #{row.number}: merge #{row.number} into #{target.number} instead."
        )
    states.lock_agents(row, target)
    _carry([moved], row, target)
    now, had = timezone.now(), row.due_at
    _rest_of(row, now)
    if had is not None and row.due_at is None:
        _hand_over_turn(target, had, now)
    _tell_moved(actor, moved, row, target)
    return target


def _hand_over_turn(target: Conversation, due_at: datetime, now: datetime) -> None:
    """Who waited for an answer there waits here now."""
    _set_clock(target, due_at, now)
    if target.state in AT_WORK:
        states.save(target, CLOCK)
    else:
        states.come_back(target, now)
        if target.state == State.WAITING:
            nudges.waits(target)


def _tell_moved(actor: User, message: Message, row: Conversation, target: Conversation) -> None:
    who = profile(actor)
    writer = message.from_name or message.from_email or "an unknown sender"
    sentence = f"{who} moved a mail of {writer} to #{target.number} “{target.subject}”."
    note_event(row, Kind.MOVED, sentence, actor, {"conversation": target.pk, "message": message.pk})
    sentence = f"{who} moved a mail of {writer} here from #{row.number} “{row.subject}”."
    note_event(target, Kind.MOVED, sentence, actor, {"conversation": row.pk, "message": message.pk})
    feeding.tell_of_moved_mail(message.pk, row, target)
