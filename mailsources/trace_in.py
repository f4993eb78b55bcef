"""The way of a mail that came: from the server's number for it to our answer and that one's delivery."""

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from agents.rights import Person, is_administrator
from mailsources.models import EmailSource, FetchedMail
from mailsources.trace_out import steps_out
from mailsources.trace_steps import Step, connections, in_order, tries
from queues.happenings import sentence_of
from queues.history import Kind
from queues.models import Event, Message
from queues.named import others
from queues.presentation import size

State = FetchedMail.State
MOST_EVENTS = 60


def trace(fetched: FetchedMail, user: Person) -> list[Step]:
    """All that is known, in order.

    :param user: who asks; only administrators get links into the administration.
    """
    is_open = is_administrator(user)
    steps = [*_arrival(fetched), *_outcome(fetched, is_open=is_open), *tries(fetched.raw_id)]
    steps += connections(fetched.pk, out=False, is_open=is_open)
    if fetched.message is not None:
        steps += _conversation(fetched, fetched.message, user)
        steps += _answers(fetched.message, is_open=is_open)
    return in_order(steps)


def _arrival(fetched: FetchedMail) -> Iterator[Step]:
    source = fetched.source
    if fetched.envelope_to:
        words = _("%(sender)s handed it over for %(address)s.") % {
            "sender": fetched.envelope_from or "<>",
            "address": fetched.envelope_to,
        }
        yield Step(fetched.received_at, words)
    elif fetched.uid is not None:
        place = {"server": source.server_address, "folder": fetched.folder, "uid": fetched.uid}
        yield Step(
            fetched.received_at, _("%(server)s has it in the folder %(folder)s as UID %(uid)s.") % place
        )
    elif fetched.uidl:
        place = {"server": source.server_address, "uidl": fetched.uidl}
        yield Step(fetched.received_at, _("%(server)s has it as UIDL %(uidl)s.") % place)
    yield Step(fetched.fetched_at, _stored(fetched))
    if fetched.settled_at and source.after_import != EmailSource.AfterImport.LEAVE:
        yield Step(fetched.settled_at, _("The mailbox was told that we have it."))


def _stored(fetched: FetchedMail) -> str:
    values = {"source": fetched.source.name, "size": size(fetched.size)}
    if fetched.is_stub:
        return _("Fetched for %(source)s: too big (%(size)s), so only its headers were stored.") % values
    if fetched.raw_id:
        return _("Fetched for %(source)s and stored: %(size)s.") % values
    return _("Noted for %(source)s, without its text.") % values


def _outcome(fetched: FetchedMail, *, is_open: bool) -> Iterator[Step]:
    url = reverse("admin:mailsources_fetchedmail_change", args=[fetched.pk]) if is_open else ""
    match fetched.state:
        case State.DELIVERED:
            values = {"queue": fetched.source.queue.name, "attempts": fetched.attempts}
            words = _("Parsed and put into the queue %(queue)s, at attempt %(attempts)s.") % values
            yield Step(fetched.delivered_at, words, url=url, tone="good")
            if fetched.message is None:
                yield Step(None, _("Its message was deleted since."))
        case State.SKIPPED:
            yield Step(None, _("It was not imported."), fetched.reason, url, "warn")
        case State.FAILED:
            words = _("It is parked after %(attempts)s attempts.") % {"attempts": fetched.attempts}
            yield Step(None, words, fetched.reason, url, "bad")
        case _:
            yield Step(None, _("It waits to be put into its queue."), fetched.reason, url, "warn")


def _conversation(fetched: FetchedMail, message: Message, user: Person) -> Iterator[Step]:
    """What happened in the conversation from then on, up to our answer."""
    conversation = message.conversation
    url = reverse("conversation", args=[conversation.pk])
    first = conversation.messages.order_by("id").values_list("pk", flat=True).first()
    number = {"number": conversation.number}
    joined = (
        _("It began the conversation #%(number)s.")
        if first == message.pk
        else _("It joined the conversation #%(number)s.")
    )
    yield Step(fetched.delivered_at, joined % number, url=url)
    # Events of the same transaction carry its beginning as their time.
    after = Event.objects.filter(conversation=conversation, at__gte=fetched.fetched_at)
    answered = after.filter(kind=Kind.REPLIED).order_by("at").values_list("at", flat=True).first()
    if answered:
        bounced = Q(kind__in=(Kind.BOUNCED, Kind.RESENT, Kind.MARKED_SENT, Kind.FOUND_SENT))
        after = after.filter(Q(at__lte=answered) | bounced)
    quiet = (Kind.OPENED, Kind.RECEIVED)
    events = after.exclude(kind__in=quiet).select_related("user").order_by("at", "id")[:MOST_EVENTS]
    seen = others(user, events)
    for event in events:
        kind = str(Kind(event.kind).label) if event.kind in Kind.values else event.kind
        yield Step(event.at, sentence_of(event, seen) or f"{kind}.", url=url)


def _answers(message: Message, *, is_open: bool) -> Iterator[Step]:
    """The acknowledgement and the first answer of a person, each to its delivery."""
    later = Message.objects.filter(
        conversation=message.conversation_id,
        direction=Message.Direction.OUT,
        outgoing__isnull=False,
        created_at__gte=message.created_at,
        pk__gt=message.pk,
    ).select_related("outgoing__sender")
    for name, rows in (
        (_("Acknowledgement"), later.exclude(automatic="no")),
        (_("Answer"), later.filter(automatic="no")),
    ):
        found = rows.order_by("pk").first()
        if found is not None and found.outgoing is not None:
            url = reverse("trace-out", args=[found.outgoing.pk])
            yield from steps_out(found.outgoing, name, url, is_open=is_open)
