"""One try to send one claimed mail over one connection, and what the server's answers make of it.

    MAIL ─ RCPT … ─ note that the text leaves ─ DATA ─ text and dot ─ note the answer

An error before the text is a retry. No answer after it is doubt. A connection that has served other mails
may simply have come to its end, then the mail goes back and a fresh connection shows whose fault it was.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from mailsenders import background, outbox, parking
from mailsenders.answers import TOO_BIG, UNKNOWN_END, Answer, Kind, Phase, Place, Verdict, classify
from mailsenders.models import EmailSender, OutgoingRecipient
from mailsenders.outbox import Claim, Outcome
from mailsenders.smtp import Line, Lost, Refused, Server, SmtpError

logger = logging.getLogger(__name__)

RecipientState = OutgoingRecipient.State
Result = TypeVar("Result")

MARGIN_SECONDS = 10.0  # the envelope is done this long before the lease ends, or a quarter of a short lease
WRITE_PAUSES = (0.2, 1, 2, 5, 10, 20)
SIGN_IN_CODES = (530, 534, 535, 538)
STATES = {
    Kind.RETRY: RecipientState.RETRY,
    Kind.PARK: RecipientState.RETRY,
    Kind.FAIL: RecipientState.REFUSED,
}


def place_of(sender: EmailSender) -> Place:
    """Who talks to whom, for sentences."""
    return Place(sender.name, str(Server.of(sender)), sender.username, sender.email_address)


@dataclass
class Delivery:
    """A try; `run` does all of it."""

    claim: Claim
    line: Line
    recipients: dict[str, tuple[RecipientState, str]] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)

    def run(self) -> bool:
        """Send the mail and write down what came of it; True when the connection is good for another one.

        :raises DatabaseError: the outcome could not be written; the row's lease settles it.
        """
        if Server.of(self.claim.sender) != self.line.server:  # the settings have changed meanwhile
            outbox.put_back(self.claim)
            return False
        raw = self.claim.raw.as_bytes()
        try:
            return self._converse(raw)
        except Refused as refusal:
            return self._refused(refusal)
        except Lost as error:
            return self._lost(error)

    def _converse(self, raw: bytes) -> bool:
        if self._is_too_big(raw):
            return True
        taken = self._envelope(raw)
        if not taken:
            self._finish("")
            return self._reset()
        if not outbox.start_data(self.claim):
            logger.warning("The claim of outgoing mail %s is lost: nothing is sent.", self.claim.mail_id)
            return self._reset()
        background.run(self.line.start_text())
        answer = str(background.run(self.line.text(raw)))
        self.recipients |= dict.fromkeys(taken, (RecipientState.ACCEPTED, answer))
        self._finish(answer)
        parking.note_success(self.claim.sender.pk)
        return True

    def _is_too_big(self, raw: bytes) -> bool:
        limit = self.line.largest_mail()
        if not limit or len(raw) <= limit:
            return False
        self._note(self._open(), TOO_BIG, f"{len(raw):,} octets, the limit is {limit:,}")
        self._finish("")
        return True

    def _envelope(self, raw: bytes) -> list[str]:
        """The recipients that the server takes; what it says of the others is noted."""
        margin = min(MARGIN_SECONDS, settings.LEASE / 4)
        left = (self.claim.lease_until - timezone.now()).total_seconds() - margin
        answers = background.run(
            self.line.envelope(self.claim.mail_from, self.claim.recipients, raw, max(left, 0))
        )
        for email, answer in answers.items():
            if answer is None:
                continue
            verdict = classify(answer, Phase.RCPT)
            if verdict.kind is Kind.PARK:
                raise Refused(Phase.RCPT, answer)
            self._note([email], verdict, answer)
        return [email for email, answer in answers.items() if answer is None]

    def _refused(self, refusal: Refused) -> bool:
        """The server said no to the mail as a whole, or to its sender."""
        if self._wants_a_sender(refusal):
            self._write(lambda: outbox.name_sender(self.claim))
            return self._reset()
        answer, verdict = refusal.answer, classify(refusal.answer, refusal.phase)
        if verdict.kind is Kind.UNCERTAIN:
            return self._doubt(verdict, answer)
        if verdict.kind is Kind.PARK and answer.code == 421 and self._has_served():
            outbox.put_back(self.claim)
            return False
        sentence = self._sentence(verdict, answer)
        if verdict.kind is Kind.PARK:
            parking.park(self.claim.sender.pk, sentence, verdict.seconds)
        if verdict.blames_mail:
            self._note(self._open(), verdict, answer)
            self._finish(str(answer))
        else:
            self._write(lambda: outbox.put_back(self.claim, sentence))
        return verdict.kind is not Kind.PARK and self._reset()

    def _wants_a_sender(self, refusal: Refused) -> bool:
        """Whether the empty return path may be what the server minds.

        Automatic mail has none, so that no bounce of it starts a loop (RFC 3834 3.3), but some providers let
        nobody send for nobody.
        """
        is_final = refusal.answer.code // 100 == 5 and refusal.answer.code not in SIGN_IN_CODES
        return not self.claim.mail_from and is_final and refusal.phase in (Phase.MAIL, Phase.RCPT, Phase.DOT)

    def _lost(self, error: Lost) -> bool:
        """The server said nothing."""
        if error.phase is Phase.DOT:
            return self._doubt(UNKNOWN_END, str(error))
        if self._has_served():
            outbox.put_back(self.claim)
            return False
        sentence = f"{error}: it is tried again."
        parking.park(self.claim.sender.pk, sentence)
        self.recipients |= dict.fromkeys(self._open(), (RecipientState.RETRY, str(error)))
        self.sentences.append(sentence)
        self._finish("")
        return False

    def _doubt(self, verdict: Verdict, answer: Answer | str) -> bool:
        sentence = self._sentence(verdict, answer)
        outcome = Outcome(self.recipients, str(answer), sentence)
        self._write(lambda: outbox.finish_uncertain(self.claim, outcome))
        # One mail in doubt is enough: the next one waits until the server may have recovered.
        parking.park(self.claim.sender.pk, sentence)
        return False

    def _has_served(self) -> bool:
        return self.line.mails > 0

    def _open(self) -> list[str]:
        """The recipients of whom nothing is known yet."""
        return [email for email in self.claim.recipients if email not in self.recipients]

    def _note(self, emails: list[str], verdict: Verdict, answer: Answer | str) -> None:
        for email in emails:
            self.recipients[email] = (STATES[verdict.kind], str(answer))
        self.sentences.append(f"{', '.join(emails)}: {self._sentence(verdict, answer)}")

    def _sentence(self, verdict: Verdict, answer: Answer | str) -> str:
        return place_of(self.claim.sender).sentence(verdict, answer)

    def _finish(self, answer: str) -> None:
        outcome = Outcome(self.recipients, answer or self._last_answer(), " ".join(self.sentences))
        self._write(lambda: outbox.finish(self.claim, outcome))

    def _last_answer(self) -> str:
        return next((answer for _, answer in reversed(self.recipients.values())), "")

    def _reset(self) -> bool:
        try:
            background.run(self.line.reset())
        except SmtpError:
            return False
        return True

    def _write(self, work: Callable[[], Result]) -> Result:
        """Write down what can't be asked for again, although the database may be restarting."""
        for pause in WRITE_PAUSES:
            try:
                return work()
            except (OperationalError, InterfaceError):
                logger.warning("The outcome of outgoing mail %s can't be written yet.", self.claim.mail_id)
                close_old_connections()
                time.sleep(pause)
        return work()
