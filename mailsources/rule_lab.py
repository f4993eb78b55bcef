"""The rule lab: a list tried on mails of the last days, beside the rules as they hold. It changes nothing.

ask ──task──▶ run: claimed with a lease, portion by portion, progress in the row ──▶ done | failed
"""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from celery import signature
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from mailcore.rule_engine import Decision
from mailsources import rulebook
from mailsources.models import FetchedMail
from mailsources.rule_lists import whole
from mailsources.rule_models import RuleList, RuleTrial
from mailsources.rule_past import Past, of_days, portions, sample, seen_again
from mailsources.rule_words import outcome, queue_names
from mailsources.rulebook import Book
from mailstore.announce import announce

logger = logging.getLogger(__name__)
State = RuleTrial.State

TASK = signature("mailsources.tasks.try_rules")
LEASE = timedelta(minutes=2)
MOST_DAYS = 90
MOST_MAILS = 5000
USUAL_DAYS, USUAL_MAILS = 7, 500
SHOWN = 200
"""Mails whose fate is kept, without a word of theirs: the page looks them up. All of them are counted."""

KEPT = 5
"""Trials of one list."""


@dataclass(slots=True)
class Tally:
    """What a trial has found so far."""

    looked: int = 0
    unreadable: int = 0
    changed: int = 0
    moved: int = 0
    hits: Counter[int] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    mails: list[dict[str, Any]] = field(default_factory=list)
    same: list[dict[str, Any]] = field(default_factory=list)


def mails(trial: RuleTrial) -> list[dict[str, Any]]:
    """The mails of a result as they are in the ledger now; erased ones are left out."""
    found = trial.result.get("mails", [])
    rows = FetchedMail.objects.only("sender", "subject").in_bulk([each["fetched"] for each in found])
    return [
        each | {"from": rows[each["fetched"]].sender, "subject": rows[each["fetched"]].subject}
        for each in found
        if each["fetched"] in rows
    ]


def ask(rules: RuleList, user: User, days: int, most: int) -> RuleTrial:
    """Have a list tried on at most so many mails of so many days."""
    days, most = min(max(days, 1), MOST_DAYS), min(max(most, 1), MOST_MAILS)
    trial = RuleTrial.objects.create(list=rules, days=days, most=most, made_by=user)
    kept = rules.trials.order_by("-id").values_list("pk", flat=True)[:KEPT]
    rules.trials.exclude(pk__in=list(kept)).delete()
    announce(TASK, trial_id=trial.pk)
    return trial


def forgotten() -> list[int]:
    """Trials that no worker was told of, or whose worker has gone."""
    now = timezone.now()
    rows = RuleTrial.objects.filter(
        Q(state=State.WAITING, made_at__lt=now - timedelta(seconds=15))
        | Q(state=State.RUNNING, lease_until__lt=now)
    )
    return list(rows.values_list("pk", flat=True))


def run(trial_id: int) -> None:
    """Try the list, unless somebody does already; the row says what came of it."""
    now = timezone.now()
    free = Q(state=State.WAITING) | Q(state=State.RUNNING, lease_until__lt=now)
    claimed = RuleTrial.objects.filter(free, pk=trial_id)
    if not claimed.update(state=State.RUNNING, lease_until=now + LEASE):
        return
    trial = RuleTrial.objects.get(pk=trial_id)
    trial.lease_until = now + LEASE
    try:
        _go(trial)
    except Exception as error:
        logger.exception("rule trial %s broke off", trial_id)
        _ours(trial).update(state=State.FAILED, error=f"It broke off ({type(error).__name__}): try again.")


def _ours(trial: RuleTrial) -> QuerySet[RuleTrial]:
    """The row, unless another worker has claimed it since: the lease that we gave it is our fence."""
    return RuleTrial.objects.filter(pk=trial.pk, state=State.RUNNING, lease_until=trial.lease_until)


def _go(trial: RuleTrial) -> None:
    draft = whole(trial.list_id)
    assert draft is not None
    faults: list[str] = []
    live = rulebook.now()
    tried = live.with_list(draft, rulebook.rules_of(draft, faults))
    ids = list(of_days(trial.days, draft).order_by("pk").values_list("pk", flat=True))
    chosen = sample(ids, trial.most)
    RuleTrial.objects.filter(pk=trial.pk).update(total=len(chosen))
    tally, names = Tally(), queue_names()
    for portion in portions(chosen):
        for past in seen_again(portion):
            _count(tally, past, live, tried, names)
        until = timezone.now() + LEASE
        if not _ours(trial).update(done=tally.looked, lease_until=until):
            return  # thrown away meanwhile, or in other hands
        trial.lease_until = until
    result = _result(tally, draft, len(ids)) | {"faults": faults}
    _ours(trial).update(state=State.DONE, result=result, lease_until=None)


def _count(tally: Tally, past: Past | None, live: Book, tried: Book, names: dict[int, str]) -> None:
    tally.looked += 1
    if past is None:
        tally.unreadable += 1
        return
    was, now = past.decided(live), past.decided(tried)
    before, after = outcome(was, names, past.queue_id), outcome(now, names, past.queue_id)
    tally.before[before[0]] += 1
    tally.after[after[0]] += 1
    tally.hits.update({rule.id for rule in now.matched})
    is_changed = _does(was) != _does(now)
    tally.changed += is_changed
    tally.moved += before[0] != after[0]
    line = {
        "fetched": past.fetched.pk,
        "before": before[0],
        "after": after[0],
        "more": after[1],
        "rules": [rule.name for rule in now.matched],
        "is_changed": is_changed,
    }
    kept = tally.mails if is_changed else tally.same
    if len(kept) < SHOWN and (is_changed or now.matched):
        kept.append(line)


def _does(decision: Decision) -> list[tuple[Any, ...]]:
    """What is done, whichever rule says so."""
    return sorted(
        (each.action.do, each.action.target, each.action.number, each.action.text)
        for each in decision.effects
    )


def _result(tally: Tally, draft: RuleList, total: int) -> dict[str, Any]:
    rules = [
        {"id": row.pk, "name": row.name, "is_active": row.is_active, "hits": tally.hits[row.pk]}
        for row in draft.rules.all()
    ]
    places = sorted({*tally.before, *tally.after})
    return {
        "total": total,
        "looked": tally.looked,
        "unreadable": tally.unreadable,
        "changed": tally.changed,
        "moved": tally.moved,
        "rules": rules,
        "places": [
            {"name": each, "before": tally.before[each], "after": tally.after[each]} for each in places
        ],
        "mails": tally.mails + tally.same[: SHOWN - len(tally.mails)],
    }
