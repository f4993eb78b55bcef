"""Find mails to trace, in and out, among millions: by Message-ID, address or words of the subject.

What came in is looked for in the ledger, so mails are found that never became a message, too; what went out
by its own Message-ID, its recipients, and the desk's search for words. Only what the asker directs is found.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from agents.rights import Person, is_administrator, is_supervisor
from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailsources.finding import MARKS
from mailsources.finding import find as find_fetched
from mailsources.models import FetchedMail
from queues import finding, finding_asked
from queues.access import one, queues_for
from queues.finding import TooBroad
from queues.models import Conversation, EmailQueue, Message

MOST = 50
PATIENCE = 4000  # milliseconds, for one statement
CANCELED = "57014"  # by that limit


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks; `queues` is None for administrators, who see all."""

    user: Person
    queues: tuple[int, ...] | None

    @classmethod
    def of(cls, user: Person) -> "Asker":
        """The queues that a user directs; none for agents."""
        if is_administrator(user):
            return cls(user, None)
        rows = queues_for(user) if is_supervisor(user) else EmailQueue.objects.none()
        return cls(user, tuple(rows.values_list("pk", flat=True)))

    def incoming(self) -> QuerySet[FetchedMail]:
        """Mail whose conversation is in those queues; that has none, whose source is for them."""
        rows = FetchedMail.objects.defer("search", "source__password").select_related("source__queue")
        if self.queues is None:
            return rows
        there = Q(message__conversation__queue__in=self.queues)
        return rows.filter(there | Q(message=None, source__queue__in=self.queues))

    def outgoing(self) -> QuerySet[OutgoingMail]:
        """Mail of conversations in those queues; administrators see test mails and notices, too."""
        rows = OutgoingMail.objects.select_related("sender", "message__conversation__queue")
        rows = rows.defer("sender__password").prefetch_related("recipients")
        if self.queues is None:
            return rows
        return rows.filter(message__conversation__queue__in=self.queues)

    def conversations(self) -> QuerySet[Conversation]:
        """The conversations of those queues."""
        rows = Conversation.objects.all()
        return rows if self.queues is None else rows.filter(queue__in=self.queues)

    def one_incoming(self, pk: int) -> FetchedMail:
        """One of them, or `Http404`."""
        return one(self.incoming().filter(pk=pk))

    def one_outgoing(self, pk: int) -> OutgoingMail:
        """One of them, or `Http404`."""
        return one(self.outgoing().filter(pk=pk))


def find(asker: Asker, text: str) -> list[FetchedMail | OutgoingMail]:
    """The newest mails that a person means by `text`, in and out.

    :raises TooBroad: it takes too long.
    """
    with _limits():
        came = list(find_fetched(asker.incoming(), text).order_by("-id")[:MOST])
        left = list(_outgoing(asker, text))
    found: list[FetchedMail | OutgoingMail] = [*came, *left]
    return sorted(found, key=at, reverse=True)[:MOST]


def at(mail: FetchedMail | OutgoingMail) -> datetime:
    """When a mail came, or was written."""
    return mail.created_at if isinstance(mail, OutgoingMail) else mail.received_at or mail.fetched_at


def _outgoing(asker: Asker, text: str) -> Iterable[OutgoingMail]:
    whole = text.strip(MARKS).removeprefix("mailto:")
    if not whole:
        return []
    if not any(letter.isspace() for letter in whole):
        to = OutgoingRecipient.objects.alias(lower=Lower("email")).filter(lower=whole.lower())
        named = OutgoingMail.objects.filter(Q(message_id=whole) | Q(alias=whole))
        if asker.queues is not None:  # before it is cut: others' mails must not crowd out theirs
            to = to.filter(mail__message__conversation__queue__in=asker.queues)
            named = named.filter(message__conversation__queue__in=asker.queues)
        newest = to.order_by("-id").values_list("mail", flat=True)[: 4 * MOST]
        ids = {*newest, *named.values_list("pk", flat=True)[:MOST]}
        if ids or "@" in whole:
            return asker.outgoing().filter(pk__in=ids).order_by("-id")[:MOST]
    return asker.outgoing().filter(message__in=_with_words(asker, text)).order_by("-id")[:MOST]


def _with_words(asker: Asker, text: str) -> list[int]:
    asked = finding_asked.read(text, timezone.now())
    if asked.is_empty:
        return []
    search = finding.Search(asked, asker.conversations(), asker.queues, user=asker.user)
    hits = [hit.place.pk for hit in finding.find(search, MOST).hits if hit.place.kind == "m"]
    return list(Message.objects.filter(pk__in=hits, outgoing__isnull=False).values_list("pk", flat=True))


@contextmanager
def _limits() -> Iterator[None]:
    """No statement takes longer than people wait."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE}")
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) == CANCELED:
            raise TooBroad from error
        raise
