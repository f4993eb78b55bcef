"""A mail that hangs or kills the parser costs that process and nobody else."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mailcore.parse import parse
from mailcore.parsed import ParsedMail
from mailsources.apart import Parsers
from mailsources.parser import Limits, Outcome, ParserUnavailable, Unparsable
from tests.make import make_mail
from tests.product import ROOT, eventually
from tests.servers.ports import free_ports

SHORT = Limits(cpu=1, wall=15)
IMPATIENT = Limits(cpu=10, wall=3)
MAILS = Path(__file__).parent.parent / "mails"


@pytest.fixture
def faulty() -> Iterator[Parsers]:
    """Parsers that do what a mail's subject says."""
    parsers = Parsers("tests.mailsources.faulty:obey", memory=300 * 1024 * 1024)
    yield parsers
    parsers.close()


def told(parsers: Parsers, subject: str, limits: Limits = SHORT) -> str:
    """What becomes of a mail with this subject between two harmless ones."""
    first, bad, last = parsers.parse_all(
        [make_mail(Subject="First"), make_mail(Subject=subject), make_mail(Subject="Last")], limits
    )
    assert [subject_of(first), subject_of(last)] == ["First", "Last"]
    assert isinstance(bad, Unparsable), bad
    return bad.reason


def subject_of(outcome: Outcome) -> str:
    assert isinstance(outcome, ParsedMail), outcome
    return outcome.subject


def test_what_is_parsed_apart_is_what_is_parsed_here() -> None:
    parsers = Parsers()
    raws = [path.read_bytes() for path in sorted(MAILS.rglob("*.eml"))]
    try:
        assert parsers.parse_all(raws) == [parse(raw) for raw in raws]
    finally:
        parsers.close()


def test_all_charsets_are_at_hand_without_opening_files() -> None:
    parsers = Parsers()
    charsets = ["koi8-r", "big5", "euc-kr", "iso-2022-jp", "cp857", "mac-cyrillic", "utf-16", "gb18030"]
    raws = [
        make_mail("", Content_Type=f"text/plain; charset={charset}") + b"\xc4\xe3" for charset in charsets
    ]
    try:
        assert parsers.parse_all(raws) == [parse(raw) for raw in raws]
    finally:
        parsers.close()


def test_all_time_zones_are_at_hand_as_well() -> None:
    parsers = Parsers()
    zones = ["America/Montevideo", "Asia/Kathmandu", "Pacific/Chatham"]
    event = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID={}:20260301T090000\r\nEND:VEVENT\r\n"
    raws = [
        make_mail(event.format(zone) + "END:VCALENDAR", Content_Type="text/calendar; method=REQUEST")
        for zone in zones
    ]
    try:
        assert parsers.parse_all(raws) == [parse(raw) for raw in raws]
    finally:
        parsers.close()


@pytest.mark.parametrize(
    ("subject", "limits", "reason"),
    [
        ("spin", SHORT, "The parser was stopped after 1 s of processor time."),
        ("spin", IMPATIENT, "The parser gave no answer for 3 s and was stopped."),
        ("sleep", IMPATIENT, "The parser gave no answer for 3 s and was stopped."),
        ("swallow", SHORT, "The parser was stopped: it wanted more than 300 MB of memory."),
        ("die SIGKILL", SHORT, "The parser was killed from outside"),
        ("die SIGSEGV", SHORT, "The parser crashed (SIGSEGV)."),
        ("leave 3", SHORT, "The parser ended by itself (exit code 3)."),
        ("fail on purpose", SHORT, "ValueError: on purpose"),
        ("lie", SHORT, "The parser gave an answer that is no mail."),
    ],
)
def test_only_the_mail_at_fault_is_not_parsed(
    faulty: Parsers, subject: str, limits: Limits, reason: str
) -> None:
    assert reason in told(faulty, subject, limits)


