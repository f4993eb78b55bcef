"""Trials of the outbox: what a server, a kill or another worker can do to it, and who judges the end.

`bench.faults` runs them in great numbers, the test suite a few rounds of each. All of them send to a sink
that writes down each mail before it answers, and end with the same judgement: no Message-ID accepted twice,
none lost, what the outbox says of a mail is what the sink knows.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.parser import BytesHeaderParser
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, Literal, cast

from django.db import DatabaseError
from django.db import connections as databases
from django.utils import timezone

from mailsenders import connections, outbox, sending, smtp
from mailsenders.due import WAITING, senders_with_due_mail
from mailsenders.models import EmailSender, OutgoingMail, SenderState
from tests.make import make_outgoing, make_sender
from tests.servers.authority import Certificate
from tests.servers.smtp import SmtpServer
from tests.servers.smtp_faults import Fault, Phase, TakenMail

State = OutgoingMail.State
Kind = Literal["drop", "silence", "4xx", "5xx"]

KINDS: tuple[Kind, ...] = ("drop", "silence", "4xx", "5xx")
POINTS: tuple[tuple[str, Phase], ...] = (
    ("before the greeting", "connect"),
    ("after the greeting", "greeted"),
    ("at EHLO", "ehlo"),
    ("at STARTTLS", "starttls"),
    ("at AUTH", "auth"),
    ("at MAIL", "mail"),
    ("at RCPT", "rcpt"),
    ("at DATA", "data"),
    ("in the text", "text"),
    ("after the text, before the answer", "dot"),
    ("the 250 is lost", "dot"),
    ("at QUIT", "quit"),
)
LOST_ANSWER = "the 250 is lost"
AFTER_THE_TEXT = ("in the text", "after the text, before the answer", LOST_ANSWER)
SHORT = {"CONNECT_SECONDS": 0.5, "COMMAND_SECONDS": 0.5, "DATA_SECONDS": 0.5, "DOT_SECONDS": 0.5,
         "RESET_SECONDS": 0.5, "PARTING_SECONDS": 0.2}  # fmt: skip


@dataclass
class Verdict:
    """What came of a trial."""

    mails: int = 0
    states: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Verdict") -> None:
        """Sum up."""
        self.mails += other.mails
        self.states += other.states
        self.faults += other.faults

    def __str__(self) -> str:
        states = ", ".join(f"{number} {name}" for name, number in sorted(self.states.items()))
        return f"{self.mails} mails: {states}; {len(self.faults)} faults of ours"


def judge(mails: Iterable[OutgoingMail], taken: Counter[str]) -> Verdict:
    """Compare the outbox with the sink. Every mail must have come to an end that is true.

    A reply may wait, as it should, while an earlier one of its conversation is in doubt.
    """
    verdict, rows = Verdict(), list(mails)
    for mail in rows:
        mail.refresh_from_db()
    in_doubt = {mail.order_key for mail in rows if mail.state == State.UNCERTAIN}
    for mail in rows:
        times = taken[mail.message_id]
        verdict.mails += 1
        said = f"mail {mail.pk} is {mail.state}, the sink has it {times} times: {mail.last_error}"
        if times > 1:
            verdict.faults.append(f"twice: {said}")
        elif mail.state in WAITING and mail.order_key in in_doubt and not times:
            verdict.states["waiting for one in doubt"] += 1
            continue
        elif mail.state not in (State.SENT, State.FAILED, State.UNCERTAIN):
            verdict.faults.append(f"not settled: {said}")
        elif (mail.state, times) in ((State.SENT, 0), (State.FAILED, 1)):
            verdict.faults.append(f"untrue: {said}")
        verdict.states[mail.state] += 1
    return verdict


def ids(taken: Iterable[TakenMail]) -> list[str]:
    """The Message-IDs of mails, without their brackets."""
    parser = BytesHeaderParser()
    return [str(parser.parsebytes(mail.raw)["Message-ID"]).strip("<>") for mail in taken]


# ── Faults of the dialogue ────────────────────────────────────────────────────────────────────────────


@contextmanager
def short_patience(times: float = 1) -> Iterator[None]:
    """Wait half a second where it would be minutes, or so many times that long."""
    kept = {name: getattr(smtp, name) for name in SHORT}
    try:
        for name, seconds in SHORT.items():
            setattr(smtp, name, times * seconds)
        yield
    finally:
        for name, seconds in kept.items():
            setattr(smtp, name, seconds)


def fault_round(server: SmtpServer, point: str, phase: Phase, kind: Kind) -> Verdict:
    """One fault at one point, while three mails of two conversations leave; later all is well again."""
    sender = make_sender(server_type="STARTTLS", service_port=server.port, username="box", password="secret")
    key = random.getrandbits(40)
    mails = [make_outgoing(sender, order_key=key + number % 2) for number in range(3)]
    begun = len(server.mails)
    server.fault(phase, **_fault(point, kind))
    sending.send_due_mail(sender.pk)
    connections.close_all()
    mails[0].refresh_from_db()
    at_once = mails[0].state
    server.mend()
    for _ in range(4):
        time_passes(sender)
        sending.send_due_mail(sender.pk)
    connections.close_all()
    verdict = judge(mails, Counter(ids(server.mails[begun:])))
    verdict.faults += [f"{point}, {kind}: {fault}" for fault in _expected(point, kind, at_once, mails)]
    return verdict


def _fault(point: str, kind: Kind) -> dict[str, Any]:
    if point == LOST_ANSWER:
        return {"drop": kind in ("drop", "4xx"), "silent": kind in ("silence", "5xx"), "stored": True}
    answers = {"4xx": "451 4.3.0 Try again later", "5xx": "550 5.7.1 We don't want this"}
    return {"drop": kind == "drop", "silent": kind == "silence", "answer": answers.get(kind, "")}


def _expected(point: str, kind: Kind, at_once: str, mails: Sequence[OutgoingMail]) -> list[str]:
    """Doubt exactly where the text had left without an answer; a mail is blamed for its own refusals only."""
    is_doubt = point == LOST_ANSWER or (point in AFTER_THE_TEXT and kind in ("drop", "silence"))
    states = [str(mail.state) for mail in mails]
    found = []
    if is_doubt != (at_once == State.UNCERTAIN) or is_doubt != (State.UNCERTAIN in states):
        found.append(f"the first mail was {at_once}, then all were {states}")
    before_the_mail = POINTS.index(next(each for each in POINTS if each[0] == point)) < 5
    if (before_the_mail or point == "at QUIT") and set(states) != {State.SENT}:
        found.append(f"nothing was wrong with the mails, but they are {states}")
    return found


def time_passes(sender: EmailSender) -> None:
    """Pauses and leases are over."""
    past = timezone.now() - timedelta(seconds=1)
    mails = OutgoingMail.objects.filter(sender=sender)
    mails.filter(state__in=WAITING).update(not_before=past)
    mails.filter(state=State.SENDING).update(lease_until=past)
    SenderState.objects.filter(sender=sender).update(next_attempt_at=None)
    outbox.sweep(timezone.now())


# ── Processes ─────────────────────────────────────────────────────────────────────────────────────────


class WritingServer(SmtpServer):
    """A sink that writes each mail down before it answers: when, and its Message-ID."""

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    def take(self, mail: TakenMail) -> None:
        with self.path.open("a") as log:
            log.write(f"{time.time():.6f} {ids([mail])[0]}\n")
        super().take(mail)


@dataclass
class Sink:
    """Such a server in a process of its own; `trouble` is the share of phases that end in a random 4xx."""

    path: Path
    certificate: Certificate
    trouble: float = 0.0
    pause: float = 0.0
    port: int = 0

    def __enter__(self) -> "Sink":
        ours, theirs = get_context("fork").Pipe()
        databases.close_all()
        self._process = get_context("fork").Process(target=self._serve, args=(theirs,), daemon=True)
        self._process.start()
        self.port = ours.recv()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.join(10)

    def _serve(self, pipe: Connection) -> None:
        server = WritingServer(self.path, tls="ssl", certificate=self.certificate, luck=self._luck)
        server.start()
        pipe.send(server.port)
        while True:
            time.sleep(3600)

    def _luck(self, phase: str) -> Fault | None:
        with self._steps.open("ab") as steps:
            steps.write(b".")
        if phase == "dot" and self.pause:
            time.sleep(random.uniform(0, self.pause))
        if phase in ("mail", "rcpt", "data", "dot") and random.random() < self.trouble:
            return Fault(cast(Phase, phase), "451 4.3.0 Try again later")
        return None

    def lines(self) -> list[tuple[float, str]]:
        """What was taken: when, and which Message-ID."""
        if not self.path.exists():
            return []
        words = [line.split(" ", 1) for line in self.path.read_text().splitlines()]
        return [(float(at), message_id) for at, message_id in words]

    @property
    def _steps(self) -> Path:
        return self.path.with_suffix(".steps")

    def wait_for_steps(self, number: int, seconds: float = 10) -> bool:
        """Until clients have come so many phases further than now; False when they don't in time."""
        begun, deadline = self._count_steps(), time.monotonic() + seconds
        while self._count_steps() < begun + number:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.0005)
        return True

    def _count_steps(self) -> int:
        return self._steps.stat().st_size if self._steps.exists() else 0

    def taken(self) -> Counter[str]:
        """How often each Message-ID was accepted."""
        return Counter(message_id for _, message_id in self.lines())

    def sender(self, **settings: Any) -> EmailSender:
        """A sender that uses it."""
        return make_sender(server_type="SSL", service_port=self.port, **settings)


