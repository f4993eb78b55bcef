"""The rules as they hold now: read once, kept until the stamp of the rule book is another one.

The stamp comes along with the sources of a batch (`STAMP`), so asking costs nothing while nothing has
changed, and nothing at all while there are no rules.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Prefetch, QuerySet, Subquery

from mailcore.rule_terms import Action, BadTerm, Condition, Do, How, Joined, Mode, Rule, What, check
from mailcore.rule_terms import RuleList as Rules
from mailsources.rule_models import MailRule, RuleAction, RuleBook, RuleCondition, RuleList

logger = logging.getLogger(__name__)

STAMP = Subquery(RuleBook.objects.filter(has_rules=True).values("stamp")[:1])
"""To be annotated: empty while there are no rules."""


@dataclass(frozen=True, slots=True)
class Book:
    """All live rules; `faults` are sentences on rules that can't be read, which are left out."""

    everywhere: Rules | None = None
    of_source: dict[int, Rules] = field(default_factory=dict)
    of_queue: dict[int, Rules] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def for_source(self, source_id: int) -> Sequence[Rules]:
        """The lists that a mail of a source goes through before its queue's."""
        found = (self.of_source.get(source_id), self.everywhere)
        return [each for each in found if each is not None]

    def with_list(self, row: RuleList, rules: Rules) -> "Book":
        """The same with this instead of a list, as if a draft were published."""
        if row.source_id:
            return Book(self.everywhere, {**self.of_source, row.source_id: rules}, self.of_queue)
        if row.queue_id:
            return Book(self.everywhere, self.of_source, {**self.of_queue, row.queue_id: rules})
        return Book(rules, self.of_source, self.of_queue)


EMPTY = Book()
TRIES = 5
_lock = threading.Lock()
_kept: dict[UUID, Book] = {}


def book(stamp: UUID | None) -> Book:
    """The rules of this version, which was read in this transaction or just before it."""
    if stamp is None:
        return EMPTY
    found = _kept.get(stamp)
    if found is None:
        found = _whole()
        with _lock:
            _kept.clear()
            _kept[stamp] = found
    return found


def now() -> Book:
    """The rules as they are now, for who has no stamp at hand."""
    return book(_stamp())


def _stamp() -> UUID | None:
    return RuleBook.objects.filter(has_rules=True).values_list("stamp", flat=True).first()


def _whole() -> Book:
    """The rules of one moment: read again if somebody wrote between the queries."""
    for _ in range(TRIES):
        before, found = _stamp(), read()
        if _stamp() == before:
            break
    return found


def read() -> Book:
    """Read all live rules from the database."""
    faults: list[str] = []
    everywhere, of_source, of_queue = None, {}, {}
    for row in with_rules(RuleList.objects.filter(draft_of=None)):
        rules = rules_of(row, faults)
        if row.source_id:
            of_source[row.source_id] = rules
        elif row.queue_id:
            of_queue[row.queue_id] = rules
        else:
            everywhere = rules
    return Book(everywhere, of_source, of_queue, tuple(faults))


def with_rules(lists: QuerySet[RuleList]) -> QuerySet[RuleList]:
    """The same with everything that rules consist of."""
    rows = MailRule.objects.order_by("position", "id").prefetch_related(
        Prefetch("conditions", RuleCondition.objects.order_by("id")),
        Prefetch("actions", RuleAction.objects.order_by("id").select_related("queue", "tag", "skill")),
    )
    return lists.select_related("source", "queue").prefetch_related(Prefetch("rules", rows))


def rules_of(row: RuleList, faults: list[str]) -> Rules:
    """The rules of a list that are switched on; a sentence is added for each that can't be read."""
    return Rules(tuple(_readable(row.rules.all(), faults)), Mode(row.mode))


def _readable(rows: Iterable[MailRule], faults: list[str]) -> Iterable[Rule]:
    for row in rows:
        if not row.is_active:
            continue
        try:
            yield rule_of(row)
        except (BadTerm, ValueError) as error:
            logger.error("mail rule %s can't be read: %s", row.pk, error)
            faults.append(f"The rule “{row.name}” can't be read and is left out: {error}")


def rule_of(row: MailRule) -> Rule:
    """A rule as the engine has it.

    Raises:
        BadTerm: a condition means nothing.
        ValueError: a word that this version does not know.
    """
    conditions = tuple(
        Condition(What(each.what), How(each.how), each.value, each.key, each.is_negated)
        for each in row.conditions.all()
    )
    for each in conditions:
        check(each)
    actions = tuple(map(_action, row.actions.all()))
    return Rule(row.pk, row.name, conditions, actions, Joined(row.joined), row.is_for_answers)


def _action(row: RuleAction) -> Action:
    do = Do(row.do)
    target = {Do.QUEUE: row.queue_id, Do.TAG: row.tag_id, Do.SKILL: row.skill_id}.get(do)
    text = row.language_id if do is Do.LANGUAGE else row.addresses
    return Action(do, target or 0, row.number, text or "")