def test_a_taken_over_parser_has_nothing_to_take(faulty: Parsers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UCS_TEST_SECRET", "visible")
    assert "Too many open files" in told(faulty, f"connect {free_ports(1)[0]}")
    assert "Too many open files" in told(faulty, "read /proc/self/environ")
    assert "Too many open files" in told(faulty, "run /bin/true")
    assert "None[]" in told(faulty, "tell UCS_TEST_SECRET").replace("'LC_CTYPE'", "")


def test_a_parser_is_kept_and_is_small(faulty: Parsers) -> None:
    faulty.parse_all([make_mail()])
    before = faulty.pids()
    faulty.parse_all([make_mail() for _ in range(100)])
    assert faulty.pids() == before
    assert psutil.Process(before[0]).memory_info().rss < 60 * 1024 * 1024


def test_a_parser_that_ended_while_it_had_nothing_to_do_is_replaced(faulty: Parsers) -> None:
    faulty.parse_all([make_mail()])
    (pid,) = faulty.pids()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "it is dead")
    assert subject_of(*faulty.parse_all([make_mail(Subject="Next")])) == "Next"


def test_a_parser_killed_at_any_moment_costs_at_most_one_mail_each_time(faulty: Parsers) -> None:
    raws = [make_mail(Subject=f"{number}") for number in range(1500)]
    faulty.parse_all(raws[:1])
    stop = threading.Event()
    kills = 0

    def kill() -> None:
        nonlocal kills
        while not stop.wait(0.7):
            for child in psutil.Process().children():
                with suppress(psutil.Error):  # it ended just now
                    if any("parser_child" in word for word in child.cmdline()):
                        child.kill()
                        kills += 1

    killer = threading.Thread(target=kill)
    killer.start()
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + 60
    try:
        while (kills < 4 or not outcomes) and time.monotonic() < deadline:
            try:
                outcomes = faulty.parse_all(raws)
            except ParserUnavailable:  # killed before it was ready
                continue
    finally:
        stop.set()
        killer.join()
    assert kills >= 4
    lost = [one for one in outcomes if isinstance(one, Unparsable)]
    assert len(lost) <= kills
    for number, one in enumerate(outcomes):
        assert isinstance(one, Unparsable) or one.subject == str(number)


def test_several_threads_each_get_their_own_answers(faulty: Parsers) -> None:
    wrong: list[str] = []

    def work(name: str) -> None:
        raws = [make_mail(Subject=f"{name} {number}") for number in range(40)]
        subjects = [subject_of(one) for one in faulty.parse_all(raws)]
        wrong.extend(one for number, one in enumerate(subjects) if one != f"{name} {number}")

    threads = [threading.Thread(target=work, args=(f"thread-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 1 <= len(faulty.pids()) <= 4


def test_nothing_is_left_when_the_worker_is_killed() -> None:
    program = (
        "import time\n"
        "from mailsources.apart import Parsers\n"
        "parsers = Parsers(memory=300_000_000)\n"
        "parsers.parse_all([b'Subject: x'])\n"
        "print(parsers.pids()[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    with worker.stdout:
        pid = int(worker.stdout.readline())
    assert psutil.pid_exists(pid)
    worker.kill()
    worker.wait()
    eventually(lambda: not _is_running(pid), "the parser is gone", 5)


def test_a_hanging_parser_ends_by_itself_when_its_worker_is_gone() -> None:
    program = (
        "from mailsources.apart import Parsers\n"
        "from mailsources.parser import Limits\n"
        "parsers = Parsers('tests.mailsources.faulty:obey', memory=300_000_000)\n"
        "parsers.parse_all([b'Subject: x'])\n"
        "print(parsers.pids()[0], flush=True)\n"
        "parsers.parse_all([b'Subject: sleep'], Limits(cpu=1, wall=1))\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    with worker.stdout:
        pid = int(worker.stdout.readline())
    worker.kill()
    worker.wait()
    eventually(lambda: not _is_running(pid), "the parser is gone")


def test_a_forked_process_has_parsers_of_its_own(faulty: Parsers) -> None:
    faulty.parse_all([make_mail()])
    (mine,) = faulty.pids()
    child = os.fork()
    if not child:
        try:
            faulty.begin_anew()
            faulty.parse_all([make_mail()])
            os._exit(0 if mine not in faulty.pids() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    faulty.parse_all([make_mail()])
    assert faulty.pids() == [mine]


def test_a_parser_that_cannot_start_is_no_mails_fault() -> None:
    with pytest.raises(ParserUnavailable, match="before it was ready"):
        Parsers("tests.mailsources.faulty:missing").parse_all([make_mail()])


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
