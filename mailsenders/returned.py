"""What came back: a server had taken a mail of ours, and then a report said for whom it was in vain.

A part of `outbox`, which draws the states. A report is believed about those whom we wrote to in the
very mail that it names; who calls has made sure that it names one. Of an uncertain mail it also proves that
it had left.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from mailcore.parsed import Failure
from mailcore.reasons import advice
from mailsenders import outbox
from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailstore.announce import announce

State = OutgoingMail.State
RecipientState = OutgoingRecipient.State
Pair = tuple[OutgoingRecipient, Failure]

REPORTED = "A report about the mail shows that it had left."


def bounced(mail: OutgoingMail, failures: Iterable[Failure], at: datetime) -> list[Pair]:
    """Note for whom a sent mail came back; who they were, none when nothing was noted."""
    return _note(mail, failures, lambda row, failure: _refuse(row, failure, at))


def delayed(mail: OutgoingMail, failures: Iterable[Failure]) -> list[Pair]:
    """Note whose server is still being tried; no state moves. Who they were."""
    return _note(mail, failures, _wait)


def _note(
    mail: OutgoingMail, failures: Iterable[Failure], write: Callable[[OutgoingRecipient, Failure], None]
) -> list[Pair]:
    with transaction.atomic():
        locked = OutgoingMail.objects.select_for_update().get(pk=mail.pk)
        if locked.state == State.UNCERTAIN:
            _had_left(locked, REPORTED)
        pairs = whom(list(locked.recipients.order_by("id")), list(failures))
        for row, failure in pairs:
            write(row, failure)
        # While others are still tried, the next answer of a server settles the mail.
        if locked.state == State.SENT and any(row.state == RecipientState.REFUSED for row, _ in pairs):
            locked.last_error = f"It came back: {pairs[0][0].answer}"
            outbox.settle(locked)
    return pairs


def had_left(mail: OutgoingMail, proof: str) -> bool:
    """Settle an uncertain mail of which something proves that a server had taken it; False for others.

    :param proof: a sentence that says what.
    """
    with transaction.atomic():
        locked = OutgoingMail.objects.select_for_update().get(pk=mail.pk)
        if locked.state != State.UNCERTAIN:
            return False
        _had_left(locked, proof)
    return True


def _had_left(locked: OutgoingMail, proof: str) -> None:
    """A server had taken the mail, for all whom it hadn't refused; a late worker writes nothing."""
    doubted = locked.recipients.filter(state=RecipientState.PENDING)
    doubted.update(state=RecipientState.ACCEPTED, answer=proof)
    locked.last_error = ""
    locked.fence, locked.sent_at = locked.fence + 1, locked.data_started_at or timezone.now()
    outbox.settle(locked)
    announce(
        outbox.SEND, sender_id=locked.sender_id
    )  # later mails of the conversation have waited for this one


def whom(rows: list[OutgoingRecipient], failures: list[Failure]) -> list[Pair]:
    """Which recipient, of those whose server had taken the mail, each failure is about.

    A mail that was forwarded comes back from an address that we never wrote to: that can only be told when
    one recipient is left.
    """
    by_email = {row.email.lower(): row for row in rows}
    pairs: dict[int, Pair] = {}
    for failure in failures:
        row = by_email.get(failure.original.lower()) or by_email.get(failure.email.lower())
        if row is not None:
            pairs.setdefault(row.pk, (row, failure))
    taken = [row for row in rows if row.state == RecipientState.ACCEPTED]
    if not pairs and len(taken) == 1:
        return [(taken[0], failures[0] if failures else Failure(""))]
    return [pair for pair in pairs.values() if pair[0] in taken]


def _refuse(row: OutgoingRecipient, failure: Failure, at: datetime) -> None:
    row.state, row.answer, row.delay = RecipientState.REFUSED, sentence(failure), ""
    row.reason, row.returned_at = failure.reason, at
    row.save(update_fields=["state", "answer", "delay", "reason", "returned_at"])


def _wait(row: OutgoingRecipient, failure: Failure) -> None:
    row.delay = sentence(failure)
    row.save(update_fields=["delay"])


def sentence(failure: Failure) -> str:
    """A failure in words: who said what, what that means, what to do."""
    said = failure.answer or failure.status
    names_server = not failure.server or failure.server in said.lower()
    parts = [said if said and names_server else f"{failure.server}: {said}".removesuffix(": ")]
    parts.append(advice(failure.reason))
    return " – ".join(part for part in parts if part) or "the mail system gave no reason"
