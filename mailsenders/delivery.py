"""One try to send one claimed mail over one connection, and what the server's answers make of it.

    MAIL ─ RCPT … ─ note that the text leaves ─ DATA ─ text and dot ─ note the answer

An error before the text is a retry. No answer after it is doubt. A connection that has served other mails
may simply have come to its end, then the mail goes back and a fresh connection shows whose fault it was.

It talks to the server alone: what is to be written down it asks for (`may_start`) or reports at the end.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from django.conf import settings
from django.utils import timezone

from mailsenders import returnpath
from mailsenders.answers import TOO_BIG, UNKNOWN_END, Answer, Kind, Phase, Place, Verdict, classify
from mailsenders.models import EmailSender, OutgoingRecipient
from mailsenders.outbox import Claim, Outcome
from mailsenders.smtp import Line, Lost, Refused, Server, SmtpError
from mailstore import clamav
from sso.secrets import is_web_address

RecipientState = OutgoingRecipient.State

MARGIN_SECONDS = 10.0  # the envelope is done this long before the lease ends, or a quarter of a short lease
SIGN_IN_CODES = (530, 534, 535, 538)
HAS_FILES = b"\nContent-Disposition: "  # as `mailcore.compose` writes it
INFECTED = (
    "The virus scanner found {virus} in a file of this mail, so nothing was sent: write again without it."
)
ABOUT_SENDER = re.compile(r"\bsender\b|\breturn path\b|\+b=|<>|\b5\.1\.[78]\b", re.IGNORECASE)
STATES = {
    Kind.RETRY: RecipientState.RETRY,
    Kind.PARK: RecipientState.RETRY,
    Kind.FAIL: RecipientState.REFUSED,
}


def place_of(sender: EmailSender) -> Place:
    """Who talks to whom, for sentences."""
    server = Server.of(sender)
    by_token = is_web_address(server.password)
    return Place(sender.name, str(server), sender.username, sender.email_address, by_token)


class End(Enum):
    """How a try ends, as `outbox` names it; LOST: somebody else has the mail, nothing is written."""

    FINISH = auto()
    UNCERTAIN = auto()
    PUT_BACK = auto()
    NAME_SENDER = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Pause:
    """The sender pauses; `seconds` as `parking.park` has it."""

    sentence: str
    seconds: int | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a try: what to write down, and whether the connection is good for another one."""

    claim: Claim
    line: Line
    end: End
    is_good: bool
    began_at: datetime
    outcome: Outcome = field(default_factory=lambda: Outcome({}))
    pause: Pause | None = None

    @property
    def is_success(self) -> bool:
        """The server took something."""
        states = [state for state, _ in self.outcome.recipients.values()]
        return self.end is End.FINISH and RecipientState.ACCEPTED in states