def work() -> None:
    """What a worker of the product does with the outbox, without a task queue, until it is killed."""
    while True:
        try:
            now = timezone.now()
            for sender_id in senders_with_due_mail(now):
                sending.send_due_mail(sender_id)
            outbox.sweep(now)
        except DatabaseError:
            databases.close_all()
        time.sleep(0.02)


def _worker(seed: int) -> None:
    random.seed(seed)
    null = os.open(os.environ.get("FAULTS_LOG", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(null, 2)  # what it logs is not what is judged
    work()


@contextmanager
def workers(number: int) -> Iterator[list[ForkProcess]]:
    """So many worker processes; killed at the end."""
    databases.close_all()
    processes = [get_context("fork").Process(target=_worker, args=(seed,)) for seed in range(number)]
    try:
        for process in processes:
            process.start()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join(10)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_settled(sender: EmailSender) -> bool:
    """Whether nothing of the sender is under way any more; a database that is away is no answer."""
    try:
        rest = OutgoingMail.objects.filter(sender=sender).exclude(
            state__in=(State.SENT, State.FAILED, State.UNCERTAIN)
        )
        followers = rest.filter(order_key__in=_in_doubt(sender))
        return rest.count() == followers.count()
    except DatabaseError:
        databases.close_all()
        return False


def _in_doubt(sender: EmailSender) -> Any:
    return OutgoingMail.objects.filter(sender=sender, state=State.UNCERTAIN).values("order_key")


def kill_rounds(sink: Sink, rounds: int, pace: Callable[[int], object] = bool) -> Verdict:
    """kill -9 of the only worker, at a random moment of each round; what it had is judged at the end."""
    sender = sink.sender(connections=2)
    mails: list[OutgoingMail] = []
    for number in range(rounds):
        mails += [make_outgoing(sender, order_key=4 * number + each % 3 + 1) for each in range(4)]
        with workers(1):
            sink.wait_for_steps(random.randint(4, 16))  # the first three are connect, EHLO and the like
            time.sleep(random.uniform(0.0, 0.02))
        time_passes(sender)
        pace(number)
    for _ in range(20):
        if is_settled(sender):
            break
        time_passes(sender)
        with workers(1):
            wait_until(lambda: is_settled(sender), 5)
    return judge(mails, sink.taken())


def order_trial(sink: Sink, conversations: int, replies: int, *, seconds: float = 300) -> Verdict:
    """Several replies in each of several conversations, two workers, random refusals for now."""
    sender = sink.sender()
    mails = [
        make_outgoing(sender, order_key=key) for _ in range(replies) for key in range(1, conversations + 1)
    ]
    with workers(2):
        wait_until(lambda: is_settled(sender), seconds)
    verdict = judge(mails, sink.taken())
    place = {message_id: number for number, (_, message_id) in enumerate(sink.lines())}
    for key in range(1, conversations + 1):
        places = [place.get(mail.message_id, -1) for mail in mails if mail.order_key == key]
        if places != sorted(places):
            verdict.faults.append(f"conversation {key} left in the order {places}")
    return verdict


def budget_trial(
    sink: Sink, count: int, per_minute: int, *, window: float, seconds: float
) -> tuple[Verdict, int]:
    """Replies that want to leave at once, five workers, a limit; also the most in any window at the sink."""
    sender = sink.sender(limit_per_minute=per_minute)
    mails = [make_outgoing(sender, order_key=number + 1) for number in range(count)]
    with workers(5):
        wait_until(lambda: is_settled(sender), seconds)
    times = sorted(at for at, _ in sink.lines())
    most = max((sum(1 for at in times if start <= at < start + window) for start in times), default=0)
    return judge(mails, sink.taken()), most
