"""What programs for planning write: presence, shifts and absences, escalation, how urgent a contact is.

All of it says how things are to be, so that the same call again changes nothing.
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.errors import HttpError

from agents import rota
from agents.models import Absence, Agent
from api.auth import caller
from api.objects import administrator
from api.planning_shapes import (
    AbsenceIn,
    AbsenceOut,
    ContactPriorityIn,
    ContactPriorityOut,
    EscalationIn,
    EscalationOut,
    PresenceIn,
    PresenceOut,
    ShiftsIn,
    ShiftsOut,
)
from audit.acts import Act
from audit.log import record
from audit.pictures import differences, stored
from crm.models import Contact
from queues import customers, directing, inbox
from queues.models import EmailQueue, EscalationStep
from queues.ownership import profile
from reports.rights import people_of

router = Router(tags=["planning"])


@router.get("presence", response=PresenceOut)
def own_presence(request: HttpRequest) -> dict[str, Any]:
    """Whether the caller counts as there."""
    return _presence(profile(caller(request)))


@router.put("presence", response=PresenceOut)
def say_presence(request: HttpRequest, payload: PresenceIn) -> dict[str, Any]:
    """Say whether the caller is there. It holds until something else is said, or for `lease_seconds`."""
    user = caller(request)
    return _presence(directing.say_by_program(user, payload.presence, payload.reason, payload.lease_seconds))


def _presence(agent: Agent) -> dict[str, Any]:
    return {
        "presence": agent.presence,
        "reason": agent.away_reason,
        "by_program": agent.presence_by_program,
        "until": agent.presence_until,
    }


@router.get("agents/{username}/shifts", response=ShiftsOut)
def shifts(request: HttpRequest, username: str) -> dict[str, Any]:
    """The usual week of an agent whom the caller directs, and the absences from today on."""
    return _shifts(_directed(caller(request), username))


@router.put("agents/{username}/shifts", response=ShiftsOut)
def set_shifts(request: HttpRequest, username: str, payload: ShiftsIn) -> dict[str, Any]:
    """Write the usual week; 409 if `was` is given and it isn't that any more."""
    user = caller(request)
    agent = _directed(user, username)
    try:
        return _shifts(rota.set_week(user, agent.pk, payload.shifts, payload.was))
    except rota.RotaError as error:
        raise HttpError(409, str(error)) from error


@router.post("agents/{username}/absences", response={201: AbsenceOut})
def add_absence(request: HttpRequest, username: str, payload: AbsenceIn) -> tuple[int, Absence]:
    """Note that an agent is away, or works at other hours; the same one again gives the one that is there."""
    user = caller(request)
    agent = _directed(user, username)
    wanted = payload.dict()
    there = agent.absences.filter(**wanted).first()
    try:
        return 201, there or rota.add_absence(user, agent.pk, Absence(**wanted))
    except rota.RotaError as error:
        raise HttpError(409, str(error)) from error


@router.delete("agents/{username}/absences/{int:absence_id}", response={204: None})
def remove_absence(request: HttpRequest, username: str, absence_id: int) -> tuple[int, None]:
    """Take an absence away; none is left, even if there was none."""
    user = caller(request)
    rota.remove_absence(user, _directed(user, username).pk, absence_id)
    return 204, None


def _directed(user: User, username: str) -> Agent:
    """An agent whom the user directs; everybody may look at and plan nobody else."""
    agent = people_of(user).select_related("user").filter(user__username=username).first()
    if agent is None:
        raise Http404
    return agent


def _shifts(agent: Agent) -> dict[str, Any]:
    absences = agent.absences.filter(last_date__gte=timezone.localdate()).order_by("first_date", "pk")
    return {
        "agent": agent.user.get_username(),
        "shifts": agent.shifts,
        "time_zone": agent.time_zone or None,
        "days": {cell.day: cell.hours.replace(", ", ",") for cell in rota.cells(agent)},
        "absences": list(absences),
    }


@router.get("queues/{int:queue_id}/escalation", response=EscalationOut)
def escalation(request: HttpRequest, queue_id: int) -> dict[str, Any]:
    """The steps of a queue that the caller works in."""
    return _steps(_queue(caller(request), queue_id))


@router.put("queues/{int:queue_id}/escalation", response=EscalationOut)
def set_escalation(request: HttpRequest, queue_id: int, payload: EscalationIn) -> dict[str, Any]:
    """Have exactly these steps; those that are there already stay, and are not taken again."""
    user = administrator(request)
    queue = _queue(user, queue_id)
    names = {step.to_queue for step in payload.steps if step.to_queue}
    targets = {row.name: row for row in inbox.queues_for(user).filter(name__in=names)}
    wanted = []
    for number, each in enumerate(payload.steps, 1):
        if each.to_queue and each.to_queue not in targets:
            raise HttpError(409, f"Step {number}: there is no queue “{each.to_queue}”.")
        step = EscalationStep(
            queue=queue, when=each.when, amount=each.amount, act=each.act, text=each.text,
            to_queue=targets[each.to_queue] if each.to_queue else None,
        )  # fmt: skip
        try:
            step.full_clean()
        except ValidationError as error:
            raise HttpError(409, f"Step {number}: {' '.join(error.messages)}") from error
        wanted.append(step)
    before = stored(queue, ["escalation"])
    with transaction.atomic():
        _replace(queue, wanted)
        changes = differences(before, stored(queue, ["escalation"]))
        if changes:
            record(user, Act.CHANGED, queue, changes=changes)
    return _steps(queue)


@transaction.atomic
def _replace(queue: EmailQueue, wanted: list[EscalationStep]) -> None:
    EmailQueue.objects.select_for_update().get(pk=queue.pk)  # two writers: one after the other
    there = {_same(step): step for step in queue.escalation.all()}
    kept = {_same(step) for step in wanted}
    EscalationStep.objects.filter(pk__in=[there[key].pk for key in there.keys() - kept]).delete()
    for step in wanted:
        if _same(step) not in there:
            step.save()
            there[_same(step)] = step


def _same(step: EscalationStep) -> tuple[Any, ...]:
    return step.when, step.amount, step.act, step.to_queue_id, step.text


def _queue(user: User, queue_id: int) -> EmailQueue:
    queue = inbox.queues_for(user).filter(pk=queue_id).first()
    if queue is None:
        raise Http404
    return queue


def _steps(queue: EmailQueue) -> dict[str, Any]:
    rows = queue.escalation.select_related("to_queue")
    return {
        "queue": queue.name,
        "steps": [
            {
                "id": row.pk,
                "when": row.when,
                "amount": row.amount,
                "act": row.act,
                "to_queue": row.to_queue.name if row.to_queue else "",
                "text": row.text,
                "sentence": str(row),
            }
            for row in rows
        ],
    }


@router.put("conversations/{int:conversation_id}/contact-priority", response=ContactPriorityOut)
def contact_priority(
    request: HttpRequest, conversation_id: int, payload: ContactPriorityIn
) -> dict[str, Any]:
    """Say how urgent new conversations with the contact of this one are; what is open keeps its own."""
    user = caller(request)
    wanted = Contact.Priority[payload.priority.upper()]
    contact = customers.set_contact_priority(user, inbox.conversation(user, conversation_id), wanted)
    return {"contact_id": contact.pk, "priority": payload.priority}
