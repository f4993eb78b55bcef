"""Where a mail belongs: which conversation it joins, or none, and why.

A mail joins a conversation if it names a mail of it (References, In-Reply-To) *and* its sender takes part in
it already. What a machine sends (a bounce, a report) may come from anywhere, but must name one of our signed
ids. A number in the subject proves nothing: it is a hint for people.

    names nothing of ours ────────────────▶ new (with a hint, if the subject has a number of ours)
    names it, the sender a stranger ──────▶ new, with a hint
    names it, the sender takes part ──────▶ joins, wherever its mails are by now (moved, merged)
    the same, but it is closed or about something else, and the queue begins anew then
        ├─ what began anew is still open ─▶ joins that
        └─ else ──────────────────────────▶ new, each naming the other
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from mailcore.parsed import Automatic, ParsedMail
from mailstore.batch import flush
from mailstore.models import RawMail
from queues import bounces
from queues.ahead import is_perhaps_here
from queues.letters import own_addresses
from queues.models import Conversation, EmailQueue, Message
from queues.naming import continuations, ids_of, named, parties, together
from queues.subjects import base_subject, is_changed, number_in

COPY_WITHIN = timedelta(days=1)  # the same mail over a second mailbox comes at almost the same time
MOST_SUBJECTS = 200  # of one conversation
MOST_COPIES = 10
CLOSED = "which is closed"
ANOTHER_SUBJECT = "under another subject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A conversation that the mail names; the one named last in the thread comes first."""

    conversation_id: int
    number: int
    is_here: bool  # in the queue that the mail came to
    is_party: bool  # the sender takes part in it
    has_copy: bool = False  # this very mail is in it already
    ended: str = ""  # why a new conversation begins instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What was decided: the conversation to join, or None for a new one.

    The new one continues `continues_id`, for the reason `ended`; or `hint` tells people that it may belong to
    `hint_id`. A machine's mail is about our message `about_id`; that could not be delivered if it is
    `bounced_id` too.
    """

    conversation_id: int | None = None
    is_copy: bool = False
    hint: str = ""
    hint_id: int | None = None
    continues_id: int | None = None
    ended: str = ""
    about_id: int | None = None
    bounced_id: int | None = None


def decide(found: Sequence[Found]) -> Match:
    """Choose among the conversations that a mail names."""
    parties_ = [each for each in found if each.is_party]
    going_on = [each for each in parties_ if not each.ended]
    for each in going_on:
        if not each.has_copy:
            return Match(conversation_id=each.conversation_id)
    for each in going_on:
        if each.is_here:
            return Match(conversation_id=each.conversation_id, is_copy=True)
    if going_on:
        first = going_on[0]
        return Match(hint=f"The same mail came to #{first.number} as well.", hint_id=first.conversation_id)
    if parties_:
        return Match(continues_id=parties_[0].conversation_id, ended=parties_[0].ended)
    if found:
        sentence = f"May belong to #{found[0].number}: it answers a mail of it, but from a stranger to it."
        return Match(hint=sentence, hint_id=found[0].conversation_id)
    return Match()


def find(queue: EmailQueue, mail: ParsedMail, raw: RawMail) -> Match:
    """Look up what the mail names, and decide."""
    if mail.automatic != Automatic.NO:
        bounce = bounces.implied(mail)
        ours = bounces.about(bounce, mail, raw)
        if ours is not None:
            bounced_id = ours.message_id if bounce else None
            return Match(
                conversation_id=ours.conversation_id, about_id=ours.message_id, bounced_id=bounced_id
            )
    match = decide(_found(queue, mail))
    if match != Match():
        return match
    return _same_mail(queue, mail) or _lost(queue, mail) or _numbered(mail) or match


def queue_of(queue: EmailQueue, mail: ParsedMail, raw: RawMail) -> EmailQueue:
    """The queue that a mail to this one will be in: another one's, if it joins a conversation there."""
    match = find(queue, mail, raw)
    if match.conversation_id is None:
        return queue
    ends = together([match.conversation_id])
    return ends[0].queue if ends else queue


def _lost(queue: EmailQueue, mail: ParsedMail) -> Match | None:
    """A report without an id of ours: a conversation in which we wrote to that address lately."""
    row = bounces.maybe_about(queue, mail.bounce, timezone.now()) if mail.bounce else None
    if row is None:
        return None
    sentence = f"May be about our last mail in #{row.number}: it went to the address that is named here."
    return Match(hint=sentence, hint_id=row.pk)


