"""Mail rules: lists of sources and queues, read, written and put in order by an administrator's programs."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema
from ninja.errors import HttpError

from api.objects import administrator
from api.shapes import Id, Text
from audit.acts import Act
from audit.log import record
from audit.pictures import differences, stored
from mailcore.rule_terms import Mode
from mailsources import rule_hits, rule_lists, rule_writing
from mailsources.models import EmailSource
from mailsources.rule_models import MailRule, RuleList
from mailsources.rule_writing import BadRule, Written
from mailsources.rulebook import with_rules
from queues.models import EmailQueue

PARTS = ("conditions", "actions")
"""Rows of a rule, for the audit log."""

router = Router(tags=["settings and status"])


class ConditionShape(Schema):
    """A condition, in the words of docs/rules.md."""

    what: Text
    how: Text
    value: Text = Field("", max_length=500)
    key: Text = Field("", description="The name of a header, or of a contact's own field.", max_length=100)
    negated: bool = False


class ActionShape(Schema):
    """What is done, and with which value."""

    do: Text
    value: Text = Field("", max_length=2000)


class RuleIn(Schema):
    """A rule; for a source, for a queue, or, with neither, for all sources."""

    name: Text = Field(max_length=100)
    source: Text | None = Field(None, description="The name of the source whose list it is in.")
    queue: Text | None = Field(None, description="The name of the queue whose list it is in.")
    conditions: list[ConditionShape] = Field([], max_length=50)
    joined: Text = Field("all", description="all or any")
    actions: list[ActionShape] = Field(max_length=20)
    answers: bool = Field(False, description="It moves and discards answers, too.")
    active: bool = True


class RuleOut(Schema):
    """A rule with what it hit in the last 30 days."""

    id: Id
    name: str
    source: str | None
    queue: str | None
    position: int
    conditions: list[ConditionShape]
    joined: str
    actions: list[ActionShape]
    answers: bool
    active: bool
    hits: int


class OrderIn(Schema):
    """The rules of one list in their new order, and which of them count."""

    source: Text | None = None
    queue: Text | None = None
    match: Text | None = Field(None, description="first or all; as it is when left out.")
    rules: list[Id] = Field(max_length=500)


@router.get("rules", response=list[RuleOut])
def rules(request: HttpRequest, source: Text = "", queue: Text = "") -> list[dict[str, Any]]:
    """The rules that hold, in the order in which they are asked; of one source or queue by its name."""
    administrator(request)
    rows = RuleList.objects.filter(draft_of=None)
    rows = rows.filter(source__name=source) if source else rows
    rows = rows.filter(queue__name=queue) if queue else rows
    return [shown for row in with_rules(rows) for shown in _shown(row)]


@router.post("rules", response={201: RuleOut})
def add(request: HttpRequest, payload: RuleIn) -> tuple[int, dict[str, Any]]:
    """Add a rule at the end of its list."""
    user = administrator(request)
    wanted, source, queue = _written(payload), *_whose(payload.source, payload.queue)
    return 201, _saved(user, rule_lists.list_for(source, queue), wanted)


@router.put("rules/order", response=list[RuleOut])
def reorder(request: HttpRequest, payload: OrderIn) -> list[dict[str, Any]]:
    """Put the rules of a list in this order: each of them once."""
    user = administrator(request)
    source, queue = _whose(payload.source, payload.queue)
    row = RuleList.objects.filter(source=source, queue=queue, draft_of=None).first()
    if row is None:
        raise Http404
    if payload.match is not None and payload.match not in set(Mode):
        raise HttpError(409, "“match” is first or all.")
    try:
        with transaction.atomic():
            rule_lists.reorder(row, payload.rules, payload.match)
            record(user, Act.DID, row, note="Its rules were put in order.")
    except BadRule as error:
        raise HttpError(409, str(error)) from error
    return _shown(with_rules(RuleList.objects.filter(pk=row.pk)).get())


@router.get("rules/{int:rule_id}", response=RuleOut)
def rule(request: HttpRequest, rule_id: int) -> dict[str, Any]:
    """One rule."""
    administrator(request)
    return _one(_rule(rule_id).pk)


@router.put("rules/{int:rule_id}", response=RuleOut)
def change(request: HttpRequest, rule_id: int, payload: RuleIn) -> dict[str, Any]:
    """Write a rule anew; it stays in its list and in its place."""
    user = administrator(request)
    row, wanted = _rule(rule_id), _written(payload)
    if payload.source is not None or payload.queue is not None:
        source, queue = _whose(payload.source, payload.queue)
        if (row.list.source, row.list.queue) != (source, queue):
            raise HttpError(409, "A rule stays in its list: add one to the other list instead.")
    return _saved(user, row.list, wanted, row)


@router.delete("rules/{int:rule_id}", response={204: None})
def delete(request: HttpRequest, rule_id: int) -> tuple[int, None]:
    """Take a rule away."""
    user = administrator(request)
    row = _rule(rule_id)
    with transaction.atomic():
        record(user, Act.DELETED, row, changes=differences(stored(row, PARTS), {}))
        row.delete()
    return 204, None


def _rule(pk: int) -> MailRule:
    row = MailRule.objects.select_related("list__source", "list__queue")
    found = row.filter(pk=pk, list__draft_of=None).first()
    if found is None:
        raise Http404
    return found


def _whose(source: str | None, queue: str | None) -> tuple[EmailSource | None, EmailQueue | None]:
    if source and queue:
        raise HttpError(409, "Name a source or a queue, or neither for all sources.")
    found_source = EmailSource.objects.filter(name=source).first() if source else None
    found_queue = EmailQueue.objects.filter(name=queue).first() if queue else None
    if source and found_source is None:
        raise HttpError(409, f"There is no email source “{source}”.")
    if queue and found_queue is None:
        raise HttpError(409, f"There is no email queue “{queue}”.")
    return found_source, found_queue


def _written(payload: RuleIn) -> Written:
    conditions = [
        {"what": each.what, "how": each.how, "value": each.value, "key": each.key, "not": each.negated}
        for each in payload.conditions
    ]
    actions = [{"do": each.do, "value": each.value} for each in payload.actions]
    try:
        return rule_writing.read(
            {
                "name": payload.name,
                "if": conditions,
                "joined": payload.joined,
                "then": actions,
                "answers": payload.answers,
                "active": payload.active,
            }
        )
    except BadRule as error:
        raise HttpError(409, str(error)) from error


def _saved(user: User, rules: RuleList, wanted: Written, row: MailRule | None = None) -> dict[str, Any]:
    before = stored(row, PARTS) if row is not None else {}
    try:
        with transaction.atomic():
            saved = rule_writing.save(rules, wanted, row)
            changes = differences(before, stored(saved, PARTS))
            if changes:
                record(user, Act.CHANGED if before else Act.INSERTED, saved, changes=changes)
        return _one(saved.pk)
    except BadRule as error:
        raise HttpError(409, str(error)) from error


def _one(pk: int) -> dict[str, Any]:
    whole = with_rules(RuleList.objects.filter(rules=pk)).get()
    return next(each for each in _shown(whole) if each["id"] == pk)


def _shown(row: RuleList) -> list[dict[str, Any]]:
    hits = rule_hits.of_list(row.pk)
    found = []
    for position, each in enumerate(row.rules.all(), 1):
        written = rule_writing.written(each)
        conditions = [
            {"negated" if name == "not" else name: value for name, value in one.items()}
            for one in written.get("if", [])
        ]
        found.append(
            {
                "id": each.pk,
                "name": each.name,
                "source": row.source.name if row.source else None,
                "queue": row.queue.name if row.queue else None,
                "position": position,
                "conditions": conditions,
                "joined": each.joined,
                "actions": written["then"],
                "answers": each.is_for_answers,
                "active": each.is_active,
                "hits": hits[each.pk].count if each.pk in hits else 0,
            }
        )
    return found
