"""What workers do with many mails at once, in few statements: the busy part of `outbox`.

Each function is one transaction. A mail that went an unusual way is settled by `outbox.finish` instead.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from mailsenders import admission, limits
from mailsenders.admission import Admission, Candidate
from mailsenders.budget import Room
from mailsenders.domains import own_domains, weigh
from mailsenders.due import due, may_send, within
from mailsenders.envelope import Claim, Outcome
from mailsenders.given import given_id
from mailsenders.models import EmailSender, OutgoingMail, OutgoingRecipient, SenderState, SenderUse
from mailstore.feed import TELL_SENT
from mailstore.models import RawMail

logger = logging.getLogger(__name__)

State = OutgoingMail.State
RecipientState = OutgoingRecipient.State
OPEN = (RecipientState.PENDING, RecipientState.RETRY)

# Longer than the time in which a server may answer DATA and then the final dot: two and ten minutes
# (RFC 5321 4.5.3.2.3 and 4.5.3.2.6).
DATA_LEASE = timedelta(minutes=13)
MOST_OCTETS = 16_000_000  # of what is claimed at once, as it lies in memory
REST = "This server takes fewer recipients in one message: the rest follows."

CLAIM = """
UPDATE mailsenders_outgoingmail AS mail SET state = 'sending', attempts = mail.attempts + 1,
    fence = mail.fence + 1, lease_until = %s, data_started_at = NULL, overtaken_since = NULL,
    internal = new.internal, external = new.external
FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS new (id, internal, external)
WHERE mail.id = new.id
"""
START = """
UPDATE mailsenders_outgoingmail AS mail SET data_started_at = %s, lease_until = %s
FROM unnest(%s::bigint[], %s::bigint[]) AS claim (id, fence)
WHERE mail.id = claim.id AND mail.fence = claim.fence AND mail.state = 'sending'
RETURNING mail.id
"""
# Of a claim whose lease ran out, the answer still counts.
SENT = f"""
WITH sent AS (
    UPDATE mailsenders_outgoingmail AS mail SET state = 'sent', sent_at = %s, last_error = '',
        last_answer = claim.answer, alias = claim.alias, lease_until = NULL, data_started_at = NULL
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) AS claim (id, fence, answer, alias)
    WHERE mail.id = claim.id AND mail.fence = claim.fence AND mail.state IN ('sending', 'uncertain')
    RETURNING mail.id, mail.order_key, claim.answer
), told AS (
    {TELL_SENT}
)
UPDATE mailsenders_outgoingrecipient AS recipient SET state = 'accepted', answer = sent.answer
FROM sent WHERE recipient.mail_id = sent.id
RETURNING recipient.mail_id
"""  # noqa: S608 - a statement of ours


def claim_many(sender_id: int, now: datetime, most: int) -> list[Claim]:
    """Claim the next mails of a sender: replies of people before automatic ones, then the oldest due.

    Empty when nothing is due, or the sender is off, parked, or has used up its limits.
    """
    with transaction.atomic():
        state = _state(sender_id)
        if not may_send(state, now):
            return []
        crowd = _Crowd(state.sender, now)
        decision = Admission(state.sender, now, limits.room(state.sender, now))
        admitted = admission.run(
            decision, most, lambda *which: crowd.candidates(decision.room, *which) if which[2] > 0 else []
        )
        crowd.note_overtaken(decision.overtaken)
        return _claimed(_portion(admitted), crowd.recipients, state.sender, now)


def start_many(claims: Sequence[Claim]) -> set[int]:
    """Note that these texts are about to be sent: from here on, silence is doubt.

    The ids of the mails whose claim still stands; of the others nothing may be sent.
    """
    now = timezone.now()
    ids, fences = [each.mail_id for each in claims], [each.fence for each in claims]
    with connection.cursor() as cursor:
        cursor.execute(START, [now, now + DATA_LEASE, ids, fences])
        return {row[0] for row in cursor.fetchall()}


def finish_sent(results: Sequence[tuple[Claim, Outcome]]) -> set[int]:
    """The usual end: everybody's server has taken it. The ids of those whose claim was still good."""
    ids, fences = [claim.mail_id for claim, _ in results], [claim.fence for claim, _ in results]
    answers = [outcome.answer for _, outcome in results]
    aliases = [alias(claim, outcome) for claim, outcome in results]
    with connection.cursor() as cursor:
        now = timezone.now()
        cursor.execute(SENT, [now, ids, fences, answers, aliases, now])
        done = {row[0] for row in cursor.fetchall()}
    for claim, _ in results:
        if claim.mail_id not in done:
            is_late(claim)
    return done


def give_back(claims: Iterable[Claim]) -> None:
    """Unclaim mails that were never begun: they stand in the outbox as before."""
    for claim in claims:
        ours = OutgoingMail.objects.filter(pk=claim.mail_id, fence=claim.fence, state=State.SENDING)
        ours.update(
            state=Case(When(attempts__lte=1, then=Value(State.QUEUED)), default=Value(State.RETRY)),
            attempts=F("attempts") - 1,
            lease_until=None,
            data_started_at=None,
        )


def alias(claim: Claim, outcome: Outcome) -> str:
    """The Message-ID that the server gave the mail in place of ours."""
    return given_id(outcome.answer, claim.sender.server_address, claim.message_id)


def is_late(claim: Claim) -> bool:
    """Log a result that nobody waits for; False, as what it stands for was not done."""
    logger.warning("A late result for outgoing mail %s is dropped (fence %s).", claim.mail_id, claim.fence)
    return False