def _found(queue: EmailQueue, mail: ParsedMail) -> list[Found]:
    rows = named(ids_of(mail))
    ended = {row.pk: _ended(row, mail) for row in rows}
    if over := [pk for pk, why in ended.items() if why]:
        flush(*(f"conversation {pk}" for pk in over))
        later = continuations(over)
        rows += [row for row in later if row.pk not in ended]
        ended |= {row.pk: _ended(row, mail) for row in later}
    copies = _copies(rows, mail)
    is_ours = mail.from_.email.lower() in own_addresses() if rows else False
    return [
        Found(
            conversation_id=row.pk,
            number=row.number,
            is_here=row.queue_id == queue.pk,
            # Our own addresses are public, so they prove nothing when they stand in From.
            is_party=not is_ours and _takes_part(row, mail),
            has_copy=row.pk in copies,
            ended=ended[row.pk],
        )
        for row in rows
    ]


def _takes_part(row: Conversation, mail: ParsedMail) -> bool:
    sender = mail.from_.email.lower()
    return bool(sender) and sender in parties(row)


def _ended(row: Conversation, mail: ParsedMail) -> str:
    """Why the queue begins a new conversation for a person's answer to this one; "" when it goes on."""
    if mail.automatic != Automatic.NO:
        return ""
    if row.state == Conversation.State.CLOSED and row.queue.reply_to_closed == EmailQueue.ReplyToClosed.NEW:
        return CLOSED
    if row.queue.changed_subject == EmailQueue.ChangedSubject.NEW and _is_changed(row, mail):
        return ANOTHER_SUBJECT
    return ""


def _is_changed(row: Conversation, mail: ParsedMail) -> bool:
    if not is_changed(mail.subject, frozenset({base_subject(row.subject)})):
        return False
    flush(f"conversation {row.pk}")
    others = row.messages.order_by("-pk").values_list("subject", flat=True)[:MOST_SUBJECTS]
    return is_changed(mail.subject, frozenset(map(base_subject, {row.subject, *others})))


def _copies(rows: list[Conversation], mail: ParsedMail) -> set[int]:
    """Which of the conversations have this very mail: an id alone doesn't say so, as some use it twice."""
    if not rows or not is_perhaps_here(mail.message_id):
        return set()
    flush(*(f"conversation {row.pk}" for row in rows))
    same = Message.objects.filter(
        conversation__in=rows, message_id=mail.message_id[:1000], direction=Message.Direction.IN
    )
    newest = same.order_by("-pk").only("conversation", "text", "subject", "sent_at")[:MOST_COPIES]
    return {message.conversation_id for message in newest if _is_same(message, mail)}


def _same_mail(queue: EmailQueue, mail: ParsedMail) -> Match | None:
    """The same mail came to this queue over another mailbox a moment ago: one conversation is enough."""
    if not is_perhaps_here(mail.message_id):
        return None
    rows = Message.objects.filter(
        message_id=mail.message_id[:1000],
        direction=Message.Direction.IN,
        conversation__queue=queue,
        from_email=mail.from_.email[:320],
        created_at__gt=timezone.now() - COPY_WITHIN,
    ).order_by("pk")
    for message in rows[:3]:
        if _is_same(message, mail):
            return Match(conversation_id=message.conversation_id, is_copy=True)
    return None


def _is_same(message: Message, mail: ParsedMail) -> bool:
    """A scanner may use one id, subject and text for all that it sends, but hardly one moment."""
    same_words = message.text == mail.text and message.subject == mail.subject[:1000]
    return same_words and mail.date in (None, message.sent_at)


def _numbered(mail: ParsedMail) -> Match | None:
    """A hint, if the subject has the number of a conversation; a bare one only from who takes part in it."""
    number, is_bracketed = number_in(mail.subject)
    if number is None:
        return None
    flush()
    row = together(list(Conversation.objects.filter(number=number).values_list("pk", flat=True)))
    if not row:
        return None
    takes_part = mail.from_.email.lower() not in own_addresses() and _takes_part(row[0], mail)
    if not (is_bracketed or takes_part):
        return None
    but = "" if takes_part else ", but the sender is a stranger to it"
    sentence = f"May belong to #{row[0].number}: the subject has its number{but}."
    return Match(hint=sentence, hint_id=row[0].pk)
