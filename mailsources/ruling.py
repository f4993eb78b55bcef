"""Rules between ledger and queue: what they look at in a fetched mail, and what they decide.

A fault in the rules never keeps a mail: it is delivered as if there were none, and says so among its defects.
"""

import logging
from dataclasses import dataclass, replace

from django.db import Error as DatabaseError

from crm import known
from mailcore.parsed import ParsedMail
from mailcore.rule_engine import Decision, decide
from mailcore.rule_facts import Facts
from mailcore.rule_terms import Do
from mailsources import findings, forwarding
from mailsources.models import FetchedMail
from mailsources.rule_models import RuleHit
from mailsources.rulebook import EMPTY, Book, book
from mailstore.batch import note, write
from queues import intake, ruled, written_in
from queues.models import Conversation, EmailQueue
from queues.ruled import Ruled

logger = logging.getLogger(__name__)

BROKEN = "The mail rules could not be applied, so it was put into its queue as if there were none."


@dataclass(frozen=True, slots=True)
class Consulted:
    """What rules say of a mail.

    :param mail: with what is to be noted of the rules themselves.
    :param by_rules: for the intake; None when there are no rules.
    :param discarded: why it goes into no queue; "" for all others.
    """

    mail: ParsedMail
    by_rules: Ruled | None = None
    discarded: str = ""


def book_of(fetched: FetchedMail) -> Book:
    """The rules that held when the mail's source was read."""
    return book(getattr(fetched.source, "rules_stamp", None))


def consult(fetched: FetchedMail, mail: ParsedMail) -> Consulted:
    """Ask the rules, in the transaction that delivers the mail."""
    rules = book_of(fetched)
    if rules is EMPTY or fetched.raw is None:
        return Consulted(mail)
    queue = fetched.source.queue
    match = intake.find(queue, mail, fetched.raw)
    if match.is_copy:  # the rules have had the same mail
        return Consulted(mail, Ruled(match))
    conversation = intake.joined(match)
    try:
        decision = _decide(rules, fetched, mail, conversation)
    except DatabaseError:
        raise
    except Exception:  # the edge: rules are made by people, mails by anybody
        logger.exception("the rules can't be applied to fetched mail %s", fetched.pk)
        return Consulted(_with_defects(mail, BROKEN), Ruled(match))
    mail = _with_defects(mail, *rules.faults)
    _count(fetched, decision)
    by_rules = Ruled(match, decision, may_forward=not fetched.is_history)
    return Consulted(mail, by_rules, ruled.discarded(decision))


def may_be_discarded(fetched: FetchedMail, mail: ParsedMail) -> bool:
    """Whether rules would discard it as the first of a conversation, so that nothing is made for it ahead."""
    rules = book_of(fetched)
    if rules is EMPTY:
        return False
    try:
        return decide_first(rules, fetched, mail).first(Do.DISCARD) is not None
    except DatabaseError:
        raise
    except Exception:  # the edge, as in `consult`
        logger.warning("the rules can't be applied to fetched mail %s", fetched.pk, exc_info=True)
        return False


def believed(fetched: FetchedMail, mail: ParsedMail) -> ParsedMail:
    """The mail as it came, with what its server found out and its envelope tells."""
    return forwarding.with_its_envelope(fetched, findings.with_believed(fetched.source, mail))


def targets(fetched: FetchedMail, mail: ParsedMail) -> list[EmailQueue]:
    """The queues that rules may put it into, before it is known whether it answers something."""
    rules = book_of(fetched)
    if rules is EMPTY:
        return []
    found: set[int | None] = set()
    try:
        mail = believed(fetched, mail)
        for is_answer in (False, True):
            facts = facts_of(fetched, mail, is_answer=is_answer)
            lists = rules.for_source(fetched.source_id)
            found.add(decide(lists, facts, rules.of_queue.get, fetched.source.queue_id).queue)
    except DatabaseError:
        raise
    except Exception:  # the edge, as in `consult`
        logger.warning("the rules can't be applied to fetched mail %s", fetched.pk, exc_info=True)
        return []
    return list(EmailQueue.objects.filter(pk__in=[pk for pk in found if pk is not None]))


def facts_of(fetched: FetchedMail, mail: ParsedMail, *, is_answer: bool) -> Facts:
    """What rules may look at; `fetched` has its source and its bytes."""
    raw = fetched.raw
    found = Facts(
        mail,
        lambda: raw.as_bytes() if raw is not None else b"",
        size=fetched.size or (raw.size if raw is not None else 0),
        sender=lambda: known.sender_of(mail.from_, fetched.fetched_at),
        language=lambda: written_in.language_of(mail),
    )
    found.is_answer = is_answer
    found.envelope_to = fetched.envelope_to
    return found


def decide_first(rules: Book, fetched: FetchedMail, mail: ParsedMail) -> Decision:
    """What rules want done with it as a first mail."""
    facts = facts_of(fetched, mail, is_answer=False)
    lists = rules.for_source(fetched.source_id)
    return decide(lists, facts, rules.of_queue.get, fetched.source.queue_id)


def _decide(
    rules: Book, fetched: FetchedMail, mail: ParsedMail, conversation: Conversation | None
) -> Decision:
    queue: EmailQueue = conversation.queue if conversation else fetched.source.queue
    facts = facts_of(fetched, mail, is_answer=conversation is not None)
    return decide(rules.for_source(fetched.source_id), facts, rules.of_queue.get, queue.pk)


def _count(fetched: FetchedMail, decision: Decision) -> None:
    for rule in decision.matched:
        write(RuleHit(rule_id=rule.id, fetched_id=fetched.pk), ignore_conflicts=True)


def _with_defects(mail: ParsedMail, *sentences: str) -> ParsedMail:
    if not sentences:
        return mail
    changed = replace(mail, defects=(*mail.defects, *sentences))
    note(f"mailsources.ruling: {id(changed)}", changed)  # what is noted of a mail is noted by its identity
    return changed
