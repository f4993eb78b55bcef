"""What is done with lists of rules as a whole: made, put in order, drafted, published."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Prefetch

from mailsources.models import EmailSource
from mailsources.rule_models import MailRule, RuleAction, RuleList
from mailsources.rule_writing import BadRule, Written, save, write_parts
from mailsources.rulebook import rule_of, with_rules
from queues.models import EmailQueue


def list_for(source: EmailSource | None, queue: EmailQueue | None) -> RuleList:
    """The live list of a source, of a queue, or of all sources, made if there is none."""
    return RuleList.objects.get_or_create(source=source, queue=queue, draft_of=None)[0]


def whole(pk: int) -> RuleList | None:
    """A list with all that its rules consist of."""
    return with_rules(RuleList.objects.filter(pk=pk)).first()


@transaction.atomic
def replace(rules: RuleList, wanted: Sequence[Written]) -> list[MailRule]:
    """Have exactly these rules, in this order; one of the same name stays the same rule and keeps its hits.

    Raises:
        BadRule: one can't be stored, or two have one name.
    """
    _lock(rules)
    names = [each.name for each in wanted]
    if len(set(names)) < len(names):
        raise BadRule("Two rules of a list have the same name: give one of them another.")
    there = {row.name: row for row in rules.rules.all()}
    rules.rules.exclude(name__in=names).delete()
    rows = [save(rules, each, there.get(each.name)) for each in wanted]
    _number(rows)
    return rows


@transaction.atomic
def reorder(rules: RuleList, ids: Sequence[int], mode: str | None = None) -> None:
    """Put the rules in this order, and say which of them count if `mode` is given.

    Raises:
        BadRule: these are not the rules of the list.
    """
    _lock(rules)
    rows = {row.pk: row for row in rules.rules.all()}
    if sorted(rows) != sorted(ids):
        raise BadRule("Name each rule of the list once: somebody may have added or removed one meanwhile.")
    _number([rows[pk] for pk in ids])
    if mode is not None:
        rules.mode = mode
        rules.save(update_fields=["mode"])


def shift(row: MailRule, by: int) -> None:
    """Move a rule up (-1) or down (1) by one place, as far as there is one."""
    ids = list(row.list.rules.order_by("position", "id").values_list("pk", flat=True))
    at = ids.index(row.pk)
    to = min(max(at + by, 0), len(ids) - 1)
    ids.insert(to, ids.pop(at))
    reorder(row.list, ids)


@transaction.atomic
def make_draft(rules: RuleList) -> RuleList:
    """A draft of a live list, or the one that there is."""
    _lock(rules)
    there = RuleList.objects.filter(draft_of=rules).first()
    if there is not None or rules.draft_of_id:
        return there or rules
    draft = RuleList.objects.create(source=rules.source, queue=rules.queue, mode=rules.mode, draft_of=rules)
    for row in _rows(rules):
        copy = MailRule(list=draft, origin=row)
        _copy(row, copy)
    return draft


@transaction.atomic
def publish(draft: RuleList) -> RuleList:
    """Let the draft be the live list; rules that were in it stay the same and keep their hits.

    Raises:
        BadRule: somebody has published it, or thrown it away, a moment ago.
    """
    live = draft.draft_of
    assert live is not None
    _lock(live)
    if not RuleList.objects.filter(pk=draft.pk, draft_of=live).exists():
        raise BadRule("The draft was published or thrown away a moment ago: look at the list again.")
    rows = _rows(draft)
    kept = {row.origin_id for row in rows}
    live.rules.exclude(pk__in=[pk for pk in kept if pk]).delete()
    originals = {row.pk: row for row in live.rules.all()}
    for number, row in enumerate(originals.values()):  # names may be swapped
        MailRule.objects.filter(pk=row.pk).update(name=f"…{number} {row.name}"[:100])
    for row in rows:
        _copy(row, originals.get(row.origin_id or 0) or MailRule(list=live))
    live.mode = draft.mode
    live.save(update_fields=["mode"])
    draft.delete()
    return live


def differs(draft: RuleList) -> bool:
    """Whether publishing it would change something."""
    live = whole(draft.draft_of_id or 0)
    own = whole(draft.pk)
    if live is None or own is None:
        return True
    return live.mode != own.mode or _contents(live) != _contents(own)


def _contents(rules: RuleList) -> list[object]:
    found: list[object] = []
    for row in rules.rules.all():
        rule = rule_of(row)
        found.append(
            (rule.name, rule.conditions, rule.actions, rule.joined, rule.is_for_answers, row.is_active)
        )
    return found


def _copy(row: MailRule, copy: MailRule) -> None:
    for name in ("name", "position", "is_active", "joined", "is_for_answers"):
        setattr(copy, name, getattr(row, name))
    copy.save()
    actions = [
        RuleAction(
            do=each.do, queue=each.queue, tag=each.tag, skill=each.skill, language_id=each.language_id,
            number=each.number, addresses=each.addresses,
        )
        for each in row.actions.all()
    ]  # fmt: skip
    write_parts(copy, rule_of(row).conditions, actions)


def _rows(rules: RuleList) -> list[MailRule]:
    actions = Prefetch("actions", RuleAction.objects.order_by("id").select_related("queue", "tag", "skill"))
    return list(rules.rules.order_by("position", "id").prefetch_related("conditions", actions))


def _lock(rules: RuleList) -> None:
    """Two who change a list come one after the other."""
    RuleList.objects.select_for_update().get(pk=rules.pk)


def _number(rows: Sequence[MailRule]) -> None:
    for position, row in enumerate(rows, 1):
        row.position = position
    MailRule.objects.bulk_update(rows, ["position"])
