"""Several mails of one sender under way at once, over several connections.

One thread writes, the connections talk on the loop of `background` and tell it what they need:

    thread   claim ─▶ stock ─▶ fly          note the start        note the answer ─▶ fly the next one
    loop                        MAIL, RCPT ─▶ may I? ─▶ DATA, text, dot ─▶ report

So what several connections want noted goes into one statement, a slow server keeps nobody else waiting, and
a connection begins its next mail only when the answer to the last one is committed.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import Empty
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from mailsenders import background, claims, connections, outbox, parking, slots
from mailsenders.delivery import Delivery, End, Report
from mailsenders.envelope import Claim
from mailsenders.heard_client import Tried
from mailsenders.smtp import Line, Server, SmtpError
from mailsenders.turns import Inbox
from sso.oauth import SignInError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

TURN_SECONDS = 30.0
AHEAD = 4  # mails claimed for each connection; what a killed worker held waits for its lease
SLOW_SECONDS = 2.0  # a mail that takes longer keeps its connection from the others
CROWDED_SECONDS = 300.0  # after a server took no further connection
WRITE_PAUSES = (0.2, 1, 2, 5, 10, 20)

_crowded: dict[int, float] = {}  # sender → until when no further connection is tried


@dataclass(frozen=True, slots=True)
class Ask:
    """A connection wants to send the text."""

    claim: Claim
    answer: "background.Answer"


@dataclass(frozen=True, slots=True)
class Opened:
    """A further connection stands, or not."""

    slot: int
    line: Line | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A try broke off by a fault of ours; the lease settles the mail."""

    claim: Claim
    line: Line


@dataclass(slots=True)
class Flight:
    """A mail under way."""

    line: Line
    work: "Future[None]"
    since: float


