"""How the customers behave: when they write, whom, and what they do with an answer.

A conversation, as the customer sees it::

    wrote ──answer──▶ read ──5 to 15 s──▶ asked further ──answer──▶ … ──▶ said thanks (silent from then on)

Automatic mail and mail of lists is read and not answered. Nobody writes faster than about one mail a minute
to a mailbox that leaves many letters unanswered, so a demo left alone does not flood.
"""

import asyncio
import email
import email.policy
import itertools
import logging
import random
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr
from functools import partial
from typing import Any

from rehearsal.customers.letters import MAILBOXES, Language, Library, Person, read_library
from rehearsal.customers.writing import Writer, plain_text
from rehearsal.mail.post import PostOffice

logger = logging.getLogger(__name__)

#: Out of ten letters, so many go to each mailbox.
SHARES = (
    "support",
    "google",
    "billing",
    "support",
    "google",
    "billing",
    "support",
    "billing",
    "support",
    "returns",
)
LANGUAGES = ("cs", "en", "de", "es", "en", "cs", "fr", "de", "cs", "pl", "en", "es")
KEPT_MAILS = 200


@dataclass(frozen=True)
class Habits:
    """Times in seconds.

    :param every: between two letters.
    :param burst: letters at the very start.
    :param answer_after: shortest and longest time until a customer answers.
    :param patience: letters without answer to one mailbox, after which it gets one per ``slow`` only.
    :param rounds: answers of one customer in one conversation, at most; the last one is a thank-you.
    """

    every: float = 6
    burst: int = 12
    answer_after: tuple[float, float] = (5, 15)
    patience: int = 30
    slow: float = 180
    rounds: int = 3


@dataclass(frozen=True)
class SeenMail:
    """A mail in a customer's mailbox, for the page that shows it."""

    number: int
    sent_by_customer: bool
    at: datetime
    other: str
    subject: str
    text: str
    attachments: tuple[str, ...]
    raw: bytes = field(repr=False)


@dataclass
class Customer:
    """A person with a mailbox and a memory."""

    person: Person
    writer: Writer
    mails: deque[SeenMail] = field(default_factory=lambda: deque(maxlen=KEPT_MAILS))
    received: int = 0
    #: first Message-ID of a conversation → answers given in it; more than enough when thanked.
    rounds: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def keep(self, mail: EmailMessage, raw: bytes, *, by_customer: bool) -> None:
        """Remember a mail that was written or received; the oldest of many is forgotten."""
        self.received += not by_customer
        self.mails.append(
            SeenMail(
                number=self.mails[-1].number + 1 if self.mails else 1,
                sent_by_customer=by_customer,
                at=datetime.now(UTC),
                other=parseaddr(str(mail["To" if by_customer else "From"]))[1],
                subject=str(mail.get("Subject", "")),
                text=plain_text(mail),
                attachments=tuple(part.get_filename() or "file" for part in mail.iter_attachments()),
                raw=raw,
            )
        )


class Crowd:
    """All customers of a world."""

    def __init__(
        self,
        post: PostOffice,
        habits: Habits,
        library: Library | None = None,
        seed: int | None = None,
    ) -> None:
        self.post = post
        self.habits = habits
        self.library = library or read_library()
        self._dice = random.Random(seed)
        self._mailboxes = itertools.cycle(SHARES)
        self._languages = itertools.cycle(LANGUAGES)
        self.customers = {person.address: self._settle(person) for person in self.library.people}
        self.unanswered: dict[str, set[str]] = {address: set() for address in MAILBOXES.values()}
        self._last_letter: dict[str, float] = {}
        self._answers: set[asyncio.Task[None]] = set()

    def _settle(self, person: Person) -> Customer:
        customer = Customer(person, Writer(person, self.library.languages[person.language], self._dice))
        self.post.boxes[person.address] = partial(self._receive, customer)
        return customer

    async def live(self) -> None:
        """Write letters until cancelled."""
        for _ in range(self.habits.burst):
            await self.write()
        while True:
            await asyncio.sleep(self.habits.every)
            await self.write()

    def stop(self) -> None:
        """Forget the answers that were about to be written."""
        for answer in self._answers:
            answer.cancel()

    async def write(self) -> None:
        """One letter to the mailbox whose turn it is, unless that has too many unanswered."""
        mailbox = MAILBOXES[next(self._mailboxes)]
        if self._may_write(mailbox):
            await self.write_to(mailbox, next(self._languages))

    def _may_write(self, mailbox: str) -> bool:
        if len(self.unanswered[mailbox]) < self.habits.patience:
            return True
        return time.monotonic() >= self._last_letter.get(mailbox, 0) + self.habits.slow

    async def write_to(self, mailbox: str, language: str, alias: str = "") -> EmailMessage:
        """One letter now, by somebody who speaks the language.

        :param alias: the address to write to in place of the mailbox's own.
        :raises KeyError: the mailbox or the language is not of this world.
        """
        spoken: Language = self.library.languages[language]
        customer = self.customers[self._dice.choice(spoken.people).address]
        mail = customer.writer.first_mail(self._dice.choice(spoken.letters_to(mailbox)), alias or mailbox)
        self.unanswered[mailbox].add(str(mail["Message-ID"]))
        self._last_letter[mailbox] = time.monotonic()
        await self._send(customer, mail)
        return mail

    async def _send(self, customer: Customer, mail: EmailMessage) -> None:
        raw = mail.as_bytes()
        to = parseaddr(str(mail["To"]))[1]
        customer.keep(mail, raw, by_customer=True)
        if self.post.knows(to):
            await self.post.deliver(customer.person.address, [to], raw)
        else:
            logger.warning("%s cannot answer to %s: no such mailbox.", customer.person.address, to)

    async def _receive(self, customer: Customer, raw: bytes) -> None:
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        customer.keep(mail, raw, by_customer=False)
        for letters in self.unanswered.values():
            letters.difference_update(_references(mail))
        if _is_automatic(mail):
            return
        conversation = next(_references(mail))
        customer.rounds[conversation] += 1
        if customer.rounds[conversation] <= self.habits.rounds:
            self._start(self._answer(customer, mail, customer.rounds[conversation]))

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, customer: Customer, mail: EmailMessage, round_number: int) -> None:
        if customer.person.away and round_number == 1:
            await self._send(customer, customer.writer.away_reply(mail))
        await asyncio.sleep(self._dice.uniform(*self.habits.answer_after))
        language = customer.writer.language
        asks = round_number < self.habits.rounds and self._dice.random() < 0.7 / round_number
        if not asks:
            customer.rounds[next(_references(mail))] = self.habits.rounds
        text = self._dice.choice(language.questions if asks else language.thanks)
        await self._send(customer, customer.writer.answer(mail, text))


def _references(mail: EmailMessage) -> Iterator[str]:
    """The ids of the conversation, the oldest first; the mail's own is the last."""
    for header in ("References", "In-Reply-To", "Message-ID"):
        yield from str(mail.get(header, "")).split()
    yield ""


def _is_automatic(mail: EmailMessage) -> bool:
    """RFC 3834 section 2, and the older habits of lists and machines."""
    return (
        str(mail.get("Auto-Submitted", "no")).strip().lower() != "no"
        or str(mail.get("Precedence", "")).strip().lower() in ("bulk", "junk", "list", "auto_reply")
        or "List-Id" in mail
        or str(mail.get("Return-Path", "")).strip() == "<>"
    )
