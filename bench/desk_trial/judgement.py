"""The end: what was meant, beside what left, what was kept, and who got it."""

import email
import email.policy
from collections import Counter
from dataclasses import dataclass
from email.message import EmailMessage

from bench.desk_trial.ledger import MARK, SECRET, Answer, Ledger, State, words_of
from bench.desk_trial.office import Office
from tests.product import eventually
from tests.servers.smtp_faults import TakenMail

OPEN = ("held", "queued", "sending", "retry")
PATIENCE = 120.0
STAFF = "@company.example"


@dataclass(frozen=True)
class Left:
    """One mail as the sink has it."""

    mark: str
    recipients: tuple[str, ...]
    subject: str
    everything: str


def read(taken: TakenMail) -> Left:
    """Its own words stand above what it quotes."""
    mail = email.message_from_bytes(taken.raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    parts = [str(part.get_content()) for part in mail.walk() if part.get_content_maintype() == "text"]
    own = next(iter(parts), "").partition("\n>")[0]
    found = MARK.search(own)
    everything = "\n".join([*(str(value) for value in mail.values()), *parts])
    return Left(found.group() if found else "", taken.recipients, str(mail["Subject"]), everything)


def judge(office: Office, ledger: Ledger, kept_here: list[str]) -> Counter[str]:
    """Wait until the outbox rests, and compare; the faults are in the ledger. Returns the outbox's states.

    :param kept_here: what the browsers still hold.
    """
    unsettled = "SELECT count(*) FROM mailsenders_outgoingmail WHERE state = ANY(%s)"
    eventually(lambda: office.database.number(unsettled, list(OPEN)) == 0, "the outbox rests", PATIENCE)
    left = [read(taken) for taken in list(office.smtp.mails)]
    drafts = kept_here + [
        f"{text} {html}" for text, html in office.database.ask("SELECT text, html FROM queues_draft")
    ]
    outbox = _outbox(office)
    sent = Counter(each.mark for each in left)
    for answer in ledger.answers.values():
        _judge_answer(office, ledger, answer, sent[answer.mark], drafts, outbox.get(answer.mark, []))
    for mail in left:
        _judge_mail(ledger, mail)
    _judge_notes(office, ledger, left)
    return Counter(state for states in outbox.values() for state in states)


def _outbox(office: Office) -> dict[str, list[str]]:
    """What the outbox says of each answer."""
    found: dict[str, list[str]] = {}
    rows = office.database.ask(
        "SELECT m.text, o.state, o.last_error FROM queues_message m "
        "JOIN mailsenders_outgoingmail o ON o.id = m.outgoing_id WHERE m.direction = 'out'"
    )
    for text, state, error in rows:
        mark = MARK.search(text.partition("\n>")[0])
        found.setdefault(mark.group() if mark else "", []).append(state)
        if state not in ("sent", "cancelled"):
            print(f"  {state}: {mark and mark.group()}: {error}", flush=True)
    return found


def _judge_answer(  # all that is known of an answer
    office: Office, ledger: Ledger, answer: Answer, mails: int, drafts: list[str], states: list[str]
) -> None:
    is_open = any(state in ("uncertain", "failed") for state in states)
    most = 0 if answer.state in (State.TYPING, State.LEFT, State.UNDONE) else 1
    if mails > most:
        ledger.fault(f"{answer}: {mails} mails left, at most {most} were meant; the outbox says {states}")
    elif mails == 0 and answer.state == State.SENT and not is_open:
        ledger.fault(f"{answer}: no mail has left; the outbox says {states}")
    if mails == 0 and answer.state != State.SENT:
        _judge_draft(office, ledger, answer, drafts)


def _judge_draft(office: Office, ledger: Ledger, answer: Answer, drafts: list[str]) -> None:
    kept = max((words_of(answer.mark, each) for each in drafts), default=-1)
    if kept < answer.kept:
        ledger.fault(f"{answer}: {kept} of {answer.kept} words are in a draft; {_history(office, answer)}")


def _history(office: Office, answer: Answer) -> str:
    """What the product knows of its conversation, to find out where words went."""
    events = office.database.ask(
        "SELECT kind, sentence, at FROM queues_event WHERE conversation_id = %s ORDER BY id",
        answer.conversation,
    )
    drafts = office.database.ask(
        "SELECT agent_id, version, window_saves, saved_at, text, html FROM queues_draft "
        "WHERE conversation_id = %s",
        answer.conversation,
    )
    return "; ".join(map(str, [*drafts, *events]))


def _judge_mail(ledger: Ledger, mail: Left) -> None:
    answer = ledger.answers.get(mail.mark)
    if answer is None and all(each.endswith(STAFF) for each in mail.recipients):
        return  # what the product tells agents
    if answer is None:
        ledger.fault(f"a mail to {mail.recipients} that nobody wrote: {mail.subject}")
        return
    if mail.recipients != (answer.customer.email,) or answer.customer.subject not in mail.subject:
        ledger.fault(f"{answer} went to {mail.recipients}, “{mail.subject}”")


def _judge_notes(office: Office, ledger: Ledger, left: list[Left]) -> None:
    told = [mail for mail in left if SECRET in mail.everything]
    for mail in told:
        ledger.fault(f"a note is in the mail to {mail.recipients}")
    kept = Counter(text for (text,) in office.database.ask("SELECT text FROM queues_note"))
    for text in ledger.notes:
        if not kept[text]:
            ledger.fault(f"the note {text} is lost")
