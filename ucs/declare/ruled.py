"""Mail rules in a settings file: lists, each with its rules in order."""

from typing import Any

from mailcore.rule_terms import Mode
from mailsources import rule_lists, rule_writing
from mailsources.models import EmailSource
from mailsources.rule_models import RuleList
from mailsources.rulebook import with_rules
from queues.models import EmailQueue
from ucs.declare.changes import Changes
from ucs.declare.document import Entry
from ucs.declare.stored import named


def rules(entry: Entry, changes: Changes) -> None:
    """rules: the list of a source, of a queue, or of all sources; those that it doesn't name go."""
    entry.check_keys({"source", "queue", "match", "rules"}, {"rules"})
    source, queue = named(entry, "source", EmailSource), named(entry, "queue", EmailQueue)
    if source is not None and queue is not None:
        raise entry.wrong("give a source or a queue, or neither for all sources.", "queue")
    given = entry.values["rules"] or []
    if not isinstance(given, list):
        raise entry.wrong("give a list of rules.", "rules")
    mode = entry.choice("match", list(Mode), Mode.FIRST)
    row = RuleList.objects.filter(source=source, queue=queue, draft_of=None).first()
    before = exported(row) if row is not None else None
    try:
        wanted = [rule_writing.read(each) for each in given]
        row = row or rule_lists.list_for(source, queue)
        if before is None or before.get("match", Mode.FIRST) != mode:
            row.mode = mode
            row.save(update_fields=["mode"])
        if before is None or [rule_writing.read(each) for each in before["rules"]] != wanted:
            rule_lists.replace(row, wanted)
    except rule_writing.BadRule as error:
        raise entry.wrong(str(error), "rules") from error
    after = exported(row)
    changes.note(str(row), ["rules"] if before not in (None, after) else [], created=before is None, row=row)


def export() -> list[dict[str, Any]]:
    """All live lists that have rules: of all sources, of sources, of queues."""
    rows = RuleList.objects.filter(draft_of=None, rules__isnull=False).distinct()
    order = sorted(
        rows.select_related("source", "queue"), key=lambda row: (str(row.queue or ""), str(row.source or ""))
    )
    return [exported(row) for row in order]


def exported(row: RuleList) -> dict[str, Any]:
    """A list as it would be written."""
    whole = with_rules(RuleList.objects.filter(pk=row.pk)).get()
    found: dict[str, Any] = {}
    if whole.source:
        found["source"] = whole.source.name
    if whole.queue:
        found["queue"] = whole.queue.name
    if whole.mode != Mode.FIRST:
        found["match"] = str(whole.mode)
    return found | {"rules": [rule_writing.written(each) for each in whole.rules.all()]}