@dataclass
class Delivery:
    """A try; `run` does all of it.

    :param may_start: notes that the text leaves; False when the claim has been lost.
    """

    claim: Claim
    line: Line
    may_start: Callable[[Claim], Awaitable[bool]]
    recipients: dict[str, tuple[RecipientState, str]] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)
    began_at: datetime = field(default_factory=timezone.now)

    async def run(self) -> Report:
        """Send the mail."""
        if Server.of(self.claim.sender) != self.line.server:  # the settings have changed meanwhile
            return self._report(End.PUT_BACK, is_good=False)
        try:
            return await self._converse(self.claim.raw.as_bytes())
        except Refused as refusal:
            return await self._refused(refusal)
        except Lost as error:
            return self._lost(error)

    async def _converse(self, raw: bytes) -> Report:
        if self._is_too_big(raw):
            return self._finish("", is_good=True)
        if clamav.is_on() and HAS_FILES in raw and not await self._may_leave(raw):
            return self._finish("", is_good=True)
        taken = await self._envelope(raw)
        if not taken:
            return self._finish("", is_good=await self._reset())
        if not await self.may_start(self.claim):
            return self._report(End.LOST, is_good=await self._reset())
        await self.line.start_text()
        answer = str(await self.line.text(raw))
        self.recipients |= dict.fromkeys(taken, (RecipientState.ACCEPTED, answer))
        return self._finish(answer, is_good=True)

    def _is_too_big(self, raw: bytes) -> bool:
        limit = self.line.largest_mail()
        if not limit or len(raw) <= limit:
            return False
        self._note(self._open(), TOO_BIG, f"{len(raw):,} octets, the limit is {limit:,}")
        return True

    async def _may_leave(self, raw: bytes) -> bool:
        """Whether the virus scanner lets a mail with files leave; if it is away, the mail is tried again."""
        try:
            verdict = await asyncio.to_thread(clamav.scan, raw)
        except clamav.ScannerAway as error:
            if settings.SCANNER_AWAY == "warn":
                return True
            self.recipients |= dict.fromkeys(self._open(), (RecipientState.RETRY, ""))
            self.sentences.append(f"{error} Nothing with files leaves before; it is tried again.")
            return False
        if verdict.virus:
            self.recipients |= dict.fromkeys(
                self._open(), (RecipientState.REFUSED, f"Virus: {verdict.virus}")
            )
            self.sentences.append(INFECTED.format(virus=verdict.virus))
        return not verdict.virus

    async def _envelope(self, raw: bytes) -> list[str]:
        """The recipients that the server takes; what it says of the others is noted."""
        margin = min(MARGIN_SECONDS, settings.LEASE / 4)
        left = (self.claim.lease_until - timezone.now()).total_seconds() - margin
        answers = await self.line.envelope(self.claim.mail_from, self.claim.recipients, raw, max(left, 0))
        if (about_sender := self._about_sender(list(answers.values()))) is not None:
            raise Refused(Phase.RCPT, about_sender)
        for email, answer in answers.items():
            if answer is None:
                continue
            verdict = classify(answer, Phase.RCPT)
            if verdict.kind is Kind.PARK:
                raise Refused(Phase.RCPT, answer)
            self._note([email], verdict, answer)
        return [email for email, answer in answers.items() if answer is None]

    async def _refused(self, refusal: Refused) -> Report:
        """The server said no to the mail as a whole, or to its sender."""
        if self._wants_a_sender(refusal):
            return self._report(End.NAME_SENDER, is_good=await self._reset())
        answer, verdict = refusal.answer, classify(refusal.answer, refusal.phase)
        if verdict.kind is Kind.UNCERTAIN:
            return self._doubt(verdict, answer)
        if verdict.kind is Kind.PARK and answer.code == 421 and self._has_served():
            return self._report(End.PUT_BACK, is_good=False)
        sentence, pause = self._sentence(verdict, answer), None
        if verdict.kind is Kind.PARK:
            pause = Pause(sentence, verdict.seconds, verdict.name)
        is_good = verdict.kind is not Kind.PARK and await self._reset()
        if not verdict.blames_mail:
            return self._report(End.PUT_BACK, Outcome({}, "", sentence), is_good=is_good, pause=pause)
        self._note(self._open(), verdict, answer)
        return self._finish(str(answer), is_good=is_good, pause=pause)

    def _about_sender(self, answers: list[Answer | None]) -> Answer | None:
        """What the server says of a return path that can be replaced, if that is why it takes nobody.

        Postfix judges the sender only when it hears the first recipient (smtpd_delay_reject).
        """
        if not self._can_name_sender():
            return None
        about = [
            each for each in answers if each and ABOUT_SENDER.search(str(each)) and each.code // 100 == 5
        ]
        return about[0] if about and len(about) == len(answers) else None

    def _can_name_sender(self) -> bool:
        return not self.claim.mail_from or returnpath.is_signed(self.claim.mail_from)

    def _wants_a_sender(self, refusal: Refused) -> bool:
        """Whether the return path may be what the server minds.

        Automatic mail has none, so that no bounce of it starts a loop (RFC 3834 3.3), but some providers let
        nobody send for nobody; and not all take an address that names the mail.
        """
        if not self._can_name_sender():
            return False
        is_final = refusal.answer.code // 100 == 5 and refusal.answer.code not in SIGN_IN_CODES
        return is_final and refusal.phase in (Phase.MAIL, Phase.RCPT, Phase.DOT)

    def _lost(self, error: Lost) -> Report:
        """The server said nothing."""
        if error.phase is Phase.DOT:
            return self._doubt(UNKNOWN_END, str(error))
        if self._has_served():
            return self._report(End.PUT_BACK, is_good=False)
        sentence = f"{error}: it is tried again."
        self.recipients |= dict.fromkeys(self._open(), (RecipientState.RETRY, str(error)))
        self.sentences.append(sentence)
        return self._finish("", is_good=False, pause=Pause(sentence))

    def _doubt(self, verdict: Verdict, answer: Answer | str) -> Report:
        sentence = self._sentence(verdict, answer)
        outcome = Outcome(self.recipients, str(answer), sentence)
        # One mail in doubt is enough: the next one waits until the server may have recovered.
        return self._report(End.UNCERTAIN, outcome, is_good=False, pause=Pause(sentence, cause=verdict.name))

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

    def _finish(self, answer: str, *, is_good: bool, pause: Pause | None = None) -> Report:
        outcome = Outcome(self.recipients, answer or self._last_answer(), " ".join(self.sentences))
        return self._report(End.FINISH, outcome, is_good=is_good, pause=pause)

    def _report(
        self, end: End, outcome: Outcome | None = None, *, is_good: bool, pause: Pause | None = None
    ) -> Report:
        return Report(
            claim=self.claim,
            line=self.line,
            end=end,
            is_good=is_good,
            began_at=self.began_at,
            outcome=outcome or Outcome({}),
            pause=pause,
        )

    def _last_answer(self) -> str:
        return next((answer for _, answer in reversed(self.recipients.values())), "")

    async def _reset(self) -> bool:
        try:
            await self.line.reset()
        except SmtpError:
            return False
        return True
