"""Background work: which mailboxes are due, looking at them, delivering what was stored, and repair.

Every task may run twice, late, or not at all: the rows say what is left to be done.
"""

import logging
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from mailsources import following, lease, rule_hits, rule_lab, sentcopies, watched
from mailsources.deliver import deliver_in_turn, in_portions, waiting
from mailsources.models import SourceState
from mailsources.polling import Round
from mailstore.announce import announce
from sso import communication

logger = logging.getLogger(__name__)

DUE_AT_ONCE = 1000
SOURCES_PER_TASK = 25
MAILS_PER_TASK = 50
FORGOTTEN = timedelta(seconds=15)
"""A mail that waits longer than this was announced to nobody."""

SWEPT_AT_ONCE = 1000


@shared_task(ignore_result=True)
def poll_due() -> None:
    """Announce the mailboxes whose time has come, with those that nobody waits on any more."""
    watched.back_to_polls()
    announce_polls(lease.due(DUE_AT_ONCE))


@shared_task(ignore_result=True)
def poll(source_ids: list[int]) -> None:
    """Look at mailboxes, all at once."""
    communication.look_up()
    Round(lease.claim(source_ids), hand_on, announce_polls).go()


@shared_task(ignore_result=True)
def deliver_waiting(ids: list[int]) -> None:
    """Deliver stored mails, those of one source in order; one that fails doesn't stop the next."""
    announce_delivery(deliver_in_turn(ids, MAILS_PER_TASK))


@shared_task(ignore_result=True)
def sent_folders_due() -> None:
    """Announce the senders whose Sent folder is to be opened."""
    for sender_id in sentcopies.due(timezone.now()):
        announce(sent_folder, sender_id=sender_id)


@shared_task(ignore_result=True)
def sent_folder(sender_id: int) -> None:
    """Put copies into a Sent folder, and look there for mails in doubt."""
    try:
        sentcopies.work(sender_id)
    except Exception:
        logger.exception("The Sent folder of sender %s: the work broke off.", sender_id)


@shared_task(ignore_result=True)
def sweep() -> None:
    """Repair: mails that nobody delivers, mailboxes whose worker died."""
    announce_polls([] if not lease.free_the_dead() else lease.due(DUE_AT_ONCE))
    fresh, tried = waiting(FORGOTTEN, SWEPT_AT_ONCE)
    announce_delivery(fresh)
    announce_delivery(tried, at_once=1)
    rule_hits.forget_old()
    for pk in following.unattended():
        announce(follow_moves, move_id=pk)
    following.tidy()
    for pk in rule_lab.forgotten():
        announce(try_rules, trial_id=pk)


@shared_task(ignore_result=True)
def follow_moves(move_id: int) -> None:
    """Let the open conversations of a source that was moved follow it."""
    try:
        if following.follow(move_id):
            announce(follow_moves, move_id=move_id)
    except Exception:
        logger.exception("Move %s broke off; it goes on in a few minutes.", move_id)


@shared_task(ignore_result=True)
def try_rules(trial_id: int) -> None:
    """Try a list of rules on mails of the last days."""
    rule_lab.run(trial_id)


def announce_polls(source_ids: list[int]) -> None:
    """Have mailboxes looked at by a worker."""
    for portion in in_portions(source_ids, SOURCES_PER_TASK):
        announce(poll, source_ids=portion)


def hand_on(fetched_ids: list[int]) -> None:
    """Have the mails of a look delivered; those of a first import here and now, batch after batch.

    Several workers at once would overtake each other, and an answer that is delivered before the mail that it
    answers begins a conversation of its own. In an old mailbox the two are often neighbours.
    """
    if SourceState.objects.filter(source__fetched__in=fetched_ids, imported_at=None).exists():
        announce_delivery(deliver_in_turn(fetched_ids, MAILS_PER_TASK))
    else:
        announce_delivery(fetched_ids)


def announce_delivery(fetched_ids: list[int], at_once: int = MAILS_PER_TASK) -> None:
    """Have stored mails delivered by a worker; those that were tried before, `at_once=1`."""
    for portion in in_portions(fetched_ids, at_once):
        announce(deliver_waiting, ids=portion)


def look_soon(source_ids: list[int]) -> None:
    """Make mailboxes due now: a button, a changed setting, a hint that there is new mail."""
    lease.make_due(source_ids)
    announce_polls(source_ids)
