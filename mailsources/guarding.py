"""Mails that hold the number of a payment card, on their way into a queue that doesn't want any.

As its queue says, such a mail is only marked, or written anew without the number, or only its headers stay.
An answer may join a conversation of another queue than its mailbox belongs to, and a mail rule may put it
into another one: then the strictest rule holds.
The bytes in the raw store are exchanged in the transaction that delivers the mail; until then, and while it
can't be parsed, it is there as it came.
"""

import base64
from dataclasses import replace

from mailcore.cards import mask
from mailcore.heading import Heading, read_heading
from mailcore.masking import without_content
from mailcore.parsed import Bounce, ParsedMail
from mailsources import apart, ruling
from mailsources.models import EmailSource, FetchedMail
from mailsources.parser import Outcome, Unparsable
from mailstore.models import CONTENT, RawMail
from queues import cards, matching
from queues.models import EmailQueue
from queues.search import vector

Rule = EmailQueue.PaymentCards
CHANGING = (Rule.MASK, Rule.REJECT)

NOT_KEPT = (
    "This mail was refused, as it held the number of a payment card. Nothing of its content was kept. "
    "The sender was asked to write again without the number."
)


def is_on() -> bool:
    """Whether any queue wants to know of card numbers: a mail may end in any."""
    return EmailQueue.objects.exclude(pci=Rule.OFF).exists()


def heading(source: EmailSource, raw: bytes) -> Heading:
    """What the ledger shows of a mail, without card numbers if its queue keeps none."""
    found = read_heading(raw)
    if source.queue.pci not in CHANGING:
        return found
    return replace(found, subject=mask(found.subject), name=mask(found.name))


def by_rule(fetched: FetchedMail, outcome: Outcome) -> Outcome:
    """The mail as its queue takes it; its raw mail then holds the same, and is saved by `keep`."""
    if isinstance(outcome, Unparsable) or not outcome.has_cards or fetched.raw is None:
        return outcome
    return as_kept(_rule(fetched, outcome), outcome, fetched.raw)


def as_kept(rule: str, mail: ParsedMail, raw: RawMail, not_kept: str = NOT_KEPT) -> Outcome:
    """A mail that holds a card number as this rule keeps it; its raw mail then holds the same.

    :param not_kept: what stands instead of the content of one that is refused.
    """
    if rule not in CHANGING:
        return replace(mail, masked="", has_cards=rule == Rule.FLAG)
    clean = base64.b64decode(mail.masked)
    if rule == Rule.REJECT:
        clean = without_content(clean, not_kept)
    left = next(iter(apart.parsers.parse_all([clean])))
    if isinstance(left, Unparsable):
        return left
    raw.exchange(clean)
    bounce = mail.bounce and _masked(mail.bounce)  # of a report written anew nobody could tell
    return replace(left, has_cards=True, bounce=bounce, automatic=mail.automatic)


def _rule(fetched: FetchedMail, mail: ParsedMail) -> str:
    assert fetched.raw is not None
    here = fetched.source.queue
    there = matching.queue_of(here, mail, fetched.raw)
    return cards.stricter(here, there, *ruling.targets(fetched, mail))


def _masked(bounce: Bounce) -> Bounce:
    return replace(
        bounce, failures=tuple(replace(each, answer=mask(each.answer)) for each in bounce.failures)
    )


def keep(fetched: FetchedMail, mail: ParsedMail) -> None:
    """Write the exchanged bytes, in the transaction that delivers the mail."""
    if not mail.has_cards or fetched.raw is None or not fetched.raw.is_exchanged:
        return
    fetched.raw.save(update_fields=CONTENT)
    subject = mask(fetched.subject)
    if subject != fetched.subject:  # its mailbox belongs to a queue that looks for none
        search = vector([subject, fetched.sender, mail.from_.name])
        FetchedMail.objects.filter(pk=fetched.pk).update(subject=subject, search=search)