# Steps.


def _state(sender_id: int) -> SenderState:
    states = SenderState.objects.select_related("sender")
    state = states.get(sender=sender_id)
    if limits.are_set(state.sender):  # counting and claiming are one step for all workers
        state = states.select_for_update(of=("self",)).get(sender=sender_id)
    return state


class _Crowd:
    """What waits at one sender, brought forward in portions, locked."""

    def __init__(self, sender: EmailSender, now: datetime) -> None:
        self.sender, self.now, self.own = sender, now, own_domains()
        self.recipients: dict[int, list[tuple[str, str]]] = {}
        self.seen: list[int] = []

    def candidates(self, room: Room, is_automatic: bool, is_overtaken: bool, most: int) -> list[Candidate]:
        """The next ones; what an exhausted limit shuts out is left where it stands."""
        if is_overtaken and not room.rules:  # without a limit nothing is overtaken, whatever was once
            return []
        wanted = within(due(self.now).filter(sender=self.sender), room, is_automatic=is_automatic)
        wanted = wanted.exclude(pk__in=self.seen)
        if room.rules:
            wanted = wanted.filter(overtaken_since__isnull=not is_overtaken)
        first = ("overtaken_since", "id") if is_overtaken else ("not_before", "id")
        wanted = wanted.order_by(*first).annotate(size=F("raw__size"))
        mails = list(wanted.select_for_update(skip_locked=True, of=("self",))[:most])
        self.seen += [mail.pk for mail in mails]
        self.recipients |= _recipients(mails) if mails else {}
        return [self._candidate(mail) for mail in mails]

    def _candidate(self, mail: OutgoingMail) -> Candidate:
        to_do = tuple(email for email, state in self.recipients[mail.pk] if state in OPEN)
        to_do = to_do[: self.sender.recipients_per_message]
        return Candidate(mail, to_do, weigh(to_do, self.own))

    def note_overtaken(self, mails: Sequence[OutgoingMail]) -> None:
        """From now on what becomes free is kept for these."""
        new = [mail.pk for mail in mails if mail.overtaken_since is None]
        if new:
            OutgoingMail.objects.filter(pk__in=new).update(overtaken_since=self.now)


def _portion(admitted: list[Candidate]) -> list[Candidate]:
    octets = 0
    for number, each in enumerate(admitted):
        octets += each.mail.size  # type: ignore[attr-defined]
        if octets > MOST_OCTETS and number:
            return admitted[:number]
    return admitted


def _recipients(mails: Sequence[OutgoingMail]) -> dict[int, list[tuple[str, str]]]:
    rows = OutgoingRecipient.objects.filter(mail__in=[mail.pk for mail in mails]).order_by("id")
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for mail_id, email, state in rows.values_list("mail_id", "email", "state"):
        found[mail_id].append((email, state))
    return found


def _claimed(
    admitted: Sequence[Candidate],
    recipients: dict[int, list[tuple[str, str]]],
    sender: EmailSender,
    now: datetime,
) -> list[Claim]:
    if not admitted:
        return []
    lease_until = now + timedelta(seconds=settings.LEASE)
    _count_again([each.mail for each in admitted])
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            [
                lease_until,
                [each.mail.pk for each in admitted],
                [each.weight.internal for each in admitted],
                [each.weight.external for each in admitted],
            ],
        )
    raws = RawMail.objects.in_bulk([each.mail.raw_id for each in admitted])
    for each in admitted:
        _let_wait(each.mail, each.to_do, recipients[each.mail.pk])
        _begin_anew(each.mail, each.to_do, recipients[each.mail.pk])
    return [
        Claim(
            mail_id=each.mail.pk,
            message_id=each.mail.message_id,
            fence=each.mail.fence + 1,
            sender=sender,
            mail_from=each.mail.mail_from,
            recipients=each.to_do,
            is_whole=len(each.to_do) == len(recipients[each.mail.pk]),
            raw=raws[each.mail.raw_id],
            lease_until=lease_until,
        )
        for each in admitted
    ]


def _count_again(mails: Sequence[OutgoingMail]) -> None:
    """These were handed over before, to others or to the same: that goes on counting."""
    if any(mail.sent_at for mail in mails):
        SenderUse.objects.bulk_create(
            [
                SenderUse(
                    sender_id=mail.sender_id, mail=mail, at=mail.sent_at,
                    internal=mail.internal, external=mail.external,
                )
                for mail in mails
                if mail.sent_at
            ],
            ignore_conflicts=True,
        )  # fmt: skip


def _begin_anew(mail: OutgoingMail, to_do: tuple[str, ...], recipients: list[tuple[str, str]]) -> None:
    """Nothing is known any more of those who were refused before: should this try end in doubt, they are in
    doubt as well, and whoever settles it settles it for them.
    """
    before = [email for email, state in recipients if state == RecipientState.RETRY and email in to_do]
    if before:
        mail.recipients.filter(email__in=before).update(state=RecipientState.PENDING)


def _let_wait(mail: OutgoingMail, to_do: tuple[str, ...], recipients: list[tuple[str, str]]) -> None:
    """Of more recipients than one message may have, the rest is for a later one, whatever becomes of this."""
    rest = [email for email, state in recipients if state == RecipientState.PENDING and email not in to_do]
    if rest:
        mail.recipients.filter(email__in=rest).update(state=RecipientState.RETRY, answer=REST)