class Crew:
    """Sends for one sender for half a minute, or as long as a slow server keeps it anyway.

    :param inbox: for what the connections tell, and who comes meanwhile.
    :param stopping: set when the process is to end.
    """

    def __init__(self, sender_id: int, inbox: Inbox, stopping: threading.Event) -> None:
        self.sender_id, self.inbox, self.stopping = sender_id, inbox, stopping
        self.end = time.monotonic() + TURN_SECONDS
        self.renewed = time.monotonic()
        self.stock: deque[Claim] = deque()
        self.idle: list[Line] = []
        self.flights: dict[int, Flight] = {}
        self.dials: dict[int, Future[None]] = {}
        self.is_home = False

    def run(self, line: Line) -> bool:
        """Send until nothing is due, the time is over or the process is to end.

        True when it ended because no connection was left: a fresh one may do better.

        :raises DatabaseError: an outcome could not be written; the row's lease settles it.
        """
        self.idle.append(line)
        try:
            self._man()
            while self.flights:
                self._handle(self._events())
                self._man()
            return not self.idle
        finally:
            self._go_home()

    # What is to be done.

    def _man(self) -> None:
        """Give each free connection a mail, and open another one when there are many."""
        if self.stopping.is_set():
            self._give_back()
            return
        if len(self.stock) < len(self.idle) and self._may_claim():
            self._claim()
        while self.stock and self.idle:
            self._fly(self.stock.popleft(), self.idle.pop())
        self._grow()

    def _may_claim(self) -> bool:
        now = time.monotonic()
        return now < self.end or any(now - flight.since > SLOW_SECONDS for flight in self.flights.values())

    def _claim(self) -> None:
        most = AHEAD * (len(self.idle) + len(self.flights)) - len(self.stock)
        try:
            self.stock += claims.claim_many(self.sender_id, timezone.now(), most)
        except (OperationalError, InterfaceError):
            logger.warning("The database is away: nothing is claimed for sender %s.", self.sender_id)
            close_old_connections()

    def _give_back(self) -> None:
        if self.stock:
            stock = list(self.stock)
            self.stock.clear()
            self._write(lambda: claims.give_back(stock), f"{len(stock)} mails of sender {self.sender_id}")

    def _fly(self, claim: Claim, line: Line) -> None:
        work = background.start(self._deliver(claim, line))
        self.flights[claim.mail_id] = Flight(line, work, time.monotonic())

    # On the loop.

    async def _deliver(self, claim: Claim, line: Line) -> None:
        try:
            self.inbox.put(await Delivery(claim, line, self._ask).run())
        except Exception:
            logger.exception("The try to send outgoing mail %s broke off.", claim.mail_id)
            self.inbox.put(Broken(claim, line))

    async def _ask(self, claim: Claim) -> bool:
        answer = background.Answer()
        self.inbox.put(Ask(claim, answer))
        return await answer.wait()

    # What has happened.

    def _events(self) -> list[Any]:
        """What has come, at least one thing; after a second without any, what waits is given back."""
        try:
            found = [self.inbox.get(timeout=1.0)]
        except Empty:
            if not self.idle and self._is_stuck():
                self._give_back()
            return []
        while True:
            try:
                found.append(self.inbox.get_nowait())
            except Empty:
                return found

    def _is_stuck(self) -> bool:
        now = time.monotonic()
        return all(now - flight.since > SLOW_SECONDS for flight in self.flights.values())

    def _handle(self, events: list[Any]) -> None:
        """Answers of servers are noted before anything else."""
        reports = [event for event in events if isinstance(event, Report)]
        self._note(reports)
        self._let_start([event for event in events if isinstance(event, Ask)])
        for report in reports:
            self._land(report.claim, report.line, is_good=report.is_good)
        for event in events:
            if isinstance(event, Broken):
                self._land(event.claim, event.line, is_good=False)
            elif isinstance(event, Opened):
                self._welcome(event)
        self._renew()

    def _note(self, reports: list[Report]) -> None:
        usual = [each for each in reports if _is_usual(each)]
        unusual = [each for each in reports if not _is_usual(each)]
        if usual:
            pairs = [(each.claim, each.outcome) for each in usual]
            self._write(lambda: claims.finish_sent(pairs), _named(usual))
        for report in unusual:
            self._write(partial(_finish, report), _named([report]))
        for report in reports:
            sentence = report.outcome.sentence or (report.pause.sentence if report.pause else "")
            report.line.tries.append(Tried(report.claim.mail_id, report.is_success, sentence))
            if report.pause:
                pause = report.pause
                parking.park(self.sender_id, pause.sentence, pause.seconds, pause.cause)
                self._give_back()
            elif report.is_success:
                parking.note_success(self.sender_id, report.began_at)

    def _let_start(self, asked: list[Ask]) -> None:
        if not asked:
            return
        wanted = [each.claim for each in asked]
        started = self._write(lambda: claims.start_many(wanted), "the start of mails")
        background.answer([(each.answer, each.claim.mail_id in started) for each in asked])
        for claim in wanted:
            if claim.mail_id not in started:
                logger.warning("The claim of outgoing mail %s is lost: nothing is sent.", claim.mail_id)

    def _land(self, claim: Claim, line: Line, *, is_good: bool) -> None:
        del self.flights[claim.mail_id]
        if is_good and 0 < line.slot <= claim.sender.connections:
            self.idle.append(line)
        else:
            connections.drop(self.sender_id, line)

    def _write(self, work: Callable[[], Result], what: str) -> Result:
        """Write down what can't be asked for again, although the database may be restarting."""
        for pause in WRITE_PAUSES:
            try:
                return work()
            except (OperationalError, InterfaceError):
                logger.warning("What became of %s can't be written yet.", what)
                close_old_connections()
                time.sleep(pause)
        return work()

    # Further connections.

    def _grow(self) -> None:
        """Open another connection when those at hand won't soon have done with what waits."""
        lines = len(self.idle) + len(self.flights) + len(self.dials)
        is_much = len(self.stock) > 2 * lines or (self.stock and self._is_stuck())
        if not is_much or self.dials or _crowded.get(self.sender_id, 0.0) > time.monotonic():
            return
        sender = self.stock[0].sender
        if lines >= sender.connections:
            return
        slot = slots.take(self.sender_id, sender.connections)
        if slot is None:
            _crowded[self.sender_id] = time.monotonic() + SLOW_SECONDS
            return
        try:
            server = Server.of(sender)
            credential = connections.credential_of(server)
        except SignInError:  # who opens the first connection says so
            slots.release(self.sender_id, [slot])
            return
        self.dials[slot] = background.start(self._dial(slot, connections.dial(server, credential)))

    async def _dial(self, slot: int, dialling: Any) -> None:
        try:
            line = await dialling
            if self.is_home:
                await line.close()
            else:
                self.inbox.put(Opened(slot, line))
        except SmtpError as error:
            self.inbox.put(Opened(slot, None, str(error)))
        except Exception:
            logger.exception("A further connection for sender %s failed.", self.sender_id)
            self.inbox.put(Opened(slot, None, "see the log"))

    def _welcome(self, opened: Opened) -> None:
        del self.dials[opened.slot]
        if opened.line:
            opened.line.slot = opened.slot
            self.idle.append(opened.line)
            return
        # It works with those at hand, so the sender isn't blamed.
        logger.info("No further connection for sender %s: %s", self.sender_id, opened.error)
        _crowded[self.sender_id] = time.monotonic() + CROWDED_SECONDS
        slots.release(self.sender_id, [opened.slot])

    def _renew(self) -> None:
        """Hold on to the slots of all connections; one that is lost is closed when it is free."""
        if time.monotonic() - self.renewed < slots.SECONDS / 3:
            return
        lines = [*self.idle, *(flight.line for flight in self.flights.values())]
        try:
            ours = slots.renew(self.sender_id, [*(line.slot for line in lines), *self.dials])
        except (OperationalError, InterfaceError):
            close_old_connections()
            return
        self.renewed = time.monotonic()
        for line in lines:
            line.slot = line.slot if line.slot in ours else 0

    # The end.

    def _go_home(self) -> None:
        """Keep one connection. What is under way now has met a fault of ours: its lease settles it."""
        for flight in self.flights.values():
            flight.work.cancel()
            connections.close(flight.line, politely=False)
        self._stop_dialling()
        kept = self.idle.pop(0) if self.idle and self.idle[0].slot else None
        for line in self.idle:
            connections.close(line)
        others = [*self.idle, *(flight.line for flight in self.flights.values())]
        try:
            self._give_back()
            slots.release(self.sender_id, [*self.dials, *(line.slot for line in others)])
            if kept:
                connections.keep(self.sender_id, kept)
        except DatabaseError:
            if kept:
                connections.close(kept)
            raise

    def _stop_dialling(self) -> None:
        """A connection that came too late is closed; who has come meanwhile is still to be seen."""
        self.is_home = True
        for dial in self.dials.values():
            dial.cancel()
        if self.dials:
            background.run(asyncio.sleep(0))  # from here on none of them says anything
        others = []
        while not self.inbox.empty():
            event = self.inbox.get_nowait()
            if isinstance(event, Opened):
                if event.line:
                    connections.close(event.line)
            else:
                others.append(event)
        for event in others:
            self.inbox.put(event)


def _is_usual(report: Report) -> bool:
    return report.end is End.FINISH and outbox.is_usual(report.claim, report.outcome)


def _named(reports: list[Report]) -> str:
    return f"outgoing mail {', '.join(str(report.claim.mail_id) for report in reports)}"


def _finish(report: Report) -> None:
    """Write down what came of one try."""
    claim, outcome = report.claim, report.outcome
    match report.end:
        case End.FINISH:
            outbox.finish(claim, outcome)
        case End.UNCERTAIN:
            outbox.finish_uncertain(claim, outcome)
        case End.PUT_BACK:
            outbox.put_back(claim, outcome.sentence)
        case End.NAME_SENDER:
            outbox.name_sender(claim)
        case End.LOST:
            pass
